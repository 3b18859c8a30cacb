/* SPDX-License-Identifier: ISC
   What a backend sees of a client: transparent sockets (IP_TRANSPARENT, ip(7)) bound to the
   client's address, and routes that bring the answers back.

   TCP: the relay's SYN carries a mark, tcp_fwmark_accept makes the backend's socket inherit it, and
   a rule sends marked packets to a table with one `local CLIENT` route per client: everything else
   that the namespace sends is untouched. UDP has no such inheritance: there each session has a rule
   for the backend's port and the client's address and port, and its table depends on the backend's
   address, which must be the source of the answers of a server bound to no address. The tables hold
   clients' addresses only, so a DNS server that also asks others from port 53 keeps working. A
   backend behind a route (not this namespace's own address) answers without a mark: there TCP has a
   rule for its port as well, and so it has where the sysctls cannot be written. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <netinet/tcp.h>
#include <linux/rtnetlink.h>

#include <rk/fail.h>
#include <rk/netlink.h>

#include "relay.h"

#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

/* Others take bits of a mark for orders: 0x2000 (CNI portmap), 0x4000 (kube-proxy) to masquerade,
   0x8000 (kube-proxy) to drop; 0x0f00 and the upper half are Cilium's, Calico's and Tailscale's. */
enum {
  TRIES = 3,
  MARK = 0x106b,
  TABLE = 0x726b,
  CLIENTS_MAX = 65536,
  LINGER = 30000 /* ms */,
  PER_TICK = 4096
};

/* An address with a route in a table. */
struct client {
  struct client *next;  /* of the bucket */
  struct client *older; /* of those nobody uses */
  struct client *newer;
  uint64_t since;
  struct client *also;  /* UDP: the same address in TABLE, for answers from behind DNAT */
  struct in6_addr addr; /* v4: mapped */
  uint32_t table;
  uint32_t refs;
  uint8_t own; /* something inside has this address, not a client from outside */
};

static int index_of(int family)
{
  return family == AF_INET6;
}

static union address unmapped(struct in6_addr const *m)
{
  union address a;

  memset(&a, 0, sizeof a);
  if (IN6_IS_ADDR_V4MAPPED(m)) {
    a.v4.sin_family = AF_INET;
    memcpy(&a.v4.sin_addr, m->s6_addr + 12, 4);
  } else {
    a.v6.sin6_family = AF_INET6;
    a.v6.sin6_addr = *m;
  }
  return a;
}

static struct client **bucket(struct relay *r, struct in6_addr const *m, uint32_t table)
{
  uint32_t h = hash_of(m) ^ table * 0x9e3779b1U;

  return &r->clients.buckets[h >> 22];
}

static void unlink_idle(struct relay *r, struct client *c)
{
  if (c->older)
    c->older->newer = c->newer;
  else
    r->clients.oldest = c->newer;
  if (c->newer)
    c->newer->older = c->older;
  else
    r->clients.newest = c->older;
}

void client_drop(struct relay *r, struct client *c)
{
  struct client *newest = r->clients.newest;

  c->refs--;
  if (c->refs)
    return;
  c->since = r->now;
  c->newer = NULL;
  c->older = newest;
  if (newest)
    newest->newer = c;
  else
    r->clients.oldest = c;
  r->clients.newest = c;
  timer_arm(r, TIMER_SECOND);
}

static void forget(struct relay *r, struct client *c)
{
  union address a = unmapped(&c->addr);
  struct client **at = bucket(r, &c->addr, c->table);

  unlink_idle(r, c);
  if (!c->own)
    route_client(r, RTM_DELROUTE, c->table, &a, NULL);
  while (*at != c)
    at = &(*at)->next;
  *at = c->next;
  r->clients.n--;
  if (c->also)
    client_drop(r, c->also);
  slab_put(&r->clients.slab, c);
}

