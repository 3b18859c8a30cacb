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
  WIDTH = 65536 / RULE_SECTIONS,
  END = FIRST + 2 * RULE_SECTIONS
};

enum { LOOPBACK = 1 /* the index of lo, in every namespace */ };

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

static struct rtmsg route_head(union address const *a)
{
  struct rtmsg m = {
    .rtm_family = (uint8_t)a->sa.sa_family,
    .rtm_dst_len = (uint8_t)(8 * width(a)),
  };

  return m;
}

/* The kernel's answer to one message. Its length, or -1. */
static ssize_t ask(int fd, struct rk_nl const *nl, void *answer, size_t room)
{
  ssize_t n;

  do
    n = send(fd, nl->buf.b, nl->len, 0);
  while (n == -1 && errno == EINTR);
  if (n == -1)
    return -1;
  do
    n = recv(fd, answer, room, 0);
  while (n == -1 && errno == EINTR);
  return n;
}

/* A 32-bit attribute of a message with such a head; 0: it has none. */
static uint32_t number(struct nlmsghdr const *m, size_t head, uint16_t attr)
{
  uint32_t value = 0;
  size_t len;
  void const *p = rk_nl_find(m, head, attr, &len);

  if (p && len == sizeof value)
    memcpy(&value, p, sizeof value);
  return value;
}

enum route_kind route_kind(struct relay const *r, union address const *a)
{
  struct rtmsg m = route_head(a);
  union {
    struct nlmsghdr head;
    char room[1024];
  } answer;
  struct rk_nl nl;

  m.rtm_flags = RTM_F_FIB_MATCH;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, RTM_GETROUTE, 0, &m, sizeof m, "look up the address");
  rk_nl_attr(&nl, RTA_DST, bytes(a), width(a));
  ssize_t n = ask(r->route.rtnl, &nl, &answer, sizeof answer);
  if (n < (ssize_t)NLMSG_LENGTH(sizeof m) || answer.head.nlmsg_type != RTM_NEWROUTE)
    return ROUTE_NONE;
  memcpy(&m, NLMSG_DATA(&answer.head), sizeof m);
  if (m.rtm_type == RTN_LOCAL)
    return ROUTE_LOCAL;
  if (m.rtm_type != RTN_UNICAST)
    return ROUTE_ELSEWHERE;
  if (is_default(&m))
    return ROUTE_OUTSIDE;
  uint32_t out = number(&answer.head, sizeof m, RTA_OIF);
  return r->route.device != LOOPBACK && out == r->route.device ? ROUTE_OUTSIDE : ROUTE_ELSEWHERE;
}

/* One `local` route. */
struct local {
  uint32_t table;
  uint32_t device;
  uint32_t metric;
  union address const *client;
  union address const *src; /* or null */
};

static int set_route(struct relay const *r, int type, struct local const *l)
{
  struct rtmsg m = route_head(l->client);
  int add = type == RTM_NEWROUTE;
  struct rk_nl nl;

  m.rtm_protocol = RK_PROTO;
  m.rtm_type = RTN_LOCAL;
  m.rtm_scope = m.rtm_family == AF_INET ? RT_SCOPE_HOST : RT_SCOPE_UNIVERSE;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, (uint16_t)type, add ? NLM_F_CREATE | NLM_F_EXCL : 0, &m, sizeof m,
            "set a client's route");
  rk_nl_attr(&nl, RTA_DST, bytes(l->client), width(l->client));
  if (l->src)
    rk_nl_attr(&nl, RTA_PREFSRC, bytes(l->src), width(l->src));
  rk_nl_u32(&nl, RTA_OIF, l->device);
  rk_nl_u32(&nl, RTA_TABLE, l->table);
  rk_nl_u32(&nl, RTA_PRIORITY, l->metric);
  int e = rk_nl_send(r->route.rtnl, &nl, 0);
  return e == -1 && errno == EEXIST && add ? 0 : e;
}

/* `local CLIENT dev lo [src SRC]`, which stays whatever becomes of other interfaces. IPv4's UDP
   servers that answer through the interface they were asked on (IP_PKTINFO says it was the outer
   one) would miss that: for them a second one on that interface. Delivery is by lo in any case. */
int route_client(struct relay const *r, int type, uint32_t table, union address const *client,
                 union address const *src)
{
  struct local l = {
    .table = table,
    .metric = r->route.metric,
    .client = client,
    .src = src,
  };

  if (src && r->route.device != LOOPBACK && client->sa.sa_family == AF_INET) {
    l.device = r->route.device;
    set_route(r, type, &l);
  }
  l.device = LOOPBACK;
  l.metric |= BACKUP;
  return set_route(r, type, &l);
}

