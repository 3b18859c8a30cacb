/* SPDX-License-Identifier: ISC
   Rules and routes of this namespace that bring answers for clients' addresses back to the relay's
   sockets.

   All of ours carry the protocol number RK_PROTO. A client's route has the relay's pid as its
   metric, so that two relays of one namespace (an old one that drains, a new one) each have their
   own, and a later one knows which are left from a crash. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <linux/fib_rules.h>

#include <rk/netlink.h>

#include "relay.h"

enum { RK_PROTO = 114, BACKUP = 1 << 30 /* in a metric */ };

/* Priorities of rules: after the local table (0), before main (32766). A rule for each UDP session
   is a long list to walk for each packet, so only answers do: ENTRY has one rule for each published
   port, all else goes to END; SECTIONS sends an answer on by its destination port to the rules of
   WIDTH neighbouring ones. Each list ends with a rule that goes to END. */
enum {
  PRIORITY = 726,
  ENTRY,
  SKIP,
  SECTIONS,
  SECTIONS_END,
  FIRST,
  COUNT = 128,
  WIDTH = 65536 / COUNT,
  END = FIRST + 2 * COUNT
};
static unsigned int sessions[2][COUNT]; /* v4, v6: rules in each section */

enum { LOOPBACK = 1 /* the index of lo, in every namespace */ };

static int rtnl = -1;
static uint32_t device, metric;

static void const *bytes(union address const *a)
{
  return a->sa.sa_family == AF_INET ? (void const *)&a->v4.sin_addr
                                    : (void const *)&a->v6.sin6_addr;
}
static size_t width(union address const *a)
{
  return a->sa.sa_family == AF_INET ? 4 : 16;
}

/* A route of such a prefix is a default route, in one piece or halves (2000::/3 is all of IPv6's
   global space). */
static int is_default(struct rtmsg const *r)
{
  return r->rtm_dst_len <= (r->rtm_family == AF_INET ? 1 : 3);
}

enum route_kind route_kind(union address const *a)
{
  struct rtmsg r = {.rtm_family = (uint8_t)a->sa.sa_family,
                    .rtm_dst_len = (uint8_t)(8 * width(a)),
                    .rtm_flags = RTM_F_FIB_MATCH};
  union {
    struct nlmsghdr head;
    char room[1024];
  } answer;
  struct rk_nl nl;
  uint32_t out = 0;
  size_t len;
  ssize_t n;

  rk_nl_init(&nl);
  rk_nl_msg(&nl, RTM_GETROUTE, 0, &r, sizeof r, "look up the address");
  rk_nl_attr(&nl, RTA_DST, bytes(a), width(a));
  do
    n = send(rtnl, nl.buf.b, nl.len, 0);
  while (n == -1 && errno == EINTR);
  if (n == -1)
    return ROUTE_NONE;
  do
    n = recv(rtnl, &answer, sizeof answer, 0);
  while (n == -1 && errno == EINTR);
  if (n < (ssize_t)NLMSG_LENGTH(sizeof r) || answer.head.nlmsg_type != RTM_NEWROUTE)
    return ROUTE_NONE;
  memcpy(&r, NLMSG_DATA(&answer.head), sizeof r);
  if (r.rtm_type == RTN_LOCAL)
    return ROUTE_LOCAL;
  void const *p = rk_nl_find(&answer.head, sizeof r, RTA_OIF, &len);
  if (p && len == sizeof out)
    memcpy(&out, p, sizeof out);
  if (r.rtm_type == RTN_UNICAST && (is_default(&r) || (device != LOOPBACK && out == device)))
    return ROUTE_OUTSIDE;
  return ROUTE_ELSEWHERE;
}

int route_is_local(union address const *a)
{
  return route_kind(a) == ROUTE_LOCAL;
}