static int same(union address const *a, union address const *b)
{
  if (a->sa.sa_family != b->sa.sa_family)
    return 0;
  if (a->sa.sa_family == AF_INET)
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

static int is_gateway(struct relay const *r, union address const *a)
{
  return same(a, &r->clients.gateway[index_of(a->sa.sa_family)]);
}

static struct client *find(struct relay *r, struct in6_addr const *m, uint32_t table)
{
  for (struct client *c = *bucket(r, m, table); c; c = c->next)
    if (c->table == table && IN6_ARE_ADDR_EQUAL(&c->addr, m))
      return c;
  return NULL;
}

/* Is it the address of something inside, which no client from outside can have? */
static int is_inside(struct relay const *r, union address const *a)
{
  enum route_kind kind = route_kind(r, a);

  return kind == ROUTE_LOCAL || (kind == ROUTE_ELSEWHERE && !is_gateway(r, a));
}

/* A new entry with its route set, referenced; NULL with errno. src: of the route, or null. */
static struct client *client_new(struct relay *r, union address const *a, uint32_t table,
                                 union address const *src)
{
  struct in6_addr m = mapped(a);
  int own = is_inside(r, a);
  struct client *c = slab_get(&r->clients.slab, sizeof *c);

  if (!c)
    return NULL;
  if (!own && route_client(r, RTM_NEWROUTE, table, a, src) == -1) {
    slab_put(&r->clients.slab, c);
    return NULL;
  }
  struct client **at = bucket(r, &m, table);
  *c = (struct client){
    .next = *at,
    .addr = m,
    .table = table,
    .refs = 1,
    .own = (uint8_t)own,
  };
  *at = c;
  r->clients.n++;
  return c;
}

/* The client's entry in that table, found or made, referenced; NULL with errno. */
static struct client *entry(struct relay *r, union address const *a, uint32_t table,
                            union address const *src)
{
  struct in6_addr m = mapped(a);
  struct client *c = find(r, &m, table);

  if (c) {
    if (!c->refs)
      unlink_idle(r, c);
    c->refs++;
    return c;
  }
  if (r->clients.n >= CLIENTS_MAX && r->clients.oldest)
    forget(r, r->clients.oldest);
  if (r->clients.n >= CLIENTS_MAX) {
    errno = ENOBUFS;
    return NULL;
  }
  return client_new(r, a, table, src);
}

/* Likewise, and what its answers from behind DNAT need. */
static struct client *client_get(struct relay *r, union address const *a, uint32_t table,
                                 union address const *src)
{
  struct client *c = entry(r, a, table, src);

  if (c && table != TABLE && !c->also && nft_active(r))
    c->also = entry(r, a, TABLE, NULL);
  return c;
}

int srcip_tick(struct relay *r)
{
  for (int n = 0; n < PER_TICK; n++) {
    struct client *c = r->clients.oldest;
    if (!c || r->now - c->since <= LINGER)
      break;
    forget(r, c);
  }
  return r->clients.oldest != NULL;
}

/* UDP: one table per backend address, since its routes name it as the source of answers. */
static uint32_t table_of(struct target const *t)
{
  if (t->port->proto == IPPROTO_TCP)
    return TABLE;
  if (t->dest.sa.sa_family == AF_INET)
    return ntohl(t->dest.v4.sin_addr.s_addr);
  return hash_of(&t->dest.v6.sin6_addr) | 0x80000000U;
}

static int target_rule(struct relay const *r, struct target const *t, int add)
{
  int four = t->dest.sa.sa_family == AF_INET;
  uint16_t from = ntohs(four ? t->dest.v4.sin_port : t->dest.v6.sin6_port);
  struct ports ports = {from, (uint16_t)(from + t->n - 1)};

  if (t->port->proto == IPPROTO_UDP)
    return route_answer_port(r, add, &t->dest, t->routed, ports);
  return route_port_rule(r, add, TABLE, &t->dest, t->routed, ports);
}

/* Errors that another try may not have. */
static int passes(int e)
{
  return e == ENOMEM || e == ENOBUFS || e == EINTR || e == EAGAIN || e == EIO;
}

int srcip_target(struct relay *r, struct target *t, int add)
{
  if (!add) {
    if (t->ruled)
      target_rule(r, t, 0);
    t->ruled = 0;
    return 0;
  }
  if (t->dest.sa.sa_family == AF_UNIX)
    return 0;
  t->routed = route_kind(r, &t->dest) != ROUTE_LOCAL;
  if (t->port->srcip == RK_SRCIP_PLAIN)
    return 0;
  if (t->port->proto == IPPROTO_TCP && r->clients.marks_work && !t->routed)
    return 0;
  t->ruled = target_rule(r, t, 1) == 0;
  /* without it no answer comes back; rk-portd is told, and tries again */
  return !t->ruled && passes(errno) ? -1 : 0;
}

int srcip_answers(struct relay *r, int add, struct target const *t, uint16_t port,
                  union address const *shown)
{
  struct answers a = {
    .table = table_of(t),
    .port = port,
    .by_src = t->routed,
    .backend = &t->dest,
    .client = shown,
  };

  return route_answer(r, add, &a);
}

/* Can this client be shown as itself to a backend of that family? */
static int keepable(struct relay const *r, union address const *client, int family)
{
  int i = index_of(family);

  if (client->sa.sa_family != family || r->clients.error[i])
    return 0;
  /* The driver's own: whoever sends with them from outside wants to be taken for the host, or for
     the name server. */
  if (is_gateway(r, client) || same(client, &r->clients.resolver[i]))
    return 0;
  return family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&client->v6.sin6_addr);
}

