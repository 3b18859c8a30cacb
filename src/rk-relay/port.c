/* SPDX-License-Identifier: ISC
   The table of published ports, as rk-portd tells it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <netinet/tcp.h>

#include <rk/fail.h>

#include "relay.h"

static struct port *find(struct relay const *r, uint32_t id)
{
  for (struct port *p = r->table.first; p; p = p->next)
    if (p->stat.id == id)
      return p;
  return NULL;
}

/* The socket must be what the message says: bound, of that type and, for TCP, listening. */
static int check(int fd, uint8_t proto)
{
  int type = 0;
  int listening = 0;
  socklen_t len = sizeof type;

  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
    return -1;
  if (type != (proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM))
    return rk_fail(EINVAL);
  if (proto == IPPROTO_UDP)
    return 0;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == -1)
    return -1;
  return listening ? 0 : rk_fail(EINVAL);
}

/* Accepted sockets inherit these. Keep-alive ends connections of clients that vanished, but not of
   one whose lid was closed for a quarter of an hour. Urgent bytes are passed on in the stream. */
static void prepare_tcp(int fd)
{
  int on = 1;
  int idle = 900;
  int interval = 60;

  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
}

static void free_target(struct relay *r, struct target *t)
{
  struct listener *next;

  srcip_target(r, t, 0);
  for (struct listener *l = t->listeners; l; l = next) {
    next = l->next;
    listener_close(r, l);
    slab_put(&r->table.listeners, l);
  }
  unix_close(t);
  slab_put(&r->table.targets, t);
}

/* Owns fd when it succeeds. */
static int listen_on(struct relay *r, struct target *t, int fd, size_t number)
{
  struct port *p = t->port;
  struct listener *l;
  int mode = fcntl(fd, F_GETFL);

  if (check(fd, p->proto) == -1 || mode == -1)
    return -1;
  if (fcntl(fd, F_SETFL, mode | O_NONBLOCK) == -1)
    return -1;
  l = slab_get(&r->table.listeners, sizeof *l);
  if (!l)
    return -1;
  l->src.fd = fd;
  l->src.kind = p->proto == IPPROTO_TCP ? KIND_LISTENER : KIND_DGRAM;
  l->port = (uint16_t)number;
  l->batch = 1;
  l->target = t;
  if (p->proto == IPPROTO_TCP)
    prepare_tcp(fd);
  else
    udp_prepare(fd);
  if (relay_watch(r, &l->src, EPOLLIN) == -1) {
    slab_put(&r->table.listeners, l);
    return -1;
  }
  l->next = t->listeners;
  t->listeners = l;
  return 0;
}

static union address four(struct in_addr a, uint32_t port)
{
  union address to = {
    .v4.sin_family = AF_INET,
    .v4.sin_port = htons((uint16_t)port),
    .v4.sin_addr = a,
  };

  if (!a.s_addr)
    to.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return to;
}

static union address six(struct in6_addr a, uint32_t port)
{
  union address to = {
    .v6.sin6_family = AF_INET6,
    .v6.sin6_port = htons((uint16_t)port),
    .v6.sin6_addr = a,
  };

  if (IN6_IS_ADDR_UNSPECIFIED(&a))
    to.v6.sin6_addr = in6addr_loopback;
  return to;
}

