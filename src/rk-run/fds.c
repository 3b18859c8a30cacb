/* SPDX-License-Identifier: ISC
   Descriptors that were handed in and lead out of the chain: what the command needs is kept, the
   rest is not. */
#include "run.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rk/fds.h>
#include <rk/listen.h>

enum { FIRST = 3, STANDARD = 2 };

struct look {
  struct run const *r;
  uint64_t own;
  int last; /* of the sockets of sd_listen_fds(3) */
  char *list;
};

/* The last of the descriptors that LISTEN_FDS announces to this process, or 2. */
static int last_given(void)
{
  char const *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");

  if (!pid || !fds || strcmp(pid, run_text("%ld", (long)getpid())))
    return STANDARD;
  int n = atoi(fds);
  return n > 0 && n < 65536 ? FIRST + n - 1 : STANDARD;
}

static int decide(int fd, void *data)
{
  struct look *l = data;
  char const *is = rk_fd_leads(fd, RK_FDS_FILES | RK_FDS_SOCKETS, l->own);

  if (!is)
    return 0;
  if (fd <= l->last || rk_listen_made(fd)) {
    run_debug(l->r, "fd %d, %s, is passed to the command, which can reach the outside through it",
              fd, is);
    l->list = run_text("%s%s%d", l->list, *l->list ? "," : "", fd);
    return 0;
  }
  run_warn("fd %d, %s, is not passed to the command: it leads outside (LISTEN_FDS keeps sockets)",
           fd, is);
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return 0;
}

char const *run_fds(struct run const *r)
{
  int hostnet = r->detach_netns || !strcmp(r->net, "host");
  struct look l = {.r = r,
                   .own = hostnet ? rk_netns_cookie() : 0,
                   .last = last_given(),
                   .list = run_text("%s", "")};

  if (rk_fds_each(decide, &l) == -1)
    run_die("open /proc/self/fd: is /proc mounted?");
  return l.list;
}