/* One rule, found again by all of this. */
struct rule {
  uint32_t priority;
  uint32_t table;  /* where it leads to; 0: */
  uint32_t target; /* ... another priority; 0: nowhere, on to the next rule */
  uint32_t mark;   /* 0: none */
  uint8_t proto;   /* 0: any */
  uint8_t family;
  struct fib_rule_port_range sport; /* end 0: any */
  struct fib_rule_port_range dport; /* likewise */
  union address const *src;         /* or null */
  union address const *dst;         /* or null */
};

static uint8_t action(struct rule const *r)
{
  if (r->table)
    return FR_ACT_TO_TBL;
  return r->target ? FR_ACT_GOTO : FR_ACT_NOP;
}

static int set_rule(struct relay const *relay, struct rule const *r, uint16_t type, uint16_t flags)
{
  struct fib_rule_hdr head = {
    .family = r->family,
    .action = action(r),
  };
  uint8_t us = RK_PROTO;
  struct rk_nl nl;

  if (r->src)
    head.src_len = (uint8_t)(8 * width(r->src));
  if (r->dst)
    head.dst_len = (uint8_t)(8 * width(r->dst));
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
  if (r->src)
    rk_nl_attr(&nl, FRA_SRC, bytes(r->src), width(r->src));
  if (r->dst)
    rk_nl_attr(&nl, FRA_DST, bytes(r->dst), width(r->dst));
  rk_nl_attr(&nl, FRA_PROTOCOL, &us, 1);
  return rk_nl_send(relay->route.rtnl, &nl, 0);
}

/* There once, however often it is made. */
static int lasting(struct relay const *relay, struct rule const *r)
{
  int e = set_rule(relay, r, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);

  return e == -1 && errno == EEXIST ? 0 : e;
}

/* Two relays have two equal rules, and each removes one. */
static int counted(struct relay const *relay, int add, struct rule const *r)
{
  if (add)
    return set_rule(relay, r, RTM_NEWRULE, NLM_F_CREATE);
  return set_rule(relay, r, RTM_DELRULE, 0);
}

int route_mark_rule(struct relay const *r, int family, uint32_t table, uint32_t mark)
{
  struct rule rule = {
    .priority = PRIORITY,
    .table = table,
    .mark = mark,
    .family = (uint8_t)family,
  };

  return lasting(r, &rule);
}

int route_port_rule(struct relay const *r, int add, uint32_t table, union address const *src,
                    int by_src, struct ports ports)
{
  struct rule rule = {
    .priority = PRIORITY,
    .table = table,
    .proto = IPPROTO_TCP,
    .sport = {ports.from, ports.to},
    .family = (uint8_t)src->sa.sa_family,
    .src = by_src ? src : NULL,
  };

  return counted(r, add, &rule);
}

/* The ends of the lists. A rule may go to a priority that is not there yet. */
static int set_ends(struct relay const *r, uint8_t family)
{
  struct rule end = {
    .priority = END,
    .family = family,
  };
  struct rule skip = {
    .priority = SKIP,
    .target = END,
    .family = family,
  };
  struct rule skip_sections = {
    .priority = SECTIONS_END,
    .target = END,
    .family = family,
  };

  if (lasting(r, &end) == -1)
    return -1;
  if (lasting(r, &skip_sections) == -1)
    return -1;
  return lasting(r, &skip);
}

int route_answer_port(struct relay const *r, int add, union address const *src, int by_src,
                      struct ports ports)
{
  struct rule entry = {
    .priority = ENTRY,
    .target = SECTIONS,
    .proto = IPPROTO_UDP,
    .sport = {ports.from, ports.to},
    .family = (uint8_t)src->sa.sa_family,
    .src = by_src ? src : NULL,
  };

  if (add && set_ends(r, entry.family) == -1)
    return -1;
  return counted(r, add, &entry);
}

static int section(struct relay const *r, int add, int family, unsigned int k)
{
  uint16_t from = (uint16_t)(k * WIDTH);
  uint16_t to = (uint16_t)(from + WIDTH - 1);
  uint32_t first = FIRST + 2 * k;
  struct rule enter = {
    .priority = SECTIONS,
    .target = first,
    .proto = IPPROTO_UDP,
    .dport = {from, to},
    .family = (uint8_t)family,
  };
  struct rule leave = {
    .priority = first + 1,
    .target = END,
    .family = (uint8_t)family,
  };

  /* The kernel takes no range with 0 or 65535 (fib_rule_port_range_valid). */
  if (!from)
    enter.dport.start = 1;
  if (to == 65535)
    enter.dport.end = 65534;
  if (counted(r, add, &leave) == -1 && add)
    return -1;
  return counted(r, add, &enter);
}