static int of_the_host(union address const *a)
{
  return a->sa.sa_family == AF_INET ? ntohl(a->v4.sin_addr.s_addr) >> 24 == 127
                                    : IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

/* So that it may be bound to any address, and its packets find the way back. */
static int make_transparent(int fd, int family)
{
  int one = 1;
  int mark = MARK;
  int e;

  if (family == AF_INET)
    e = setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof one);
  else
    e = setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof one);
  if (e == -1)
    return -1;
  return setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark);
}

/* Bind to the address, and its port, unless that is taken or another one is wanted (ephemeral). */
static int bind_as(int fd, union address const *a, int tcp, int ephemeral)
{
  union address b = *a;
  int one = 1;
  int family = a->sa.sa_family;
  socklen_t len = family == AF_INET ? sizeof b.v4 : sizeof b.v6;

  if (make_transparent(fd, family) == -1)
    return -1;
  if (!ephemeral) {
    /* The same client may be bound already, for another port. */
    if (!tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == -1)
      return -1;
    if (bind(fd, &b.sa, len) == 0)
      return 0;
    if (errno != EADDRINUSE)
      return -1; /* a listener of the namespace on that very port */
  }
  if (family == AF_INET)
    b.v4.sin_port = 0;
  else
    b.v6.sin6_port = 0;
  /* The port is chosen by connect, which knows the whole pair: no limit of 28 000 (ip(7)). */
  if (tcp && setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one) == -1)
    return -1;
  return bind(fd, &b.sa, len);
}

/* An IPv4 client of a socket of both families. */
static void unmap(union address *client)
{
  if (client->sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&client->v6.sin6_addr))
    return;
  in_port_t port = client->v6.sin6_port;
  struct in6_addr m = client->v6.sin6_addr;
  *client = unmapped(&m);
  client->v4.sin_port = port;
}

/* The client's entry if it can be shown as itself, else null. */
static struct client *as_itself(struct relay *r, union address const *client, int family,
                                uint32_t table, union address const *src)
{
  struct client *c;

  if (!keepable(r, client, family))
    return NULL;
  c = client_get(r, client, table, src);
  if (!c || !c->own)
    return c;
  client_drop(r, c);
  return NULL;
}

int srcip_bind(struct relay *r, struct target const *t, int fd, union address *client,
               int ephemeral, struct client **ref, int *kept)
{
  int family = t->dest.sa.sa_family;
  int tcp = t->port->proto == IPPROTO_TCP;
  int mode = t->port->srcip;
  uint32_t table = table_of(t);
  union address const *src = tcp || t->routed ? NULL : &t->dest;

  *ref = NULL;
  *kept = 0;
  unmap(client);
  if (mode == RK_SRCIP_PLAIN || (mode == RK_SRCIP_LOOPBACK && of_the_host(client)))
    return 0;
  if (mode != RK_SRCIP_NO && !of_the_host(client)) {
    *ref = as_itself(r, client, family, table, src);
    if (*ref) {
      *kept = 1;
      return bind_as(fd, client, tcp, ephemeral);
    }
    if (mode == RK_SRCIP_REQUIRE)
      return rk_fail(EADDRNOTAVAIL);
  }
  /* Never 127.0.0.1: a backend that trusts its own host must not trust a stranger. */
  int i = index_of(family);
  if (r->clients.error[i])
    return rk_fail(r->clients.error[i]);
  *ref = client_get(r, &r->clients.gateway[i], table, src);
  if (!*ref)
    return -1;
  return bind_as(fd, &r->clients.gateway[i], tcp, 1);
}

