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

enum {
  RK_PROTO = 114,
  PRIORITY = 726 /* after the local table, before main (32766) */,
  BACKUP = 1 << 30 /* in a metric */
};

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

int route_is_local(union address const *a)
{
  struct rtmsg r = {.rtm_family = (uint8_t)a->sa.sa_family, .rtm_dst_len = (uint8_t)(8 * width(a))};
  union {
    struct nlmsghdr head;
    char room[1024];
  } answer;
  struct rk_nl nl;
  ssize_t n;

  rk_nl_init(&nl);
  rk_nl_msg(&nl, RTM_GETROUTE, 0, &r, sizeof r, "look up the address");
  rk_nl_attr(&nl, RTA_DST, bytes(a), width(a));
  do
    n = send(rtnl, nl.buf.b, nl.len, 0);
  while (n == -1 && errno == EINTR);
  if (n == -1)
    return 0;
  do
    n = recv(rtnl, &answer, sizeof answer, MSG_TRUNC);
  while (n == -1 && errno == EINTR);
  /* no route at all */
  if (n < (ssize_t)NLMSG_LENGTH(sizeof r) || answer.head.nlmsg_type != RTM_NEWROUTE)
    return 0;
  memcpy(&r, NLMSG_DATA(&answer.head), sizeof r);
  return r.rtm_type == RTN_LOCAL;
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
  uint32_t table, mark; /* mark 0: none */
  uint8_t proto;        /* 0: any */
  struct fib_rule_port_range sport;
  union address src; /* family, and the address if it matters */
  int by_src;
};

static int rule(struct rule const *r, uint16_t type, uint16_t flags)
{
  struct fib_rule_hdr head = {.family = (uint8_t)r->src.sa.sa_family,
                              .action = FR_ACT_TO_TBL,
                              .src_len = (uint8_t)(r->by_src ? 8 * width(&r->src) : 0)};
  uint8_t us = RK_PROTO;
  struct rk_nl nl;

  rk_nl_init(&nl);
  rk_nl_msg(&nl, type, flags, &head, sizeof head, "set a rule");
  rk_nl_u32(&nl, FRA_TABLE, r->table);
  rk_nl_u32(&nl, FRA_PRIORITY, PRIORITY);
  if (r->mark)
    rk_nl_u32(&nl, FRA_FWMARK, r->mark);
  if (r->proto) {
    rk_nl_attr(&nl, FRA_IP_PROTO, &r->proto, 1);
    rk_nl_attr(&nl, FRA_SPORT_RANGE, &r->sport, sizeof r->sport);
  }
  if (r->by_src)
    rk_nl_attr(&nl, FRA_SRC, bytes(&r->src), width(&r->src));
  rk_nl_attr(&nl, FRA_PROTOCOL, &us, 1);
  return rk_nl_send(rtnl, &nl, 0);
}

int route_mark_rule(int family, uint32_t table, uint32_t mark)
{
  struct rule r = {.table = table, .mark = mark, .src.sa.sa_family = (sa_family_t)family};
  int e = rule(&r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);

  return e == -1 && errno == EEXIST ? 0 : e;
}

/* Without NLM_F_EXCL: two relays have two equal rules, and each removes one. */
int route_port_rule(int add, uint32_t table, uint8_t proto, union address const *src, int by_src,
                    uint16_t from, uint16_t to)
{
  struct rule r = {
    .table = table, .proto = proto, .sport = {from, to}, .src = *src, .by_src = by_src};

  return rule(&r, add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE : 0);
}

/* Left-overs of relays that were killed. One socket for the dump, another for removing while it
   runs. */
static int others; /* a live relay's route was seen: its rules cannot be told from left-overs */

static int stale_route(struct nlmsghdr const *m, void *data)
{
  struct rtmsg r;
  size_t len;
  uint32_t pid = 0, table = 0;
  union address a = {.sa.sa_family = AF_UNSPEC};
  void const *p;

  (void)data;
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
    return others = 1, 0;
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

static int stale_rule(struct nlmsghdr const *m, void *data)
{
  struct fib_rule_hdr head;
  struct rule r = {.table = 0};
  size_t len;
  void const *p;

  (void)data;
  if (m->nlmsg_type != RTM_NEWRULE || m->nlmsg_len < NLMSG_LENGTH(sizeof head))
    return 0;
  memcpy(&head, NLMSG_DATA(m), sizeof head);
  if (!(p = rk_nl_find(m, sizeof head, FRA_PROTOCOL, &len)) || *(uint8_t const *)p != RK_PROTO)
    return 0;
  r.src.sa.sa_family = head.family;
  if ((p = rk_nl_find(m, sizeof head, FRA_TABLE, &len)) && len == 4)
    memcpy(&r.table, p, 4);
  if ((p = rk_nl_find(m, sizeof head, FRA_FWMARK, &len)) && len == 4)
    memcpy(&r.mark, p, 4);
  if ((p = rk_nl_find(m, sizeof head, FRA_IP_PROTO, &len)) && len == 1)
    memcpy(&r.proto, p, 1);
  if ((p = rk_nl_find(m, sizeof head, FRA_SPORT_RANGE, &len)) && len == sizeof r.sport)
    memcpy(&r.sport, p, len);
  if ((p = rk_nl_find(m, sizeof head, FRA_SRC, &len)) && len == width(&r.src)) {
    r.by_src = 1;
    memcpy(len == 4 ? (void *)&r.src.v4.sin_addr : (void *)&r.src.v6.sin6_addr, p, len);
  }
  rule(&r, RTM_DELRULE, 0);
  return 0;
}

static void clean(int family)
{
  struct rtmsg r = {.rtm_family = (uint8_t)family};
  struct fib_rule_hdr head = {.family = (uint8_t)family};
  struct rk_nl nl;
  int fd = rk_nl_open(NETLINK_ROUTE);

  if (fd == -1)
    return;
  others = 0;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, RTM_GETROUTE, 0, &r, sizeof r, "list routes");
  int done = rk_nl_dump(fd, &nl, stale_route, 0);
  if (!done && !others) {
    rk_nl_init(&nl);
    rk_nl_msg(&nl, RTM_GETRULE, 0, &head, sizeof head, "list rules");
    rk_nl_dump(fd, &nl, stale_rule, 0);
  }
  close(fd);
}

int route_start(char const *ifname)
{
  rtnl = rk_nl_open(NETLINK_ROUTE);
  if (rtnl == -1)
    return -1;
  device = *ifname ? if_nametoindex(ifname) : 0;
  if (!device)
    device = 1; /* lo, in every namespace */
  metric = (uint32_t)getpid();
  clean(AF_INET);
  clean(AF_INET6);
  return 0;
}