int route_answer(struct relay *r, int add, struct answers const *a)
{
  int family = a->client->sa.sa_family;
  int six = family == AF_INET6;
  uint16_t to = ntohs(six ? a->client->v6.sin6_port : a->client->v4.sin_port);
  unsigned int k = to / WIDTH;
  unsigned int *n = &r->route.sessions[six][k];
  struct rule rule = {
    .priority = FIRST + 2 * k,
    .table = a->table,
    .proto = IPPROTO_UDP,
    .sport = {a->port, a->port},
    .dport = {to, to},
    .family = (uint8_t)family,
    .src = a->by_src ? a->backend : NULL,
    .dst = a->client,
  };

  if (add && !*n && section(r, 1, family, k) == -1)
    return -1;
  int e = counted(r, add, &rule);
  if (add && e == 0)
    ++*n;
  if (!add && *n)
    --*n;
  if (!*n)
    section(r, 0, family, k);
  return e;
}

/* Left-overs of relays that were killed. One socket for the dump, another for removing while it
   runs. The namespace's root may have made any number that look like them, so there is an end. */
enum { LEFT_OVERS = 100000 };
struct left_overs {
  struct relay const *relay;
  int others; /* a live relay's route was seen: its rules cannot be told from left-overs */
  unsigned int seen;
};

static int is_alive(uint32_t pid)
{
  return pid && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

/* Its destination: 1; 0: it has none. */
static int destination(struct nlmsghdr const *m, struct rtmsg const *head, union address *a)
{
  size_t len;
  void const *p = rk_nl_find(m, sizeof *head, RTA_DST, &len);

  *a = (union address){.sa.sa_family = head->rtm_family};
  if (!p || len != width(a))
    return 0;
  if (len == sizeof a->v4.sin_addr)
    memcpy(&a->v4.sin_addr, p, len);
  else
    memcpy(&a->v6.sin6_addr, p, len);
  return 1;
}

static int stale_route(struct nlmsghdr const *m, void *data)
{
  struct left_overs *left = data;
  struct rtmsg head;
  union address client;

  left->seen++;
  if (left->seen > LEFT_OVERS)
    return 1;
  if (m->nlmsg_type != RTM_NEWROUTE || m->nlmsg_len < NLMSG_LENGTH(sizeof head))
    return 0;
  memcpy(&head, NLMSG_DATA(m), sizeof head);
  if (head.rtm_protocol != RK_PROTO)
    return 0;
  uint32_t metric = number(m, sizeof head, RTA_PRIORITY);
  if (is_alive(metric & (BACKUP - 1))) {
    left->others = 1;
    return 0;
  }
  if (!destination(m, &head, &client))
    return 0;
  struct local l = {
    .table = number(m, sizeof head, RTA_TABLE),
    .device = number(m, sizeof head, RTA_OIF),
    .metric = metric,
    .client = &client,
  };
  set_route(left->relay, RTM_DELROUTE, &l);
  return 0;
}

/* As it was told, so it is found again: rules in a dump have the attributes of the message that
   made them (fib_nl_fill_rule). */
static int stale_rule(struct nlmsghdr const *m, void *data)
{
  struct left_overs *left = data;
  size_t const head = sizeof(struct fib_rule_hdr);
  struct rk_nl nl;
  size_t len;
  uint8_t const *p;

  left->seen++;
  if (left->seen > LEFT_OVERS)
    return 1;
  if (m->nlmsg_type != RTM_NEWRULE || m->nlmsg_len < NLMSG_LENGTH(head))
    return 0;
  p = rk_nl_find(m, head, FRA_PROTOCOL, &len);
  if (!p || len != 1 || *p != RK_PROTO)
    return 0;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, RTM_DELRULE, 0, NLMSG_DATA(m), m->nlmsg_len - NLMSG_HDRLEN, "remove a rule");
  rk_nl_send(left->relay->route.rtnl, &nl, 0);
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

static void clean(struct relay const *relay, int family)
{
  struct rtmsg r = {.rtm_family = (uint8_t)family};
  struct fib_rule_hdr head = {.family = (uint8_t)family};
  struct left_overs left = {.relay = relay};

  each(RTM_GETROUTE, &r, sizeof r, stale_route, &left);
  left.seen = 0;
  if (!left.others)
    each(RTM_GETRULE, &head, sizeof head, stale_rule, &left);
}

int route_start(struct relay *r, char const *ifname)
{
  r->route.rtnl = rk_nl_open(NETLINK_ROUTE);
  if (r->route.rtnl == -1)
    return -1;
  if (*ifname)
    r->route.device = if_nametoindex(ifname);
  if (!r->route.device)
    r->route.device = LOOPBACK;
  r->route.metric = (uint32_t)getpid();
  clean(r, AF_INET);
  clean(r, AF_INET6);
  return 0;
}
