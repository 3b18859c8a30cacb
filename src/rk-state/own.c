/* SPDX-License-Identifier: ISC */
#include "rk-state.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/fail.h>
#include <rk/state.h>
#include <rk/text.h>

/* Did a chain of ours use this directory? Others may have written it, so the mark must be ours as
   well. */
static int marked(int fd)
{
  static char const *const marks[] = {".made", ".owner"};
  struct stat st;

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
    if (fstatat(fd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == -1)
      continue;
    if (S_ISREG(st.st_mode) && st.st_uid == geteuid())
      return 1;
  }
  return 0;
}

static int same_file(struct stat const *a, struct stat const *b)
{
  return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

/* Everybody may put another directory in the place of one that lies below a directory like this: a
   sticky one (/tmp) is none. */
static void check_above(int dir, char const *path, int fresh)
{
  struct stat st;
  struct stat last = {0};
  int fd = dir;

  for (;;) {
    int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd != dir)
      close(fd);
    if (up == -1)
      return; /* not searchable, so nobody else of our kind comes by here */
    fd = up;
    if (fstat(fd, &st) == -1 || same_file(&st, &last))
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

int state_open(int dirfd, char const *name)
{
  int const flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(dirfd, name, flags);

  if (fd != -1 || errno != EACCES)
    return fd;
  if (fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) == -1)
    return rk_fail(EACCES);
  return openat(dirfd, name, flags);
}

static int is_link(char const *path)
{
  struct stat st;

  return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

static void die_foreign(char const *path) __attribute__((noreturn));
static void die_foreign(char const *path)
{
  strerr_dief(RK_EXIT_HOST, "state directory ", path, " belongs to another user");
}

static void die_fresh(char const *path, int fresh, char const *what) __attribute__((noreturn));
static void die_fresh(char const *path, int fresh, char const *what)
{
  int e = errno;

  if (fresh)
    rmdir(path);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, what, path);
}

static int open_own(char const *path, int fresh)
{
  struct stat st;
  int fd = state_open(AT_FDCWD, path);
  int e = errno;

  if (fd != -1 || e == ENOENT)
    return fd;
  if (e == ELOOP || (e == ENOTDIR && is_link(path)))
    strerr_dief(RK_EXIT_HOST, "state directory ", path, " is a symbolic link");
  if (e == ENOTDIR)
    strerr_dief(RK_EXIT_HOST, path, " is not a directory");
  if (e == EACCES && lstat(path, &st) == 0 && st.st_uid != geteuid())
    die_foreign(path);
  errno = e;
  die_fresh(path, fresh, "open state directory ");
}

static void die_writable(char const *path) __attribute__((noreturn));
static void die_writable(char const *path)
{
  char word[RK_STATE_PATH_MAX * 4 + 8];
  struct rk_text t = rk_text_in(word, sizeof word);

  rk_text_shell(&t, path);
  strerr_dief(RK_EXIT_HOST, "state directory ", path, " is writable by others: chmod go-w ", word);
}

int state_own(char const *path, int ours, int fresh)
{
  struct stat st;
  int fd = open_own(path, fresh);

  if (fd == -1)
    return -1;
  if (fstat(fd, &st) == -1)
    die_fresh(path, fresh, "stat ");
  if (st.st_uid != geteuid())
    die_foreign(path);
  if (st.st_mode & 022) {
    if (!ours && !marked(fd))
      die_writable(path);
    if (fchmod(fd, 0700) == -1)
      die_fresh(path, fresh, "change the mode of ");
    strerr_warnw("state directory ", path, " was writable by others: its mode is 0700 now");
  }
  check_above(fd, path, fresh);
  return fd;
}
