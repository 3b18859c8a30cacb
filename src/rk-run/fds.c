/* SPDX-License-Identifier: ISC
   Descriptors that were handed in and lead out of the chain: what the command needs is kept, the
   rest is not. */
#include "run.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <rk/fds.h>
#include <rk/landlock.h>
#include <rk/listen.h>

enum { FIRST = 3, STANDARD = 2 };

struct look {
  struct run const *r;
  uint64_t own;
  int last; /* of the sockets of sd_listen_fds(3) */
  int open; /* boolean: among them is one that the command can make to connect */
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

static int is_tcp(int fd)
{
  int protocol = 0;
  socklen_t len = sizeof protocol;

  return getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) == 0 && protocol == IPPROTO_TCP;
}

/* RootlessKit's callers need not hear of it: most of them connect, which rk-confine forbids. */
static void advise(struct run const *r)
{
  char const *base = strrchr(r->command[0], '/');

  if (!strcmp(base ? base + 1 : r->command[0], "rk-confine"))
    return;
  if (rk_landlock_abi() >= RK_LANDLOCK_NET)
    run_debug(r, "rk-confine before the command would keep it from connecting through "
                 "these sockets");
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
    if (is_tcp(fd) && !rk_listen_made(fd))
      l->open = 1;
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
  if (l.open)
    advise(r);
  return l.list;
}