static int client_route(int type, uint32_t table, union address const *client,
                        union address const *src, uint32_t dev, uint32_t priority)
{
  struct rtmsg r = {.rtm_family = (uint8_t)client->sa.sa_family,
                    .rtm_dst_len = (uint8_t)(8 * width(client)),
                    .rtm_protocol = RK_PROTO,
                    .rtm_type = RTN_LOCAL,
                    .rtm_scope = client->sa.sa_family == AF_INET ? RT_SCOPE_HOST
                                                                 : RT_SCOPE_UNIVERSE};
  struct rk_nl nl;

  rk_nl_init(&nl);
  rk_nl_msg(&nl, (uint16_t)type, type == RTM_NEWROUTE ? NLM_F_CREATE | NLM_F_EXCL : 0, &r, sizeof r,
            "set a client's route");
  rk_nl_attr(&nl, RTA_DST, bytes(client), width(client));
  if (src)
    rk_nl_attr(&nl, RTA_PREFSRC, bytes(src), width(src));
  rk_nl_u32(&nl, RTA_OIF, dev);
  rk_nl_u32(&nl, RTA_TABLE, table);
  rk_nl_u32(&nl, RTA_PRIORITY, priority);
  int e = rk_nl_send(rtnl, &nl, 0);
  return e == -1 && errno == EEXIST && type == RTM_NEWROUTE ? 0 : e;
}

/* `local CLIENT dev lo [src SRC]`, which stays whatever becomes of other interfaces. IPv4's UDP
   servers that answer through the interface they were asked on (IP_PKTINFO says it was the outer
   one) would miss that: for them a second one on that interface. Delivery is by lo in any case. */
int route_client(int type, uint32_t table, union address const *client, union address const *src)
{
  if (src && device != 1 && client->sa.sa_family == AF_INET)
    client_route(type, table, client, src, device, metric);
  return client_route(type, table, client, src, 1, metric | BACKUP);
}

/* One rule, found again by all of this. */
struct rule {
  uint32_t priority;
  uint32_t table;  /* where it leads to; 0: */
  uint32_t target; /* ... another priority; 0: nowhere, on to the next rule */
  uint32_t mark;   /* 0: none */
  uint8_t proto;   /* 0: any */
  struct fib_rule_port_range sport, dport; /* end 0: any */
  union address src, dst;                  /* family, and the addresses if they matter */
  int by_src, by_dst;
};

static uint8_t action(struct rule const *r)
{
  if (r->table)
    return FR_ACT_TO_TBL;
  return r->target ? FR_ACT_GOTO : FR_ACT_NOP;
}

static int rule(struct rule const *r, uint16_t type, uint16_t flags)
{
  struct fib_rule_hdr head = {.family = (uint8_t)r->src.sa.sa_family, .action = action(r)};
  uint8_t us = RK_PROTO;
  struct rk_nl nl;

  if (r->by_src)
    head.src_len = (uint8_t)(8 * width(&r->src));
  if (r->by_dst)
    head.dst_len = (uint8_t)(8 * width(&r->dst));
  rk_nl_init(&nl);
  rk_nl_msg(&nl, type, flags, &head, sizeof head, "set a rule");
  if (r->table)
    rk_nl_u32(&nl, FRA_TABLE, r->table);
  if (r->target)
    rk_nl_u32(&nl, FRA_GOTO, r->target);
  rk_nl_u32(&nl, FRA_PRIORITY, r->priority);
  if (r->mark)
    rk_nl_u32(&nl, FRA_FWMARK, r->mark);
  if (r->proto)
    rk_nl_attr(&nl, FRA_IP_PROTO, &r->proto, 1);
  if (r->sport.end)
    rk_nl_attr(&nl, FRA_SPORT_RANGE, &r->sport, sizeof r->sport);
  if (r->dport.end)
    rk_nl_attr(&nl, FRA_DPORT_RANGE, &r->dport, sizeof r->dport);
  if (r->by_src)
    rk_nl_attr(&nl, FRA_SRC, bytes(&r->src), width(&r->src));
  if (r->by_dst)
    rk_nl_attr(&nl, FRA_DST, bytes(&r->dst), width(&r->dst));
  rk_nl_attr(&nl, FRA_PROTOCOL, &us, 1);
  return rk_nl_send(rtnl, &nl, 0);
}

