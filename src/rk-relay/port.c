/* SPDX-License-Identifier: ISC
   The table of published ports, as rk-portd tells it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <netinet/tcp.h>

#include "relay.h"

static struct slab ports = {.size = sizeof(struct port)}, targets = {.size = sizeof(struct target)},
                   listeners = {.size = sizeof(struct listener)};
static struct port *first, **last = &first;

struct port *port_find(uint32_t id)
{
  for (struct port *p = first; p; p = p->next)
    if (p->stat.id == id)
      return p;
  return 0;
}

void port_touch(struct port *p)
{
  p->changed = 1;
}

/* The socket must be what the message says: bound, of that type and, for TCP, listening. */
static int check(int fd, uint8_t proto)
{
  int type = 0, listening = 0;
  socklen_t len = sizeof type;

  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
    return -1;
  if (type != (proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM))
    return errno = EINVAL, -1;
  if (proto == IPPROTO_UDP)
    return 0;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == -1)
    return -1;
  return listening ? 0 : (errno = EINVAL, -1);
}

/* Accepted sockets inherit these. Keep-alive ends connections of clients that vanished. */
static void prepare_tcp(int fd)
{
  int on = 1, idle = 60, interval = 15;

  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
}

static void close_listener(struct listener *l)
{
  if (l->src.fd == -1)
    return;
  accept_forget(l);
  refuse_forget(l);
  relay_unwatch(&l->src);
  close(l->src.fd);
  l->src.fd = -1;
}

static void free_target(struct target *t)
{
  struct listener *next;

  srcip_target(t, 0);
  for (struct listener *l = t->listeners; l; l = next) {
    next = l->next;
    close_listener(l);
    slab_put(&listeners, l);
  }
  slab_put(&targets, t);
}

/* Owns fd when it succeeds. */
static int listen_on(struct target *t, int fd, uint16_t number)
{
  struct port *p = t->port;
  struct listener *l;
  int mode = fcntl(fd, F_GETFL);

  if (check(fd, p->proto) == -1 || mode == -1 || fcntl(fd, F_SETFL, mode | O_NONBLOCK) == -1)
    return -1;
  l = slab_get(&listeners);
  if (!l)
    return -1;
  l->src = (struct source){.fd = fd, .kind = p->proto == IPPROTO_TCP ? KIND_LISTENER : KIND_DGRAM};
  l->port = number;
  l->batch = 1;
  l->target = t;
  if (p->proto == IPPROTO_TCP)
    prepare_tcp(fd);
  else
    udp_prepare(l);
  if (relay_watch(&l->src, EPOLLIN) == -1) {
    slab_put(&listeners, l);
    return -1;
  }
  l->next = t->listeners;
  t->listeners = l;
  return 0;
}

/* Where to; the unspecified address means the loopback one, as connect(2) on Linux would have
   it. */
static int resolve(struct target *t, struct rk_relay_add const *add, size_t n)
{
  uint32_t number = add->dest.port + add->index;

  if (!add->dest.port || number + n - 1 > 65535)
    return errno = EINVAL, -1;
  if (add->dest.family == AF_INET) {
    t->dest.v4 = (struct sockaddr_in){
      .sin_family = AF_INET, .sin_port = htons((uint16_t)number), .sin_addr = add->dest.addr.v4};
    if (!t->dest.v4.sin_addr.s_addr)
      t->dest.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  } else if (add->dest.family == AF_INET6 && relay_six) {
    t->dest.v6 = (struct sockaddr_in6){.sin6_family = AF_INET6,
                                       .sin6_port = htons((uint16_t)number),
                                       .sin6_addr = add->dest.addr.v6};
    if (IN6_IS_ADDR_UNSPECIFIED(&t->dest.v6.sin6_addr))
      t->dest.v6.sin6_addr = in6addr_loopback;
  } else
    return errno = EAFNOSUPPORT, -1;
  t->n = (uint16_t)n;
  return 0;
}

static void free_port(struct port *p)
{
  struct target *next;

  tcp_reset_all(p);
  udp_end_all(p);
  for (struct target *t = p->targets; t; t = next) {
    next = t->next;
    free_target(t);
  }
  for (struct port **at = &first; *at; at = &(*at)->next)
    if (*at == p) {
      *at = p->next;
      if (!p->next)
        last = at;
      break;
    }
  slab_put(&ports, p);
}

static struct port *new_port(struct rk_relay_add const *add)
{
  struct port *p = slab_get(&ports);

  if (!p)
    return 0;
  p->stat.id = add->id;
  p->proto = add->proto;
  p->srcip = add->srcip;
  p->refuse = add->refuse;
  p->idle = add->idle ? add->idle : 90;
  p->changed = 1;
  *last = p;
  last = &p->next;
  return p;
}

int port_add(struct rk_relay_add const *add, int const *fds, size_t n)
{
  struct port *p = port_find(add->id);
  struct target *t = 0;
  size_t done = 0;
  int fresh = !p, e;

  if (!add->id || !n || add->srcip > RK_SRCIP_LOOPBACK)
    errno = EINVAL;
  else if (add->proto != IPPROTO_TCP && add->proto != IPPROTO_UDP)
    errno = EPROTONOSUPPORT;
  else if (p && p->proto != add->proto)
    errno = EINVAL;
  else if (add->refuse && !refuse_works(add->proto))
    errno = EOPNOTSUPP;
  else if ((p || (p = new_port(add))) && (t = slab_get(&targets))) {
    t->port = p;
    if (resolve(t, add, n) == 0)
      while (done < n &&
             listen_on(t, fds[done], (uint16_t)(add->dest.port + add->index + done)) == 0)
        done++;
    if (done == n) {
      t->next = p->targets;
      p->targets = t;
      srcip_target(t, 1);
      for (struct listener *l = t->listeners; l; l = l->next)
        p->refuse ? refuse_check(l) : refuse_wait(l);
      return 0;
    }
  }
  e = errno;
  if (t)
    free_target(t);
  if (p && fresh)
    free_port(p);
  for (; done < n; done++)
    close(fds[done]);
  return errno = e, -1;
}

int port_del(uint32_t id)
{
  struct port *p = port_find(id);

  if (!p)
    return errno = ENOENT, -1;
  free_port(p);
  return 0;
}

void port_close_listeners(void)
{
  for (struct port *p = first; p; p = p->next) {
    udp_end_all(p);
    for (struct target *t = p->targets; t; t = t->next) {
      if (p->proto == IPPROTO_UDP)
        srcip_target(t, 0);
      for (struct listener *l = t->listeners; l; l = l->next)
        close_listener(l);
    }
  }
}

int port_tick(void)
{
  return udp_tick(first);
}

size_t port_stats(struct rk_relay_stat *stat, size_t max, int *more)
{
  static struct port *at;
  size_t n = 0;

  if (!*more)
    at = first;
  for (; at && n < max; at = at->next) {
    if (!at->changed)
      continue;
    at->changed = 0;
    at->stat.state = (at->paused ? RK_RELAY_PAUSED : 0) | (at->refusing ? RK_RELAY_REFUSING : 0);
    stat[n++] = at->stat;
  }
  *more = !!at;
  return n;
}
