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
  MARK = 0x106b,
  TABLE = 0x726b,
  BUCKETS = 1024,
  CLIENTS_MAX = 65536,
  LINGER = 30000 /* ms */,
  PER_TICK = 4096
};

/* An address with a route in a table. */
struct client {
  struct client *next;          /* of the bucket */
  struct client *older, *newer; /* of those nobody uses */
  uint64_t since;
  struct client *also;  /* UDP: the same address in TABLE, for answers from behind DNAT */
  struct in6_addr addr; /* v4: mapped */
  uint32_t table, refs;
  uint8_t own; /* something inside has this address, not a client from outside */
};

static struct slab clients = {.size = sizeof(struct client)};
static struct client *buckets[BUCKETS], *oldest, *newest;
static unsigned int nclients;
static union address gateway[2], resolver[2]; /* v4, v6 */
static int error[2], marks_work;

static int index_of(int family)
{
  return family == AF_INET6;
}

static struct in6_addr mapped(union address const *a)
{
  struct in6_addr m = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}};

  if (a->sa.sa_family == AF_INET6)
    return a->v6.sin6_addr;
  memcpy(m.s6_addr + 12, &a->v4.sin_addr, 4);
  return m;
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

static struct client **bucket(struct in6_addr const *m, uint32_t table)
{
  uint32_t w[4], h;

  memcpy(w, m, sizeof w);
  h = (w[0] ^ w[1] * 0x9e3779b1U ^ w[2] * 0x85ebca6bU ^ w[3] * 0xc2b2ae35U ^ table) * 0x9e3779b1U;
  return &buckets[h >> 22];
}

static void unlink_idle(struct client *c)
{
  if (c->older)
    c->older->newer = c->newer;
  else
    oldest = c->newer;
  if (c->newer)
    c->newer->older = c->older;
  else
    newest = c->older;
}

void client_drop(struct client *c)
{
  if (--c->refs)
    return;
  c->since = relay_now_ms;
  c->newer = 0;
  c->older = newest;
  if (newest)
    newest->newer = c;
  else
    oldest = c;
  newest = c;
  timer_arm(TIMER_SECOND);
}

static void forget(struct client *c)
{
  union address a = unmapped(&c->addr);
  struct client **at = bucket(&c->addr, c->table);

  unlink_idle(c);
  if (!c->own)
    route_client(RTM_DELROUTE, c->table, &a, 0);
  while (*at != c)
    at = &(*at)->next;
  *at = c->next;
  nclients--;
  if (c->also)
    client_drop(c->also);
  slab_put(&clients, c);
}

static int same(union address const *a, union address const *b)
{
  if (a->sa.sa_family != b->sa.sa_family)
    return 0;
  if (a->sa.sa_family == AF_INET)
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
  return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr);
}

static int is_gateway(union address const *a)
{
  return same(a, &gateway[index_of(a->sa.sa_family)]);
}

/* The client's entry with its route set, referenced; 0 with errno. src: of the route, or null. */
static struct client *client_get(union address const *a, uint32_t table, union address const *src)
{
  struct in6_addr m = mapped(a);
  struct client **at = bucket(&m, table), *c;

  for (c = *at; c; c = c->next)
    if (c->table == table && IN6_ARE_ADDR_EQUAL(&c->addr, &m)) {
      if (!c->refs++)
        unlink_idle(c);
      if (table != TABLE && !c->also && nft_active())
        c->also = client_get(a, TABLE, 0);
      return c;
    }
  if (nclients >= CLIENTS_MAX && oldest)
    forget(oldest);
  if (nclients >= CLIENTS_MAX)
    return errno = ENOBUFS, (struct client *)0;
  enum route_kind kind = route_kind(a);
  int own = kind == ROUTE_LOCAL || (kind == ROUTE_ELSEWHERE && !is_gateway(a));
  if (!own && route_client(RTM_NEWROUTE, table, a, src) == -1)
    return 0;
  c = slab_get(&clients);
  if (!c)
    return 0;
  at = bucket(&m, table);
  *c = (struct client){.next = *at, .addr = m, .table = table, .refs = 1, .own = (uint8_t)own};
  *at = c;
  nclients++;
  if (nft_active() && table != TABLE)
    c->also = client_get(a, TABLE, 0);
  return c;
}

