/* SPDX-License-Identifier: ISC
   rk-relay: the data path of published ports, in the chain's network namespace.

   where    started by rk-portd outside; joins the chain's user and network namespace
   changes  -
   fds/env  3 control (rk/relay.h), 4 network namespace, 5 end of the chain, 6 to ask for
            unix sockets' files; 2 for its lines
   forks    no
   holds    the host's listening sockets and clients' connections; CAP_NET_RAW, CAP_NET_ADMIN and
            CAP_NET_BIND_SERVICE of the chain's namespace; no file system, no way to exec
   exits    0 the chain has ended, or rk-portd has and so has the last connection; 100 not started
            by rk-portd; 101 bug; 111 a system call failed
   #syscalls seccomp.c */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>

#include <skalibs/strerr.h>
#include <rk/exit.h>
#include <rk/prog.h>

#include "relay.h"

enum { EVENTS = 128, PATIENCE = 100 /* failed waits in a row */ };

/* What has to be done every second. */
static int second(struct relay *r)
{
  int ports = port_tick(r);
  int clients = srcip_tick(r);
  int marks = nft_tick(r);

  return ports || clients || marks;
}

static struct timer_kind const timers[TIMERS] = {
  [TIMER_RESUME] = {100, listener_resume},
  [TIMER_REFUSE] = {50, listener_poll},
  [TIMER_SECOND] = {1000, second},
};

/* The first message. */
static void receive(struct rk_relay_start *s)
{
  ssize_t n = recv(RK_RELAY_CONTROL_FD, s, sizeof *s, MSG_TRUNC);

  if (!n)
    _exit(0);
  if (n == -1 && (errno == ENOTSOCK || errno == EBADF))
    strerr_dief(RK_EXIT_USAGE, "this program is started by rk-portd only");
  if (n == -1)
    strerr_diefusys(RK_EXIT_SYS, "receive the first message");
  if (n != sizeof *s || s->head.version != RK_RELAY_VERSION || s->head.op != RK_RELAY_START)
    strerr_dief(RK_EXIT_BUG, "first message of another version or size");
}

/* 0, or -1 with errno and what failed. */
static int enter(struct relay *r, struct rk_relay_start const *s, struct rk_relay_say *say,
                 char const **what)
{
  if (relay_join(what) == -1)
    return -1;
  *what = "make an epoll";
  r->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (r->epoll == -1)
    return -1;
  *what = "open a diagnosis socket";
  if (listener_start(r) == -1)
    return -1;
  accept_start(r);
  srcip_start(r, s, say);
  share_start(r);
  listener_patience(r, s->patience);
  r->six = s->six != 0;
  r->sockets = s->sockets != 0;
  return relay_sandbox(r->six, r->sockets, what);
}

/* The first message says how the namespace looks; joining waits for it, so that the reply can tell
   what went wrong. */
static void start(struct relay *r)
{
  struct rk_relay_start s;
  struct rk_relay_say say = {.head = {RK_RELAY_VERSION, RK_RELAY_START}};
  char const *what = NULL;

  receive(&s);
  r->alarm = fcntl(RK_RELAY_ALARM_FD, F_GETFD) == -1 ? -1 : RK_RELAY_ALARM_FD;
  int e = enter(r, &s, &say, &what);
  if (e == -1) {
    say.error = errno;
    strncpy(say.text, what, sizeof say.text - 1);
  }
  if (send(RK_RELAY_CONTROL_FD, &say, sizeof say, MSG_NOSIGNAL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "answer rk-portd");
  if (e == -1)
    _exit(RK_EXIT_SYS);
  r->chain = (struct source){
    .fd = RK_RELAY_CHAIN_FD,
    .kind = KIND_CHAIN,
  };
  if (relay_watch(r, &r->chain, EPOLLIN) == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch the chain");
  control_start(r);
}

/* All but the control socket's: a request may free what another event of the same batch names. */
static void dispatch(struct relay *r, struct epoll_event const *e)
{
  struct source *src = e->data.ptr;

  switch (src->kind) {
    case KIND_SIDE: return tcp_event(r, src, e->events);
    case KIND_LISTENER: return accept_event(r, (struct listener *)src, e->events);
    case KIND_DGRAM: return udp_event(r, (struct listener *)src, e->events);
    case KIND_SESSION: return udp_session_event(r, src);
    case KIND_NFT: return nft_event(r, src);
    case KIND_CHAIN: _exit(0);
    default: strerr_dief(RK_EXIT_BUG, "event of an unknown kind");
  }
}

/* One batch of events and what follows from it. Returns whether some connections have more to do
   at once. */
static int step(struct relay *r, int busy)
{
  struct epoll_event events[EVENTS];
  uint32_t asked = 0;
  int n = epoll_wait(r->epoll, events, EVENTS, busy ? 0 : timer_wait(r));

  if (n != -1)
    r->deaf = 0;
  else if (errno != EINTR && ++r->deaf > PATIENCE) /* connections are worth some tries */
    strerr_diefusys(RK_EXIT_SYS, "wait for events");
  r->now = clock_now(); /* it may have slept for hours, and sessions are stamped */
  for (int i = 0; i < n; i++) {
    struct source const *src = events[i].data.ptr;
    if (src->kind == KIND_CONTROL)
      asked = events[i].events;
    else
      dispatch(r, events + i);
  }
  if (asked)
    control_event(r, asked);
  busy = tcp_ready(r);
  timer_run(r);
  listener_settle(r);
  tcp_free_dead(r);
  udp_free_dead(r);
  if (r->draining && !r->tcp.n)
    _exit(0);
  return busy;
}

/* Sent to every process at once they do not mean us: rk-portd and the chain's end do. */
static void outlive(void)
{
  signal(SIGTERM, SIG_IGN);
  signal(SIGINT, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
}

int main(int argc, char const *const *argv)
{
  static struct relay relay;
  char prog[RK_PROG_MAX];
  int busy = 0;

  PROG = "rk-relay";
  if (argc > 1)
    rk_prog_dir("rk-relay", argv[1], prog);
  relay.timers = timers;
  outlive();
  start(&relay);
  for (;;)
    busy = step(&relay, busy);
}
