/* SPDX-License-Identifier: ISC
   refuse=backend: a port whose backend does not listen refuses by itself. shutdown(2) of a
   listening socket makes it refuse while it keeps its port, listen(2) resumes. Nothing tells when a
   backend begins or ceases to listen, so the relay asks by one socket-diagnosis request
   (sock_diag(7), about 1 us): at the start, after a refused connection, and every 50 ms while the
   port refuses. It finds listeners of this namespace only, so a destination behind DNAT is never
   found listening: there the port must not be made with this option. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <rk/netlink.h>

#include "relay.h"

enum { BACKLOG = 4096 /* cut to net.core.somaxconn */ };

enum { PATIENT_RANGE = 16 };
static uint64_t patient_until;
static int diag = -1, works[2];
static struct listener *first;

/* 1: somebody listens (TCP) or has bound (UDP) there; 0: nobody; -1 with errno. */
static int ask(union address const *dest, uint16_t port, uint8_t proto)
{
  struct inet_diag_req_v2 req = {
    .sdiag_family = (uint8_t)dest->sa.sa_family, .sdiag_protocol = proto, .idiag_states = ~0U};
  int udp = proto == IPPROTO_UDP; /* udp_diag.c has the two addresses the other way round */
  struct rk_nl nl;
  union {
    struct nlmsghdr head;
    char room[1024];
  } answer;
  ssize_t r;
  int e;

  if (udp)
    req.id.idiag_dport = htons(port);
  else
    req.id.idiag_sport = htons(port);
  req.id.idiag_cookie[0] = req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (dest->sa.sa_family == AF_INET)
    memcpy(udp ? req.id.idiag_dst : req.id.idiag_src, &dest->v4.sin_addr, 4);
  else
    memcpy(udp ? req.id.idiag_dst : req.id.idiag_src, &dest->v6.sin6_addr, 16);
  rk_nl_init(&nl);
  rk_nl_msg(&nl, SOCK_DIAG_BY_FAMILY, 0, &req, sizeof req, "find the backend");
  do
    r = send(diag, nl.buf.b, nl.len, 0);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return -1;
  do
    r = recv(diag, &answer, sizeof answer, MSG_TRUNC);
  while (r == -1 && errno == EINTR);
  if (r < (ssize_t)NLMSG_HDRLEN)
    return -1;
  if (answer.head.nlmsg_type != NLMSG_ERROR)
    return 1;
  memcpy(&e, NLMSG_DATA(&answer.head), sizeof e);
  return e == -ENOENT ? 0 : (errno = -e, -1);
}

static int backend_there(struct listener const *l)
{
  return ask(&l->target->dest, l->port, l->target->port->proto);
}

/* A kernel without tcp_diag or udp_diag also says ENOENT: it must find one that is surely there. */
int refuse_start(void)
{
  diag = rk_nl_open(NETLINK_SOCK_DIAG);
  if (diag == -1)
    return -1;
  for (int udp = 0; udp < 2; udp++) {
    union address a = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof a;
    int fd = socket(AF_INET, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (fd == -1)
      return -1;
    works[udp] = bind(fd, &a.sa, sizeof a.v4) == 0 && (udp || listen(fd, 1) == 0) &&
                 getsockname(fd, &a.sa, &len) == 0 &&
                 ask(&a, ntohs(a.v4.sin_port), udp ? IPPROTO_UDP : IPPROTO_TCP) == 1;
    close(fd);
  }
  return 0;
}

int refuse_works(uint8_t proto)
{
  return works[proto == IPPROTO_UDP];
}

static int both_families(int fd)
{
  int only = 1;
  socklen_t len = sizeof only;

  return getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && !only;
}

/* UDP: a connected socket takes datagrams of its peer only, for all others the kernel says "port
   unreachable". The peer is the address it is bound to itself, or the loopback one, at a port
   nobody sends from. */
static int stop(struct listener *l)
{
  union address a;
  socklen_t len = sizeof a;
  int off = 0;

  /* Without SO_REUSEADDR nobody else can take a port that does not listen now; with it, which
     connections inherit, it listens again beside those that still live (tcp,
     inet_csk_bind_conflict). */
  if (l->target->port->proto == IPPROTO_TCP)
    return setsockopt(l->src.fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof off) == -1
             ? -1
             : shutdown(l->src.fd, SHUT_RD);
  if (getsockname(l->src.fd, &a.sa, &len) == -1)
    return -1;
  /* A socket of both families can be connected to an address of IPv4, which a relay without IPv6
     may name (seccomp.c). */
  if (a.sa.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr) &&
      both_families(l->src.fd)) {
    a.v4 = (struct sockaddr_in){.sin_family = AF_INET};
    len = sizeof a.v4;
  }
  if (a.sa.sa_family == AF_INET) {
    if (!a.v4.sin_addr.s_addr)
      a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.v4.sin_port = htons(1);
  } else {
    if (IN6_IS_ADDR_UNSPECIFIED(&a.v6.sin6_addr))
      a.v6.sin6_addr = in6addr_loopback;
    a.v6.sin6_port = htons(1);
    if (!relay_six)
      return errno = EAFNOSUPPORT, -1;
  }
  return connect(l->src.fd, &a.sa, len);
}