static int is_loopback(union address const *a)
{
  if (a->sa.sa_family == AF_INET)
    return ntohl(a->v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
  return IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* The way through the driver ends at the host's own servers, and never inside. What DNAT makes of
   an address is not known. 0, or -1 with errno. */
static int keep_inside(struct relay *r, struct target *t, int host)
{
  struct in_addr const any4 = {.s_addr = 0};
  struct in6_addr const any6 = {.s6_addr = {0}};
  enum route_kind kind;

  if (is_loopback(&t->dest) || nft_active(r))
    return 0;
  kind = route_kind(r, &t->dest);
  if (kind == ROUTE_LOCAL)
    return 0;
  if (!host)
    return kind == ROUTE_OUTSIDE ? rk_fail(EHOSTUNREACH) : 0;
  t->loopback = 1;
  if (t->dest.sa.sa_family == AF_INET)
    t->dest = four(any4, ntohs(t->dest.v4.sin_port));
  else
    t->dest = six(any6, ntohs(t->dest.v6.sin6_port));
  return 0;
}

/* Where to; the unspecified address means the loopback one, as connect(2) on Linux would have
   it. */
static int resolve(struct relay *r, struct target *t, struct rk_relay_add const *add, size_t n)
{
  uint32_t number = add->dest.port + add->index;

  t->n = (uint16_t)n;
  if (add->dest.family == AF_UNIX) {
    t->dest.sa.sa_family = AF_UNIX;
    if (!r->sockets)
      return rk_fail(EAFNOSUPPORT);
    return n == 1 && add->proto == IPPROTO_TCP ? 0 : rk_fail(EINVAL);
  }
  if (!add->dest.port || number + n - 1 > 65535)
    return rk_fail(EINVAL);
  if (add->dest.family == AF_INET)
    t->dest = four(add->dest.addr.v4, number);
  else if (add->dest.family == AF_INET6 && r->six)
    t->dest = six(add->dest.addr.v6, number);
  else
    return rk_fail(EAFNOSUPPORT);
  t->n = (uint16_t)n;
  return keep_inside(r, t, add->host);
}

static void take_out(struct relay *r, struct port *p)
{
  struct port *before = NULL;

  for (struct port *at = r->table.first; at != p; at = at->next)
    before = at;
  if (before)
    before->next = p->next;
  else
    r->table.first = p->next;
  if (!p->next)
    r->table.last = before;
}

static void free_port(struct relay *r, struct port *p)
{
  struct target *next;

  tcp_reset_all(r, p);
  udp_end_all(r, p);
  for (struct target *t = p->targets; t; t = next) {
    next = t->next;
    free_target(r, t);
  }
  take_out(r, p);
  slab_put(&r->table.ports, p);
}

static struct port *new_port(struct relay *r, struct rk_relay_add const *add)
{
  struct port *p = slab_get(&r->table.ports, sizeof *p);

  if (!p)
    return NULL;
  p->stat.id = add->id;
  p->proto = add->proto;
  p->srcip = add->srcip;
  p->refuse = add->refuse;
  p->wait = add->wait;
  p->wait_s = add->wait_s;
  p->idle = add->idle ? add->idle : 90;
  p->changed = 1;
  if (r->table.last)
    r->table.last->next = p;
  else
    r->table.first = p;
  r->table.last = p;
  return p;
}

static int valid(struct relay const *r, struct rk_relay_add const *add, struct port const *p)
{
  if (!add->id || add->srcip > RK_SRCIP_LOOPBACK || add->wait > RK_WAIT_EVER)
    return rk_fail(EINVAL);
  if (add->proto != IPPROTO_TCP && add->proto != IPPROTO_UDP)
    return rk_fail(EPROTONOSUPPORT);
  if (p && p->proto != add->proto)
    return rk_fail(EINVAL);
  if ((add->refuse || add->wait) && !listener_can_ask(r, add->proto))
    return rk_fail(EOPNOTSUPP);
  return 0;
}

/* A target of the port with its listeners. *done: so many fds are its own now, even on error. */
static int add_target(struct relay *r, struct port *p, struct rk_relay_add const *add,
                      int const *fds, size_t n, size_t *done)
{
  struct target *t = slab_get(&r->table.targets, sizeof *t);

  if (!t)
    return -1;
  t->port = p;
  t->file = -1;
  t->ready = -1;
  int e = resolve(r, t, add, n);
  if (e == 0)
    e = srcip_target(r, t, 1);
  while (e == 0 && *done < n) {
    e = listen_on(r, t, fds[*done], add->dest.port + add->index + *done);
    if (e == 0)
      ++*done;
  }
  if (e == -1) {
    e = errno;
    free_target(r, t);
    return rk_fail(e);
  }
  t->next = p->targets;
  p->targets = t;
  for (struct listener *l = t->listeners; l; l = l->next)
    listener_begin(r, l);
  return 0;
}

/* Likewise; a port that is made for it is gone after an error. */
static int add_to(struct relay *r, struct rk_relay_add const *add, int const *fds, size_t n,
                  size_t *done)
{
  struct port *old = find(r, add->id);
  struct port *p = old;

  if (!n)
    return rk_fail(EINVAL);
  if (valid(r, add, old) == -1)
    return -1;
  if (!p)
    p = new_port(r, add);
  if (!p)
    return -1;
  if (add_target(r, p, add, fds, n, done) == 0)
    return 0;
  if (!old) {
    int e = errno;
    free_port(r, p);
    errno = e;
  }
  return -1;
}

/* The last fd is not to listen on: the file of a unix socket. */
static int has_file(struct rk_relay_add const *add, size_t n)
{
  return add->dest.family == AF_UNIX && add->dest.port && n > 1;
}

int port_add(struct relay *r, struct rk_relay_add const *add, int const *fds, size_t n)
{
  size_t done = 0;
  size_t sockets = has_file(add, n) ? n - 1 : n;

  if (add_to(r, add, fds, sockets, &done) == 0)
    return sockets < n ? port_aim(r, add->id, fds[sockets]) : 0;
  int e = errno;
  for (; done < n; done++)
    close(fds[done]);
  return rk_fail(e);
}

int port_on_loopback(struct relay const *r, uint32_t id)
{
  struct port const *p = find(r, id);

  return p && p->targets && p->targets->loopback;
}

int port_aim(struct relay *r, uint32_t id, int file)
{
  struct port *p = find(r, id);

  if (!p || p->targets->dest.sa.sa_family != AF_UNIX) {
    close(file);
    return rk_fail(ENOENT);
  }
  unix_aim(p->targets, file);
  return 0;
}

int port_del(struct relay *r, uint32_t id)
{
  struct port *p = find(r, id);

  if (!p)
    return rk_fail(ENOENT);
  free_port(r, p);
  return 0;
}

void port_close_listeners(struct relay *r)
{
  for (struct port *p = r->table.first; p; p = p->next) {
    udp_end_all(r, p);
    for (struct target *t = p->targets; t; t = t->next) {
      if (p->proto == IPPROTO_UDP)
        srcip_target(r, t, 0);
      for (struct listener *l = t->listeners; l; l = l->next)
        listener_close(r, l);
    }
  }
}

int port_tick(struct relay *r)
{
  return udp_tick(r, r->table.first);
}

static uint32_t state_of(struct port const *p)
{
  uint32_t state = 0;

  if (p->paused)
    state |= RK_RELAY_PAUSED;
  if (p->refusing)
    state |= RK_RELAY_REFUSING;
  if (p->waiting)
    state |= RK_RELAY_WAITING;
  if (p->stray)
    state |= RK_RELAY_STRAY;
  return state;
}

/* Addresses come and go. */
static void look_for_targets(struct relay *r, struct port *p)
{
  int stray = 0;

  for (struct target *t = p->targets; t && !stray; t = t->next)
    if (t->dest.sa.sa_family != AF_UNIX && !is_loopback(&t->dest))
      stray = route_kind(r, &t->dest) != ROUTE_LOCAL && !nft_active(r);
  if (stray == p->stray)
    return;
  p->stray = (uint8_t)stray;
  port_touch(p);
}

size_t port_stats(struct relay *r, struct rk_relay_stat *stat, size_t max, int *more)
{
  size_t n = 0;
  struct port *p = *more ? r->table.told : r->table.first;

  for (; p && n < max; p = p->next) {
    look_for_targets(r, p);
    if (!p->changed)
      continue;
    p->changed = 0;
    p->stat.state = state_of(p);
    stat[n] = p->stat;
    n++;
  }
  r->table.told = p;
  *more = p != NULL;
  return n;
}
