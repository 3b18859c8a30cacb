/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <rk/fail.h>

/* A lock is a regular file of ours. What else lies in its place was put there by a chain. */
static int open_lock(int dir, int create)
{
  struct stat st;
  int fd;

  if (fstatat(dir, "lock", &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid()) {
      if (rk_state_free(dir, "lock") == -1)
        return -1;
    } else if ((st.st_mode & 0600) != 0600) {
      /* glibc wants the result looked at */
      if (fchmodat(dir, "lock", 0600, AT_SYMLINK_NOFOLLOW) == -1)
        errno = 0; /* if it matters, the open fails */
    }
  }
  fd = rk_regular_open(dir, "lock", O_RDWR | create);
  if (fd != -1 && create)
    fchmod(fd, 0600); /* whatever the umask */
  return fd;
}

int rk_state_locked(int dir, int lockfd)
{
  struct stat mine, there;

  if (fstat(lockfd, &mine) == -1)
    return -1;
  if (fstatat(dir, "lock", &there, AT_SYMLINK_NOFOLLOW) == -1)
    return errno == ENOENT ? 0 : -1;
  return there.st_ino == mine.st_ino && there.st_dev == mine.st_dev;
}

/* A cleaner may unlink the file between open and lock: look again; but not for ever, if a chain
   does that on purpose. */
int rk_state_lock(int dir, int create, int *lockfd)
{
  if (dir == -1)
    return rk_fail(ENOENT);
  for (int tries = 100; tries--;) {
    int l = open_lock(dir, create);
    int ours;
    int e;

    if (l == -1)
      return -1;
    if (flock(l, LOCK_EX | LOCK_NB) == -1) {
      e = errno;
      close(l);
      return rk_fail(e);
    }
    ours = rk_state_locked(dir, l);
    if (ours == 1) {
      *lockfd = l;
      return 0;
    }
    e = errno;
    close(l);
    if (ours == -1)
      return rk_fail(e);
  }
  return rk_fail(EAGAIN);
}
