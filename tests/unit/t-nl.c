/* SPDX-License-Identifier: ISC
   t-nl: the netlink batch, in a network namespace of its own (needs user namespaces; maps
   nothing). */
#include <rk/netlink.h>

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

static int tests;

static void ok(int good, char const *name)
{
  printf("%sok %d - %s\n", good ? "" : "not ", ++tests, name);
}

static int count(struct nlmsghdr const *m, void *data)
{
  struct rtmsg r;
  memcpy(&r, NLMSG_DATA(m), sizeof r);
  size_t len;
  uint32_t const *table = rk_nl_find(m, sizeof r, RTA_TABLE, &len);
  if (table && len == 4 && *table == 1000)
    ++*(int *)data;
  return 0;
}

static int routes(int fd)
{
  static struct rk_nl b;
  struct rtmsg all = {.rtm_family = AF_INET};
  int n = 0;

  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETROUTE, 0, &all, sizeof all, "list routes");
  return rk_nl_dump(fd, &b, count, &n) == -1 ? -1 : n;
}

int main(void)
{
  static struct rk_nl b;
  struct rk_nl_error e;
  struct in_addr ten = {htonl(0x0a000201)}, net = {htonl(0xc6336400)};
  struct in6_addr six;

  inet_pton(AF_INET6, "fd00::100", &six);
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1) {
    printf("1..0 # SKIP no user namespace: %s\n", strerror(errno));
    return 0;
  }
  int fd = rk_nl_open(NETLINK_ROUTE);
  ok(fd != -1, "open");

  rk_nl_init(&b);
  rk_nl_link_up(&b, "lo", 0, 0, 0);
  rk_nl_addr(&b, AF_INET, 1, &ten, 24, 0);
  rk_nl_addr(&b, AF_INET6, 1, &six, 64, IFA_F_NODAD);
  struct rk_nl_route r = {.family = AF_INET,
                          .index = 1,
                          .type = RTN_LOCAL,
                          .table = 1000,
                          .dst = &net,
                          .dstlen = 24,
                          .prefsrc = &ten};
  rk_nl_route(&b, RTM_NEWROUTE, &r);
  ok(!rk_nl_send(fd, &b, &e), "one batch: link, two addresses, a route");
  if (e.error)
    printf("# %s: %s (%s)\n", e.what, strerror(e.error), e.text);
  ok(routes(fd) == 1, "the dump finds the route of table 1000");

  rk_nl_init(&b);
  struct rk_nl_route bad = {
    .family = AF_INET, .index = 77, .type = RTN_UNICAST, .table = RT_TABLE_MAIN};
  rk_nl_addr(&b, AF_INET6, 1, &(struct in6_addr){.s6_addr = {0xfd, 1}}, 64, IFA_F_NODAD);
  rk_nl_route(&b, RTM_NEWROUTE, &bad);
  rk_nl_route(&b, RTM_DELROUTE, &r);
  ok(rk_nl_send(fd, &b, &e) == -1 && e.n == 1 && !strcmp(e.what, "add the route"),
     "the failing message is named");
  ok(e.error == ENODEV || e.error == ENETDOWN || e.error == EINVAL, "with the kernel's errno");
  ok(!routes(fd), "messages behind it were carried out");

  struct rk_nl_route fast = {.family = AF_INET,
                             .index = 1,
                             .type = RTN_UNICAST,
                             .table = 1000,
                             .dst = &net,
                             .dstlen = 24,
                             .rto_min = 5,
                             .congctl = "reno"};
  rk_nl_init(&b);
  rk_nl_route(&b, RTM_NEWROUTE, &fast);
  ok(!rk_nl_send(fd, &b, &e), "a route with metrics");

  rk_nl_init(&b);
  for (int i = 0; i < RK_NL_MAX + 1; i++)
    rk_nl_link_up(&b, "lo", 0, 0, 0);
  ok(rk_nl_send(fd, &b, &e) == -1 && errno == EMSGSIZE, "too many messages are refused as a whole");

  rk_nl_init(&b);
  struct rtmsg body = {0};
  rk_nl_msg(&b, RTM_NEWLINK, 0, &body, sizeof body, "nest");
  size_t nest = rk_nl_nest(&b, IFLA_LINKINFO);
  rk_nl_attr(&b, IFLA_INFO_KIND, "dummy", 6);
  rk_nl_end(&b, nest);
  size_t len;
  void const *p = rk_nl_find(&b.buf.head, sizeof body, IFLA_LINKINFO, &len);
  ok(p && len == 12, "a nest spans its attributes");
  ok(!rk_nl_find(&b.buf.head, sizeof body, IFLA_MTU, &len), "an absent attribute is null");
  printf("1..%d\n", tests);
  return 0;
}