int srcip_tick(void)
{
  for (int n = 0; oldest && n < PER_TICK && relay_now_ms - oldest->since > LINGER; n++)
    forget(oldest);
  return !!oldest;
}

/* UDP: one table per backend address, since its routes name it as the source of answers. */
static uint32_t table_of(struct target const *t)
{
  uint32_t w[4], h;

  if (t->port->proto == IPPROTO_TCP)
    return TABLE;
  if (t->dest.sa.sa_family == AF_INET)
    return ntohl(t->dest.v4.sin_addr.s_addr);
  memcpy(w, &t->dest.v6.sin6_addr, sizeof w);
  h = w[0] ^ w[1] * 0x9e3779b1U ^ w[2] * 0x85ebca6bU ^ w[3] * 0xc2b2ae35U;
  return h | 0x80000000U;
}

static int target_rule(struct target const *t, int add)
{
  int four = t->dest.sa.sa_family == AF_INET;
  uint16_t from = ntohs(four ? t->dest.v4.sin_port : t->dest.v6.sin6_port);
  uint16_t to = (uint16_t)(from + t->n - 1);

  if (t->port->proto == IPPROTO_UDP)
    return route_answer_port(add, &t->dest, t->routed, from, to);
  return route_port_rule(add, TABLE, &t->dest, t->routed, from, to);
}

void srcip_target(struct target *t, int add)
{
  if (!add) {
    if (t->ruled)
      target_rule(t, 0);
    t->ruled = 0;
    return;
  }
  if (t->port->srcip == RK_SRCIP_PLAIN)
    return;
  t->routed = !route_is_local(&t->dest);
  if (t->port->proto == IPPROTO_TCP && marks_work && !t->routed)
    return;
  t->ruled = target_rule(t, 1) == 0;
}

int srcip_answers(int add, struct target const *t, uint16_t port, union address const *shown)
{
  return route_answer(add, table_of(t), &t->dest, t->routed, port, shown);
}

/* Can this client be shown as itself to a backend of that family? */
static int keepable(union address const *client, int family)
{
  if (client->sa.sa_family != family || error[index_of(family)])
    return 0;
  /* The driver's own: whoever sends with them from outside wants to be taken for the host, or for
     the name server. */
  if (is_gateway(client) || same(client, &resolver[index_of(family)]))
    return 0;
  return family == AF_INET || !IN6_IS_ADDR_LINKLOCAL(&client->v6.sin6_addr);
}

static int of_the_host(union address const *a)
{
  return a->sa.sa_family == AF_INET ? ntohl(a->v4.sin_addr.s_addr) >> 24 == 127
                                    : IN6_IS_ADDR_LOOPBACK(&a->v6.sin6_addr);
}

