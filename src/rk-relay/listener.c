/* SPDX-License-Identifier: ISC
   Whether a listener takes clients: its life is in listener.txt.

   refuse=backend: a port whose backend does not listen refuses by itself. shutdown(2) of a
   listening socket makes it refuse while it keeps its port, listen(2) resumes. Nothing tells when a
   backend begins or ceases to listen, so the relay asks by one socket-diagnosis request (rk_diag,
   about 1 us): at the start, after a refused connection, and every 50 ms while the port refuses. It
   finds listeners of this namespace only, so a destination behind DNAT is never found listening:
   there the port must not be made with this option.

   While a chain starts its programs do not listen yet, but those who waited for it in the backlog
   are there already: taking them now would be to refuse them. So they wait, though not those of
   long ranges, of which few ports are ever served, and no more once there is DNAT: it may lead to a
   listener that cannot be seen from here.

   wait=SECONDS: before each client is taken, the kernel is asked whether its backend listens. If
   not, the listener is left alone for so long, and its clients wait in the backlog, of UDP their
   datagrams in its queue. Nothing is asked while there is no client, so an idle relay sleeps. */
#include <errno.h>
#include <unistd.h>
#include <sys/epoll.h>

#include <rk/diag.h>
#include <rk/fail.h>
#include <rk/netlink.h>

#include "relay.h"

enum {
  BACKLOG = 4096,       /* cut to net.core.somaxconn */
  PATIENT_RANGE = 16,   /* longest range whose clients wait */
  ASKED_AT_ONCE = 1000, /* so many listeners have their backend asked for in one turn */
  REFUSED_FOR = 1000 /* ms: after a wait in vain, who comes in this time is not made to wait anew */
};

union address listener_backend(struct listener const *l, socklen_t *len)
{
  union address a = l->target->dest;

  if (a.sa.sa_family == AF_INET) {
    a.v4.sin_port = htons(l->port);
    *len = sizeof a.v4;
  } else {
    a.v6.sin6_port = htons(l->port);
    *len = sizeof a.v6;
  }
  return a;
}

/* 1, 0, or -1 with errno */
static int backend_there(struct relay const *r, struct listener const *l)
{
  socklen_t len;
  union address a = listener_backend(l, &len);

  return rk_diag_listens(r->listeners.diag, l->target->port->proto, &a.sa);
}

/* A kernel without tcp_diag or udp_diag also says that nobody listens: it must find one that is
   surely there. */
static int finds(int diag, int fd, int proto)
{
  union address a = {
    .v4.sin_family = AF_INET,
    .v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  socklen_t len = sizeof a;

  if (bind(fd, &a.sa, sizeof a.v4) == -1)
    return 0;
  if (proto == IPPROTO_TCP && listen(fd, 1) == -1)
    return 0;
  if (getsockname(fd, &a.sa, &len) == -1)
    return 0;
  return rk_diag_listens(diag, proto, &a.sa) == 1;
}

int listener_start(struct relay *r)
{
  r->listeners.diag = rk_nl_open(NETLINK_SOCK_DIAG);
  if (r->listeners.diag == -1)
    return -1;
  for (int udp = 0; udp < 2; udp++) {
    int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd == -1)
      return -1;
    r->listeners.works[udp] = finds(r->listeners.diag, fd, udp ? IPPROTO_UDP : IPPROTO_TCP);
    close(fd);
  }
  return 0;
}

int listener_can_ask(struct relay const *r, uint8_t proto)
{
  return r->listeners.works[proto == IPPROTO_UDP];
}

static int both_families(int fd)
{
  int only = 1;
  socklen_t len = sizeof only;

  return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && !only;
}

/* Without SO_REUSEADDR nobody else can take a port that does not listen now; with it, which
   connections inherit, it listens again beside those that still live (tcp,
   inet_csk_bind_conflict). */
static int stop_tcp(int fd)
{
  int off = 0;

  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off) == -1)
    return -1;
  return shutdown(fd, SHUT_RD);
}

/* A connected socket takes datagrams of its peer only, for all others the kernel says "port
   unreachable". It is connected to the address it is bound to itself, or the loopback one, at a
   port nobody sends from. */
