/* SPDX-License-Identifier: ISC */
#include <rk/state.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/file.h>
#include <skalibs/types.h>

int rk_state_alive(int dirfd, pid_t *pid)
{
  char owner[RK_IDENTITY_MAX];
  unsigned int n = 0;
  int fd, held = 0;

  if (rk_fact_read(dirfd, ".owner", owner, sizeof owner) < 0) {
    if (errno != ENOENT) return -1;
    owner[0] = 0;
  }
  uint_scan(owner, &n);
  if (pid) *pid = (pid_t)n;
  fd = openat(dirfd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno != ENOENT) return -1;
  } else {
    if (flock(fd, LOCK_SH | LOCK_NB) < 0) {
      if (errno != EWOULDBLOCK) {
        int e = errno;
        close(fd);
        return errno = e, -1;
      }
      held = 1;
    }
    close(fd); /* this also drops the shared lock just taken */
  }
  return held || (owner[0] && rk_identity_alive(owner) == 1);
}
