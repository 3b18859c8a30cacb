/* SPDX-License-Identifier: ISC */
#include <rk/state.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/file.h>
#include <skalibs/types.h>

/* Does somebody hold the lock? What is no regular file was put there by somebody else, and locks nothing. */
static int held(int dirfd)
{
  int fd = rk_regular_open(dirfd, "lock", O_RDONLY);
  int r = 0;

  if (fd == -1) return 0;
  if (flock(fd, LOCK_SH | LOCK_NB) == -1) r = errno == EWOULDBLOCK ? 1 : -1;
  close(fd); /* this also drops the shared lock just taken */
  return r;
}

int rk_state_alive(int dirfd, pid_t *pid)
{
  char owner[RK_IDENTITY_MAX];
  unsigned int n = 0;
  int r;

  /* An .owner that cannot be read names nobody: then the lock alone decides. */
  if (rk_fact_read(dirfd, ".owner", owner, sizeof owner) == -1) owner[0] = 0;
  uint_scan(owner, &n);
  if (pid) *pid = (pid_t)n;
  r = held(dirfd);
  if (r == 0 && owner[0]) r = rk_identity_alive(owner) == 1;
  return r;
}