static int bind_as(int fd, union address const *a, int tcp, int ephemeral)
{
  union address b = *a;
  int one = 1, mark = MARK, family = a->sa.sa_family;

  if (family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &one, sizeof one)
                        : setsockopt(fd, IPPROTO_IPV6, IPV6_TRANSPARENT, &one, sizeof one))
    return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == -1)
    return -1;
  socklen_t len = family == AF_INET ? sizeof b.v4 : sizeof b.v6;
  if (!ephemeral) {
    /* The same client may be bound already, for another port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == -1)
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

int srcip_bind(struct target const *t, int fd, union address *client, int ephemeral,
               struct client **ref, int *kept)
{
  int family = t->dest.sa.sa_family, tcp = t->port->proto == IPPROTO_TCP, mode = t->port->srcip;
  uint32_t table = table_of(t);
  union address const *src = tcp || t->routed ? 0 : &t->dest, *shown = client;

  *ref = 0;
  *kept = 0;
  if (client->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&client->v6.sin6_addr)) {
    in_port_t port = client->v6.sin6_port;
    struct in6_addr m = client->v6.sin6_addr;
    *client = unmapped(&m);
    client->v4.sin_port = port;
  }
  if (mode == RK_SRCIP_PLAIN || (mode == RK_SRCIP_LOOPBACK && of_the_host(client)))
    return 0;
  if (mode != RK_SRCIP_NO && !of_the_host(client)) {
    if (keepable(client, family)) {
      struct client *c = client_get(client, table, src);
      if (c && !c->own) {
        *ref = c;
        *kept = 1;
        return bind_as(fd, shown, tcp, ephemeral);
      }
      if (c)
        client_drop(c);
    }
    if (mode == RK_SRCIP_REQUIRE)
      return errno = EADDRNOTAVAIL, -1;
  }
  /* Never 127.0.0.1: a backend that trusts its own host must not trust a stranger. */
  if (error[index_of(family)])
    return errno = error[index_of(family)], -1;
  shown = &gateway[index_of(family)];
  *ref = client_get(shown, table, src);
  if (!*ref)
    return -1;
  return bind_as(fd, shown, tcp, 1);
}

static int sysctl_one(char const *path)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC), r;

  if (fd == -1)
    return -1;
  r = write(fd, "1\n", 2) == 2 ? 0 : -1;
  close(fd);
  return r;
}

void srcip_start(struct rk_relay_start const *start, struct rk_relay_say *say)
{
  char ifname[sizeof start->ifname];

  memcpy(ifname, start->ifname, sizeof ifname);
  ifname[sizeof ifname - 1] = 0;
  gateway[0].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = start->gateway4};
  gateway[1].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = start->gateway6};
  resolver[0].v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = start->dns4};
  resolver[1].v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_addr = start->dns6};
  if (!start->gateway4.s_addr)
    gateway[0].v4.sin_addr.s_addr = htonl(0x0a000202);
  /* slirp4netns has one beside its gateway, and tells of neither. */
  if (IN6_IS_ADDR_UNSPECIFIED(&start->gateway6) && IN6_IS_ADDR_UNSPECIFIED(&start->dns6))
    resolver[1].v6.sin6_addr = (struct in6_addr){{{0xfd, [15] = 3}}};
  if (IN6_IS_ADDR_UNSPECIFIED(&start->gateway6))
    gateway[1].v6.sin6_addr = (struct in6_addr){{{0xfd, [15] = 2}}};
  /* fwmark_reflect: so that a refusal comes back too. */
  marks_work = sysctl_one("/proc/sys/net/ipv4/tcp_fwmark_accept") == 0 &&
               sysctl_one("/proc/sys/net/ipv4/fwmark_reflect") == 0;
  if (marks_work && access("/proc/sys/net/ipv6", F_OK) == 0)
    marks_work = sysctl_one("/proc/sys/net/ipv6/fwmark_reflect") == 0;
  /* All clients of the host share the gateway's ports. By default only 127.0.0.1's in TIME-WAIT are
     taken again (tcp(7)), and a backend at another address would make connect search for
     milliseconds after 14 000 in a minute. */
  sysctl_one("/proc/sys/net/ipv4/tcp_tw_reuse");
  for (int i = 0; i < 2; i++) {
    int family = i ? AF_INET6 : AF_INET;
    if ((i == 0 && route_start(ifname) == -1) || route_mark_rule(family, TABLE, MARK) == -1) {
      error[i] = errno;
      continue;
    }
    struct client *c = client_get(&gateway[i], TABLE, 0); /* kept for good */
    /* if it is the namespace's own address, it is none of 127.0.0.1's and needs no route */
    if (!c)
      error[i] = errno;
  }
  nft_start(MARK);
  say->srcip4 = error[0];
  say->srcip6 = error[1];
}