/* There once, however often it is made. */
static int lasting(struct rule const *r)
{
  int e = rule(r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);

  return e == -1 && errno == EEXIST ? 0 : e;
}

/* Two relays have two equal rules, and each removes one. */
static int counted(int add, struct rule const *r)
{
  if (add)
    return rule(r, RTM_NEWRULE, NLM_F_CREATE);
  return rule(r, RTM_DELRULE, 0);
}

int route_mark_rule(int family, uint32_t table, uint32_t mark)
{
  struct rule r = {
    .priority = PRIORITY, .table = table, .mark = mark, .src.sa.sa_family = (sa_family_t)family};

  return lasting(&r);
}

int route_port_rule(int add, uint32_t table, union address const *src, int by_src, uint16_t from,
                    uint16_t to)
{
  struct rule r = {.priority = PRIORITY,
                   .table = table,
                   .proto = IPPROTO_TCP,
                   .sport = {from, to},
                   .src = *src,
                   .by_src = by_src};

  return counted(add, &r);
}

int route_answer_port(int add, union address const *src, int by_src, uint16_t from, uint16_t to)
{
  struct rule end = {.priority = END, .src.sa.sa_family = src->sa.sa_family};
  struct rule skip = {.priority = SKIP, .target = END, .src.sa.sa_family = src->sa.sa_family};
  struct rule skip_sections = {
    .priority = SECTIONS_END, .target = END, .src.sa.sa_family = src->sa.sa_family};
  struct rule entry = {.priority = ENTRY,
                       .target = SECTIONS,
                       .proto = IPPROTO_UDP,
                       .sport = {from, to},
                       .src = *src,
                       .by_src = by_src};

  /* A rule may go to a priority that is not there yet. */
  if (add && (lasting(&end) == -1 || lasting(&skip_sections) == -1 || lasting(&skip) == -1))
    return -1;
  return counted(add, &entry);
}

static int section(int add, int family, unsigned int k)
{
  uint16_t from = (uint16_t)(k * WIDTH), to = (uint16_t)(from + WIDTH - 1);
  struct rule enter = {.priority = SECTIONS,
                       .target = FIRST + 2 * k,
                       .proto = IPPROTO_UDP,
                       .dport = {from, to},
                       .src.sa.sa_family = (sa_family_t)family};
  struct rule leave = {
    .priority = FIRST + 2 * k + 1, .target = END, .src.sa.sa_family = (sa_family_t)family};

  /* The kernel takes no range with 0 or 65535 (fib_rule_port_range_valid). */
  if (!from)
    enter.dport.start = 1;
  if (to == 65535)
    enter.dport.end = 65534;
  if (counted(add, &leave) == -1 && add)
    return -1;
  return counted(add, &enter);
}

int route_answer(int add, uint32_t table, union address const *backend, int by_src, uint16_t port,
                 union address const *client)
{
  int six = client->sa.sa_family == AF_INET6;
  uint16_t to = ntohs(six ? client->v6.sin6_port : client->v4.sin_port);
  unsigned int k = to / WIDTH;
  struct rule r = {.priority = FIRST + 2 * k,
                   .table = table,
                   .proto = IPPROTO_UDP,
                   .sport = {port, port},
                   .dport = {to, to},
                   .src = *backend,
                   .by_src = by_src,
                   .dst = *client,
                   .by_dst = 1};

  if (add && !sessions[six][k] && section(1, client->sa.sa_family, k) == -1)
    return -1;
  int e = counted(add, &r);
  if (add && e == 0)
    sessions[six][k]++;
  if (!add && sessions[six][k])
    sessions[six][k]--;
  if (!sessions[six][k])
    section(0, client->sa.sa_family, k);
  return e;
}

/* Left-overs of relays that were killed. One socket for the dump, another for removing while it
   runs. The namespace's root may have made any number that look like them, so there is an end. */