static int stop_udp(int fd, int six)
{
  union address a;
  socklen_t len = sizeof a;

  if (getsockname(fd, &a.sa, &len) == -1)
    return -1;
  /* A socket of both families can be connected to an address of IPv4, which a relay without IPv6
     may name (seccomp.c). */
  if (a.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr) && both_families(fd)) {
    a.v4 = (struct sockaddr_in){.sin_family = AF_INET};
    len = sizeof a.v4;
  }
  if (a.sa.sa_family == AF_INET) {
    if (!a.v4.sin_addr.s_addr)
      a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.v4.sin_port = htons(1);
    return connect(fd, &a.sa, len);
  }
  if (!six)
    return rk_fail(EAFNOSUPPORT);
  if (IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr))
    a.v6.sin6_addr = in6addr_loopback;
  a.v6.sin6_port = htons(1);
  return connect(fd, &a.sa, len);
}

/* Make the socket listen again after a stop. 0, or -1 with errno. */
static int listen_again(struct listener const *l)
{
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  int on = 1;

  if (l->target->port->proto == IPPROTO_UDP)
    return connect(l->src.fd, &none, sizeof none);
  if (setsockopt(l->src.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1)
    return -1;
  return listen(l->src.fd, BACKLOG);
}

static void append(struct listener_queue *q, struct listener *l)
{
  if (!q->first)
    q->last = &q->first;
  *q->last = l;
  q->last = &l->queued;
  l->queued = NULL;
}

static void take_out(struct listener_queue *q, struct listener *l)
{
  struct listener **at = &q->first;

  while (*at != l)
    at = &(*at)->queued;
  *at = l->queued;
  if (!l->queued)
    q->last = at;
}

/* The queue and the count of its state. */
static void leave(struct relay *r, struct listener *l)
{
  struct port *p = l->target->port;

  switch (l->state) {
    case LISTENER_PAUSED:
      take_out(&r->listeners.paused, l);
      p->paused--;
      port_touch(p);
      break;
    case LISTENER_REFUSING:
      take_out(&r->listeners.absent, l);
      p->refusing--;
      port_touch(p);
      break;
    case LISTENER_WAITING:
      take_out(&r->listeners.absent, l);
      p->waiting--;
      port_touch(p);
      break;
    default: break;
  }
}

static void enter(struct relay *r, struct listener *l)
{
  struct port *p = l->target->port;

  switch (l->state) {
    case LISTENER_PAUSED:
      append(&r->listeners.paused, l);
      p->paused++;
      port_touch(p);
      timer_arm(r, TIMER_RESUME);
      break;
    case LISTENER_REFUSING:
      append(&r->listeners.absent, l);
      p->refusing++;
      port_touch(p);
      timer_arm(r, TIMER_REFUSE);
      break;
    case LISTENER_WAITING:
      append(&r->listeners.absent, l);
      p->waiting++;
      port_touch(p);
      timer_arm(r, TIMER_REFUSE);
      break;
    default: break;
  }
}

static void act(struct relay *r, struct listener *l, unsigned int actions)
{
  if (actions & LISTENER_DO_MUTE)
    relay_rewatch(r, &l->src, 0);
  if (actions & LISTENER_DO_UNMUTE)
    relay_rewatch(r, &l->src, EPOLLIN);
  if (actions & LISTENER_DO_UNWATCH)
    relay_unwatch(r, &l->src);
  if (actions & LISTENER_DO_STOP) {
    if (l->target->port->proto == IPPROTO_TCP)
      stop_tcp(l->src.fd);
    else
      stop_udp(l->src.fd, r->six);
  }
  if (actions & LISTENER_DO_WATCH)
    relay_watch(r, &l->src, EPOLLIN);
  if (actions & LISTENER_DO_CLOSE) {
    close(l->src.fd);
    l->src.fd = -1;
  }
}

static void handle(struct relay *r, struct listener *l, enum listener_event event)
{
  struct listener_step step = listener_next(l->state, event);

  if (step.next != l->state) {
    leave(r, l);
    l->state = (uint8_t)step.next;
    enter(r, l);
  }
  act(r, l, step.actions);
}

static void check_backend(struct relay *r, struct listener *l)
{
  int may = l->state == LISTENER_OPEN || l->state == LISTENER_PAUSED;

  if (may && l->target->port->refuse && backend_there(r, l) == 0)
    handle(r, l, LISTENER_EV_ABSENT);
}

void listener_patience(struct relay *r, uint32_t ms)
{
  r->listeners.patient_until = clock_now() + ms;
}

static int patient(struct relay *r)
{
  return r->now < r->listeners.patient_until && !nft_active(r);
}

static int is_unix(struct listener const *l)
{
  return l->target->dest.sa.sa_family == AF_UNIX;
}

/* Only a client's own connection tells: it is kept for the next one. */
static int unix_there(struct relay *r, struct target *t)
{
  t->ready = unix_connect(t);
  if (t->ready != -1 || errno == EAGAIN)
    return 1;
  unix_ask(r);
  return 0;
}

static int may_wait(struct relay const *r, struct target const *t)
{
  if (t->dest.sa.sa_family == AF_UNIX)
    return 0;
  if (t->port->wait != RK_WAIT_START || t->routed)
    return 0;
  return t->n <= PATIENT_RANGE && listener_can_ask(r, t->port->proto);
}

static int can_be_absent(struct relay *r, struct listener const *l)
{
  return is_unix(l) || (!l->target->routed && !nft_active(r));
}

int listener_takes(struct relay *r, struct listener *l)
{
  struct port const *p = l->target->port;

  if (p->wait == RK_WAIT_START || is_unix(l))
    return 1;
  if (!can_be_absent(r, l) || backend_there(r, l)) {
    l->until = 0;
    return 1;
  }
  return listener_absent(r, l);
}

int listener_absent(struct relay *r, struct listener *l)
{
  struct port const *p = l->target->port;

  if (is_unix(l))
    unix_ask(r);
  if (p->wait == RK_WAIT_START)
    return 1;
  if (r->now >= l->until && r->now - l->until < REFUSED_FOR)
    return 1; /* the wait was in vain: these are refused */
  if (p->wait == RK_WAIT_EVER)
    l->until = UINT64_MAX;
  else
    l->until = r->now + (uint64_t)p->wait_s * 1000;
  if (r->now >= l->until)
    return 1;
  handle(r, l, LISTENER_EV_AWAIT);
  return 0;
}

void listener_begin(struct relay *r, struct listener *l)
{
  if (l->target->port->refuse)
    return check_backend(r, l);
  if (may_wait(r, l->target) && patient(r) && !backend_there(r, l))
    handle(r, l, LISTENER_EV_AWAIT);
}

void listener_pause(struct relay *r, struct listener *l)
{
  handle(r, l, LISTENER_EV_SCARCE);
}

void listener_suspect(struct relay *r, struct listener *l)
{
  if (l->suspect)
    return;
  l->suspect = 1;
  l->next_suspect = r->suspects;
  r->suspects = l;
}

static void forget_suspicion(struct relay *r, struct listener *l)
{
  struct listener **at = &r->suspects;

  if (!l->suspect)
    return;
  while (*at != l)
    at = &(*at)->next_suspect;
  *at = l->next_suspect;
  l->suspect = 0;
}

void listener_close(struct relay *r, struct listener *l)
{
  forget_suspicion(r, l);
  handle(r, l, LISTENER_EV_CLOSE);
}

void listener_settle(struct relay *r)
{
  while (r->suspects) {
    struct listener *l = r->suspects;
    forget_suspicion(r, l);
    check_backend(r, l);
  }
  for (; r->freed && r->listeners.paused.first; r->freed--)
    handle(r, r->listeners.paused.first, LISTENER_EV_ROOM);
  r->freed = 0;
}

int listener_resume(struct relay *r)
{
  while (r->listeners.paused.first)
    handle(r, r->listeners.paused.first, LISTENER_EV_ROOM);
  return 0; /* one that finds no fd arms it again */
}

/* patience: whether the chain is still starting. 0: it is absent still. */
static int look(struct relay *r, struct listener *l, int patience)
{
  int wait = patience;
  int there;

  if (l->state == LISTENER_REFUSING) {
    if (!backend_there(r, l) || listen_again(l) == -1)
      return 0;
    handle(r, l, LISTENER_EV_RESUMED);
    return 1;
  }
  if (l->target->port->wait != RK_WAIT_START)
    wait = r->now < l->until && can_be_absent(r, l);
  there = is_unix(l) ? unix_there(r, l->target) : backend_there(r, l);
  if (wait && !there)
    return 0;
  l->until = there ? 0 : r->now; /* in vain */
  handle(r, l, LISTENER_EV_PRESENT);
  return 1;
}

int listener_poll(struct relay *r)
{
  struct listener_queue *q = &r->listeners.absent;
  struct listener *again = NULL; /* the first one that stays */
  /* once for all: there may be a thousand */
  int patience = q->first && patient(r);

  for (int n = 0; n < ASKED_AT_ONCE && q->first && q->first != again; n++) {
    struct listener *l = q->first;
    if (look(r, l, patience))
      continue;
    if (!again)
      again = l;
    take_out(q, l);
    append(q, l);
  }
  return q->first != NULL;
}
