/* SPDX-License-Identifier: ISC
   The loopback test sent from the hop. It has no address of its own, so the nonces carry that of
   the program (IP_TRANSPARENT, ip(7)). The answers to TCP would be forwarded to the program: rules
   for the ports of these sockets keep them in the hop. */
#include "leaktest.h"

#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>

#include <rk/netlink.h>

#include "leaktest_hop.h"

/* The rules come before every other: of IPv4 after the table "local", which has no room for ours;
   of IPv6 before the one that leads to the program (src/rk-net/hop.c), to the table "local", which
   has the program's address. */
enum { LO_INDEX = 1, TABLE = 101, FIRST = 1, FIRST6 = 0, RULES = 4 };

static uint32_t priority(int family)
{
  return family == AF_INET ? FIRST : FIRST6;
}

/* All that a rule has which is removed, so that no other is. */
static void rule(struct rk_nl *b, uint16_t type, int family)
{
  uint8_t const tcp = IPPROTO_TCP;
  struct fib_rule_hdr head = {
    .family = (uint8_t)family,
    .table = family == AF_INET ? TABLE : RT_TABLE_LOCAL,
    .action = FR_ACT_TO_TBL,
  };

  rk_nl_msg(b, type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0, &head, sizeof head,
            "change a routing rule");
  rk_nl_u32(b, FRA_PRIORITY, priority(family));
  rk_nl_attr(b, FRA_IP_PROTO, &tcp, sizeof tcp);
}

/* Of an earlier test that was killed, too. */
static void remove_rules(int rtnl, int family)
{
  struct rk_nl b;

  for (int i = 0; i < RULES; i++) {
    rk_nl_init(&b);
    rule(&b, RTM_DELRULE, family);
    if (rk_nl_send(rtnl, &b, NULL) == -1)
      return;
  }
}

static int keep_port(int rtnl, struct rk_net_plan const *plan, int family, uint16_t port)
{
  struct fib_rule_port_range const ports = {.start = port, .end = port};
  struct rk_nl b;

  rk_nl_init(&b);
  rule(&b, RTM_NEWRULE, family);
  rk_nl_attr(&b, FRA_IIFNAME, plan->ifname, strlen(plan->ifname) + 1);
  rk_nl_attr(&b, FRA_DPORT_RANGE, &ports, sizeof ports);
  return rk_nl_send(rtnl, &b, NULL);
}

int leaktest_hop_begin(struct rk_net_plan const *plan)
{
  struct rk_nl b;
  struct rk_nl_route own = {.family = AF_INET,
                            .type = RTN_LOCAL,
                            .table = TABLE,
                            .index = LO_INDEX,
                            .dst = &plan->ip,
                            .dstlen = 32};
  int rtnl = rk_nl_open(NETLINK_ROUTE);

  if (rtnl == -1)
    return -1;
  leaktest_hop_end(rtnl);
  rk_nl_init(&b);
  rk_nl_route(&b, RTM_DELROUTE, &own);
  rk_nl_send(rtnl, &b, NULL);
  rk_nl_init(&b);
  rk_nl_route(&b, RTM_NEWROUTE, &own);
  return rk_nl_send(rtnl, &b, NULL) == -1 ? -1 : rtnl;
}

static int bind_program(int fd, struct rk_net_plan const *plan, int family)
{
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = plan->ip};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = plan->ip6};
  int on = 1;

  if (family == AF_INET6) /* an address of lo, in the hop */
    return bind(fd, (struct sockaddr const *)&six, sizeof six);
  if (setsockopt(fd, SOL_IP, IP_TRANSPARENT, &on, sizeof on) == -1)
    return -1;
  return bind(fd, (struct sockaddr const *)&four, sizeof four);
}

static uint16_t own_port(int fd)
{
  union {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
  } a;
  socklen_t len = sizeof a;

  if (getsockname(fd, &a.any, &len) == -1)
    return 0;
  return ntohs(a.any.sa_family == AF_INET ? a.four.sin_port : a.six.sin6_port);
}

int leaktest_hop_socket(int rtnl, struct rk_net_plan const *plan, int family, int type)
{
  int fd = socket(family, type | SOCK_NONBLOCK, 0);

  if (fd == -1)
    return -1;
  if (bind_program(fd, plan, family) == 0 &&
      (type == SOCK_DGRAM || keep_port(rtnl, plan, family, own_port(fd)) == 0))
    return fd;
  close(fd);
  return -1;
}

void leaktest_hop_end(int rtnl)
{
  remove_rules(rtnl, AF_INET);
  remove_rules(rtnl, AF_INET6);
}