static int sysctl_one(char const *path)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd == -1)
    return -1;
  ssize_t n = write(fd, "1\n", 2);
  close(fd);
  return n == 2 ? 0 : -1;
}

/* fwmark_reflect: so that a refusal comes back too. */
static int switch_marks_on(void)
{
  if (sysctl_one("/proc/sys/net/ipv4/tcp_fwmark_accept") == -1)
    return 0;
  if (sysctl_one("/proc/sys/net/ipv4/fwmark_reflect") == -1)
    return 0;
  if (access("/proc/sys/net/ipv6", F_OK) == -1)
    return 1;
  return sysctl_one("/proc/sys/net/ipv6/fwmark_reflect") == 0;
}

/* The driver's own addresses. */
static void set_addresses(struct relay *r, struct rk_relay_start const *start)
{
  struct in_addr four = start->gateway4;
  struct in6_addr six = start->gateway6;
  struct in6_addr dns = start->dns6;

  if (!four.s_addr)
    four.s_addr = htonl(0x0a000202);
  /* slirp4netns has one beside its gateway, and tells of neither. */
  if (IN6_IS_ADDR_UNSPECIFIED(&six) && IN6_IS_ADDR_UNSPECIFIED(&dns))
    dns = (struct in6_addr){{{0xfd, [15] = 3}}};
  if (IN6_IS_ADDR_UNSPECIFIED(&six))
    six = (struct in6_addr){{{0xfd, [15] = 2}}};
  r->clients.gateway[0].v4 = (struct sockaddr_in){
    .sin_family = AF_INET,
    .sin_addr = four,
  };
  r->clients.gateway[1].v6 = (struct sockaddr_in6){
    .sin6_family = AF_INET6,
    .sin6_addr = six,
  };
  r->clients.resolver[0].v4 = (struct sockaddr_in){
    .sin_family = AF_INET,
    .sin_addr = start->dns4,
  };
  r->clients.resolver[1].v6 = (struct sockaddr_in6){
    .sin6_family = AF_INET6,
    .sin6_addr = dns,
  };
}

/* The gateway's entry is kept for good. If it is the namespace's own address, it is none of
   127.0.0.1's and needs no route. */
static int try_start(struct relay *r, int family)
{
  if (route_mark_rule(r, family, TABLE, MARK) == -1)
    return -1;
  return client_get(r, &r->clients.gateway[index_of(family)], TABLE, NULL) ? 0 : -1;
}

/* What fails here counts for the life of the relay, so it is tried again. */
static int start_family(struct relay *r, int family)
{
  int e = -1;

  for (int i = 0; i < TRIES && e == -1; i++) {
    e = try_start(r, family);
    if (e == -1 && !passes(errno))
      break;
  }
  return e;
}

void srcip_start(struct relay *r, struct rk_relay_start const *start, struct rk_relay_say *say)
{
  char ifname[sizeof start->ifname];

  memcpy(ifname, start->ifname, sizeof ifname);
  ifname[sizeof ifname - 1] = 0;
  set_addresses(r, start);
  r->clients.marks_work = switch_marks_on();
  /* All clients of the host share the gateway's ports. By default only 127.0.0.1's in TIME-WAIT are
     taken again (tcp(7)), and a backend at another address would make connect search for
     milliseconds after 14 000 in a minute. */
  sysctl_one("/proc/sys/net/ipv4/tcp_tw_reuse");
  if (route_start(r, ifname) == -1 || start_family(r, AF_INET) == -1)
    r->clients.error[0] = errno;
  if (start_family(r, AF_INET6) == -1)
    r->clients.error[1] = errno;
  nft_start(r, MARK);
  say->srcip4 = r->clients.error[0];
  say->srcip6 = r->clients.error[1];
}