enum { LEFT_OVERS = 100000 };
struct left_overs {
  int others; /* a live relay's route was seen: its rules cannot be told from left-overs */
  unsigned int seen;
};

static int stale_route(struct nlmsghdr const *m, void *data)
{
  struct left_overs *left = data;
  struct rtmsg r;
  size_t len;
  uint32_t pid = 0, table = 0;
  union address a = {.sa.sa_family = AF_UNSPEC};
  void const *p;

  if (++left->seen > LEFT_OVERS)
    return 1;
  if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof r))
    return 0;
  memcpy(&r, NLMSG_DATA(m), sizeof r);
  if (r.rtm_protocol != RK_PROTO)
    return 0;
  if ((p = rk_nl_find(m, sizeof r, RTA_PRIORITY, &len)) && len == 4)
    memcpy(&pid, p, 4);
  uint32_t priority = pid, dev = 0;
  pid &= BACKUP - 1;
  if (pid && (kill((pid_t)pid, 0) == 0 || errno == EPERM))
    return left->others = 1, 0;
  if ((p = rk_nl_find(m, sizeof r, RTA_TABLE, &len)) && len == 4)
    memcpy(&table, p, 4);
  p = rk_nl_find(m, sizeof r, RTA_DST, &len);
  a.sa.sa_family = r.rtm_family;
  if (!p || len != width(&a))
    return 0;
  if (len == 4)
    memcpy(&a.v4.sin_addr, p, 4);
  else
    memcpy(&a.v6.sin6_addr, p, 16);
  if ((p = rk_nl_find(m, sizeof r, RTA_OIF, &len)) && len == 4)
    memcpy(&dev, p, 4);
  client_route(RTM_DELROUTE, table, &a, 0, dev, priority);
  return 0;
}

/* As it was told, so it is found again: rules in a dump have the attributes of the message that
   made them (fib_nl_fill_rule). */
static int stale_rule(struct nlmsghdr const *m, void *data)
{
  struct left_overs *left = data;
  struct rk_nl nl;
  size_t len;
  uint8_t const *p;

  if (++left->seen > LEFT_OVERS)
    return 1;
  if (m->nlmsg_type != RTM_NEWRULE || m->nlmsg_len < NLMSG_LENGTH(sizeof(struct fib_rule_hdr)))
    return 0;
  p = rk_nl_find(m, sizeof(struct fib_rule_hdr), FRA_PROTOCOL, &len);
  if (!p || len != 1 || *p != RK_PROTO)
    return 0;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, RTM_DELRULE, 0, NLMSG_DATA(m), m->nlmsg_len - NLMSG_HDRLEN, "remove a rule");
  rk_nl_send(rtnl, &nl, 0);
  return 0;
}

static void each(uint16_t type, void const *head, size_t len,
                 int (*stale)(struct nlmsghdr const *, void *), struct left_overs *left)
{
  struct rk_nl nl;
  int fd = rk_nl_open(NETLINK_ROUTE);

  if (fd == -1)
    return;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, type, 0, head, len, "list what was left");
  rk_nl_dump(fd, &nl, stale, left);
  close(fd);
}

static void clean(int family)
{
  struct rtmsg r = {.rtm_family = (uint8_t)family};
  struct fib_rule_hdr head = {.family = (uint8_t)family};
  struct left_overs left = {.others = 0};

  each(RTM_GETROUTE, &r, sizeof r, stale_route, &left);
  left.seen = 0;
  if (!left.others)
    each(RTM_GETRULE, &head, sizeof head, stale_rule, &left);
}

int route_start(char const *ifname)
{
  rtnl = rk_nl_open(NETLINK_ROUTE);
  if (rtnl == -1)
    return -1;
  device = *ifname ? if_nametoindex(ifname) : 0;
  if (!device)
    device = LOOPBACK;
  metric = (uint32_t)getpid();
  clean(AF_INET);
  clean(AF_INET6);
  return 0;
}
