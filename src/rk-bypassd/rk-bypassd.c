/* SPDX-License-Identifier: ISC
   rk-bypassd: answer the trapped calls of a chain under rk-bypass.

   where    outside; started by rk-outside only
   fds      3 to 7: rk/bypass.h
   forks    no
   holds    the listener of the chain's seccomp filter, sockets of published ports
   lives    until the chain has ended, or nothing is left that the filter applies to
   exits    0, 100, 111
 */
#include "bypassd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/fds.h>
#include <rk/prog.h>

static void check_fds(void)
{
  for (int fd = RK_BYPASS_NOTIFY_FD; fd <= RK_BYPASS_USERNS_FD; fd++)
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
      strerr_dief(RK_EXIT_USAGE, "this program is started by rk-outside only");
}

static void raise_limit(void)
{
  struct rlimit r;

  if (getrlimit(RLIMIT_NOFILE, &r) == -1)
    return;
  r.rlim_cur = r.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &r) == -1)
    strerr_warnwusys("raise the limit of open files");
}

static void open_all(struct bypassd *b, char const *path)
{
  struct stat st;

  b->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (b->proc == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc");
  b->state = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (b->state == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  if (fstat(RK_BYPASS_USERNS_FD, &st) == -1)
    strerr_diefusys(RK_EXIT_SYS, "look at the chain's user namespace");
  b->dev = st.st_dev;
  b->ino = st.st_ino;
  b->cookie = rk_netns_cookie();
  b->page = mmap(NULL, sizeof *b->page, PROT_READ | PROT_WRITE, MAP_SHARED, RK_BYPASS_PAGE_FD, 0);
  if (b->page == MAP_FAILED)
    strerr_diefusys(RK_EXIT_SYS, "map the calls in flight");
}

static void wait_for_all(struct bypassd *b)
{
  b->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (b->epoll == -1)
    strerr_diefusys(RK_EXIT_SYS, "make an epoll set");
  if (event_add(b, EVENT_CHAIN, 0, RK_BYPASS_CHAIN_FD, EPOLLIN) == -1 ||
      event_add(b, EVENT_HUB, 0, RK_BYPASS_HUB_FD, EPOLLIN) == -1 || calls_listen(b, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for calls");
  for (unsigned int i = 1; i <= RK_BYPASS_MORE; i++)
    if (b->listener[i] != -1 && calls_listen(b, i) == -1)
      calls_unused(b, i);
}

static void happened(struct bypassd *b, struct epoll_event const *e)
{
  unsigned int index = (unsigned int)(e->data.u64 & 0xffffffff);

  switch ((enum event_kind)(e->data.u64 >> 32)) {
    case EVENT_CHAIN: _exit(0);
    case EVENT_CALL:
      if (e->events & EPOLLIN)
        calls_receive(b, index);
      else if (index)
        calls_unused(b, index); /* EPOLLHUP: nothing has the filter any more */
      else
        _exit(0);
      break;
    case EVENT_HUB: ports_hub(b); break;
    case EVENT_CLIENT: calls_client(b, index); break;
    case EVENT_CONNECTED: calls_connected(b, index); break;
    case EVENT_HOLDER: ports_holder_ended(b, index); break;
  }
}

/* Those of fd 8... are there without a gap. */
static void clear(struct bypassd *b)
{
  int more = 1;

  b->listener[0] = RK_BYPASS_NOTIFY_FD;
  for (int i = 0; i < RK_BYPASS_MORE; i++) {
    more = more && fcntl(RK_BYPASS_MORE_FD + i, F_SETFD, FD_CLOEXEC) == 0;
    b->listener[1 + i] = more ? RK_BYPASS_MORE_FD + i : -1;
  }
  for (unsigned int i = 0; i <= NOBODY; i++)
    b->client[i].fd = -1;
}

int main(int argc, char const *const *argv)
{
  static struct bypassd b; /* most of it is never touched */
  char prog[RK_PROG_MAX];
  /* one event at a time: what it changes may make the next one void */
  struct epoll_event e;

  PROG = "rk-bypassd";
  check_fds();
  if (argc != 2)
    strerr_dieusage(RK_EXIT_USAGE, "rk-bypassd dir");
  rk_no_dump_or_die();
  rk_prog_dir("rk-bypassd", argv[1], prog);
  signal(SIGPIPE, SIG_IGN);
  raise_limit();
  clear(&b);
  open_all(&b, argv[1]);
  wait_for_all(&b);
  if (seccomp_install() == -1)
    strerr_diefusys(RK_EXIT_SYS, "install a seccomp filter");
  calls_redo(&b);
  for (;;) {
    int n = epoll_wait(b.epoll, &e, 1, calls_wait_ms(&b));
    if (n == 1)
      happened(&b, &e);
    if (n == -1 && errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "wait for calls");
    calls_limits(&b);
  }
}
