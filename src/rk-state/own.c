/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/state.h>
#include <rk/text.h>
#include "rk-state.h"

/* Did a chain of ours use this directory? Others may have written it, so the mark must be ours as
   well. */
static int marked(int fd)
{
  static char const *const marks[] = {".made", ".owner"};
  struct stat st;

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (fstatat(fd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        st.st_uid == geteuid())
      return 1;
  return 0;
}

/* Everybody may put another directory in the place of one that lies below a directory like this: a
   sticky one (/tmp) is none. */
static void check_above(int dir, char const *path, int fresh)
{
  struct stat st, last = {0};
  int fd = dir;

  for (;;) {
    int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd != dir)
      close(fd);
    if (up == -1)
      return; /* not searchable, so nobody else of our kind comes by here */
    fd = up;
    if (fstat(fd, &st) == -1 || (st.st_ino == last.st_ino && st.st_dev == last.st_dev))
      break;
    last = st;
    if ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX)) {
      if (fresh)
        rmdir(path);
      strerr_dief(RK_EXIT_HOST, "state directory ", path,
                  " lies below a directory that everybody may write and that is not sticky");
    }
  }
  if (fd != dir)
    close(fd);
}

static int open_own(char const *path)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  /* a chain may have taken the permissions away; only the owner can give them back */
  if (fd == -1 && errno == EACCES && fchmodat(AT_FDCWD, path, 0700, AT_SYMLINK_NOFOLLOW) == 0)
    fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd != -1 || errno == ENOENT)
    return fd;
  if (errno == ELOOP || (errno == ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)))
    strerr_dief(RK_EXIT_HOST, "state directory ", path, " is a symbolic link");
  if (errno == ENOTDIR)
    strerr_dief(RK_EXIT_HOST, path, " is not a directory");
  if (errno == EACCES && lstat(path, &st) == 0 && st.st_uid != geteuid())
    strerr_dief(RK_EXIT_HOST, "state directory ", path, " belongs to another user");
  strerr_diefusys(RK_EXIT_SYS, "open state directory ", path);
}

int state_own(char const *path, int ours, int fresh)
{
  struct stat st;
  int fd = open_own(path);

  if (fd == -1)
    return -1;
  if (fstat(fd, &st) == -1)
    strerr_diefusys(RK_EXIT_SYS, "stat ", path);
  if (st.st_uid != geteuid())
    strerr_dief(RK_EXIT_HOST, "state directory ", path, " belongs to another user");
  if (st.st_mode & 022) {
    if (!ours && !marked(fd)) {
      char word[RK_STATE_PATH_MAX * 4 + 8];
      struct rk_text t = rk_text_in(word, sizeof word);
      rk_text_shell(&t, path);
      strerr_dief(RK_EXIT_HOST, "state directory ", path, " is writable by others: chmod go-w ",
                  word);
    }
    if (fchmod(fd, 0700) == -1)
      strerr_diefusys(RK_EXIT_SYS, "change the mode of ", path);
    strerr_warnw("state directory ", path, " was writable by others: its mode is 0700 now");
  }
  check_above(fd, path, fresh);
  return fd;
}
