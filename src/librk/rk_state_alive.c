/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <sys/file.h>

#include <skalibs/types.h>

#include <rk/ns.h>
#include <rk/proc.h>

/* Does somebody hold the lock? What is no regular file was put there by somebody else, and locks
   nothing. */
static int held(int dirfd)
{
  int fd = rk_regular_open(dirfd, "lock", O_RDONLY);
  int r = 0;

  if (fd == -1)
    return 0;
  if (flock(fd, LOCK_SH | LOCK_NB) == -1)
    r = errno == EWOULDBLOCK ? 1 : -1;
  close(fd); /* this also drops the shared lock just taken */
  return r;
}

/* A chain whose lock is free has a user namespace of its own: else it would hold the lock itself
   (rk-state, until rk-userns). Root inside may write any process's name, but not make a process of
   the user's own namespace look so. */
static int enclosed(pid_t pid)
{
  char path[RK_PROCPATH_MAX];
  int fd = open(rk_procpath(path, pid, "ns/user"), O_RDONLY | O_CLOEXEC);
  int r;

  if (fd == -1)
    return 0;
  r = rk_ns_same(fd, "/proc/self/ns/user") == 0;
  close(fd);
  return r;
}

int rk_state_owner(int dirfd, pid_t *pid)
{
  char owner[RK_IDENTITY_MAX];
  unsigned int n = 0;

  if (rk_fact_read(dirfd, ".owner", owner, sizeof owner) == -1)
    owner[0] = 0;
  uint_scan(owner, &n);
  if (pid)
    *pid = (pid_t)n;
  return n && rk_identity_alive(owner) == 1 && enclosed((pid_t)n);
}

int rk_state_alive(int dirfd, pid_t *pid)
{
  int owner = rk_state_owner(dirfd, pid);

  return owner ? owner : held(dirfd);
}