static int resume(struct listener *l)
{
  struct sockaddr none = {.sa_family = AF_UNSPEC};
  int on = 1;

  if (l->target->port->proto == IPPROTO_TCP &&
      setsockopt(l->src.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1)
    return -1;
  return l->target->port->proto == IPPROTO_TCP ? listen(l->src.fd, BACKLOG)
                                               : connect(l->src.fd, &none, sizeof none);
}

void refuse_check(struct listener *l)
{
  struct port *p = l->target->port;

  if (l->src.fd == -1 || !p->refuse || l->src.bits & LISTENER_REFUSING || backend_there(l))
    return;
  accept_forget(l);
  relay_unwatch(&l->src); /* a socket that does not listen is an EPOLLHUP without end */
  stop(l);
  l->src.bits |= LISTENER_REFUSING;
  l->queue = first;
  first = l;
  p->refusing++;
  port_touch(p);
  timer_arm(TIMER_REFUSE);
}

/* While a chain starts its programs do not listen yet, but those who waited for it in the backlog
   are there already: taking them now would be to refuse them. Not for long ranges, of which few
   ports are ever served, and no more once there is DNAT: it may lead to a listener that cannot be
   seen from here. */
void refuse_patience(uint32_t ms)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  patient_until = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000 + ms;
}

void refuse_wait(struct listener *l)
{
  struct target *t = l->target;

  if (relay_now_ms >= patient_until || t->port->refuse || t->routed || t->n > PATIENT_RANGE ||
      nft_active() || !refuse_works(t->port->proto) || backend_there(l))
    return;
  relay_unwatch(&l->src);
  l->src.bits |= LISTENER_WAITING;
  l->queue = first;
  first = l;
  timer_arm(TIMER_REFUSE);
}

void refuse_forget(struct listener *l)
{
  int refusing = l->src.bits & LISTENER_REFUSING;

  if (!(l->src.bits & (LISTENER_REFUSING | LISTENER_WAITING)))
    return;
  for (struct listener **at = &first; *at; at = &(*at)->queue)
    if (*at == l) {
      *at = l->queue;
      break;
    }
  l->src.bits &= (uint16_t) ~(LISTENER_REFUSING | LISTENER_WAITING);
  if (!refusing)
    return;
  l->target->port->refusing--;
  port_touch(l->target->port);
}

int refuse_poll(void)
{
  struct listener *next;
  /* once for all: there may be a thousand */
  int patient = first && relay_now_ms < patient_until && !nft_active();

  for (struct listener *l = first; l; l = next) {
    next = l->queue;
    if (l->src.bits & LISTENER_WAITING ? patient && backend_there(l) == 0
                                       : backend_there(l) == 0 || resume(l) == -1)
      continue;
    refuse_forget(l);
    relay_watch(&l->src, EPOLLIN);
  }
  return !!first;
}
