/* SPDX-License-Identifier: ISC
   rk-relay: the data path of published ports, in the chain's network namespace.

   where    started by rk-portd outside; joins the chain's user and network namespace
   changes  -
   fds/env  3 control (rk/relay.h), 4 network namespace, 5 end of the chain; 2 for its lines
   forks    no
   holds    the host's listening sockets and clients' connections; CAP_NET_RAW, CAP_NET_ADMIN and
            CAP_NET_BIND_SERVICE of the chain's namespace; no file system, no way to exec
   exits    0 the chain has ended, or rk-portd has and so has the last connection; 100 not started
            by rk-portd; 101 bug; 111 a system call failed
   #syscalls seccomp.c */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>

#include <skalibs/strerr.h>
#include <rk/exit.h>

#include "relay.h"

enum { EVENTS = 128 };

int relay_epoll, relay_draining, relay_six;
unsigned long relay_conns;

static struct source chain = {.fd = RK_RELAY_CHAIN_FD, .kind = KIND_CHAIN};

static int control(int op, struct source *src, uint32_t events)
{
  struct epoll_event e = {.events = events, .data.ptr = src};

  return epoll_ctl(relay_epoll, op, src->fd, &e);
}
int relay_watch(struct source *src, uint32_t events)
{
  return control(EPOLL_CTL_ADD, src, events);
}
void relay_rewatch(struct source *src, uint32_t events)
{
  control(EPOLL_CTL_MOD, src, events);
}
void relay_unwatch(struct source *src)
{
  control(EPOLL_CTL_DEL, src, 0);
}

void relay_say(char const *text, char const *why)
{
  strerr_warnw(text, why);
}

void relay_leave_when_idle(void)
{
  if (!relay_conns)
    _exit(0);
}

/* The first message says how the namespace looks; joining waits for it, so that the reply can tell
   what went wrong. */
static void start(void)
{
  struct rk_relay_start s;
  struct rk_relay_say say = {.head = {RK_RELAY_VERSION, RK_RELAY_START}};
  char const *what = 0;
  ssize_t r = recv(RK_RELAY_CONTROL_FD, &s, sizeof s, MSG_TRUNC);

  if (!r)
    _exit(0);
  if (r == -1 && (errno == ENOTSOCK || errno == EBADF))
    strerr_dief(RK_EXIT_USAGE, "this program is started by rk-portd only");
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "receive the first message");
  if (r != sizeof s || s.head.version != RK_RELAY_VERSION || s.head.op != RK_RELAY_START)
    strerr_dief(RK_EXIT_BUG, "first message of another version or size");
  relay_epoll = -1;
  if (relay_join(&what) == 0) {
    what = "make an epoll";
    relay_epoll = epoll_create1(EPOLL_CLOEXEC);
    if (relay_epoll != -1) {
      what = "open a diagnosis socket";
      if (refuse_start() == 0) {
        srcip_start(&s, &say);
        share_start();
        refuse_patience(s.patience);
        relay_six = s.six != 0;
        if (relay_sandbox(relay_six, &what) == 0)
          what = 0;
      }
    }
  }
  if (what) {
    say.error = errno;
    strncpy(say.text, what, sizeof say.text - 1);
  }
  if (send(RK_RELAY_CONTROL_FD, &say, sizeof say, MSG_NOSIGNAL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "answer rk-portd");
  if (what)
    _exit(RK_EXIT_SYS);
}

/* All but the control socket's: a request may free what another event of the same batch names. */
static void dispatch(struct epoll_event const *e)
{
  struct source *src = e->data.ptr;

  switch (src->kind) {
    case KIND_SIDE: return tcp_event(src, e->events);
    case KIND_LISTENER: return accept_event((struct listener *)src, e->events);
    case KIND_DGRAM: return udp_event((struct listener *)src, e->events);
    case KIND_SESSION: return udp_session_event(src);
    case KIND_NFT: return nft_event(src);
    case KIND_CHAIN: _exit(0);
    default: strerr_dief(RK_EXIT_BUG, "event of an unknown kind");
  }
}

int main(void)
{
  static struct epoll_event events[EVENTS];
  int busy = 0;

  PROG = "rk-relay";
  start();
  if (relay_watch(&chain, EPOLLIN) == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch the chain");
  control_start();
  for (;;) {
    int n = epoll_wait(relay_epoll, events, EVENTS, busy ? 0 : timer_wait());
    if (n == -1 && errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "wait for events");
    uint32_t asked = 0;
    clock_update(); /* it may have slept for hours, and sessions are stamped */
    for (int i = 0; i < n; i++)
      if (((struct source *)events[i].data.ptr)->kind == KIND_CONTROL)
        asked = events[i].events;
      else
        dispatch(events + i);
    if (asked)
      control_event(asked);
    busy = tcp_ready();
    timer_run();
    tcp_free_dead();
    udp_free_dead();
  }
}
