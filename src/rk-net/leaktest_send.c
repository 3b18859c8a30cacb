/* SPDX-License-Identifier: ISC
   The loopback test, inside: send a nonce to every address behind which the host's loopback might
   lie, at the ports on which rk-outside listens there. Whether one arrived is judged outside; what
   connect(2) says here proves nothing. */
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <net/if.h>
#include <sys/socket.h>

#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/netlink.h>
#include <rk/proc.h>

/* Milliseconds: a gateway is waited for that long, since a machine may stall, and all is sent again
   after that long without an answer; a splice, whose pace no frame tells, that long; without a
   gateway to ask, that long blindly. */
enum {
  ROUNDS = 4,
  ROUNDS6 = 6,
  PATIENCE = 10000,
  AGAIN = 1000,
  SPLICE = 1000,
  BLIND = 10,
  TARGETS = RK_NET_TARGETS,
  LOOPBACK = 1,
  DNS = 2,
  SIX = 3
};

/* Silence is an answer, or may become one; not so a question that could not be put. */
static int asked(int r)
{
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "ask for the gateway");
  return r;
}

/* Has the driver handled the nonces (neighbour.c)? A gateway that is silent may be one that has not
   come to them yet, so its silence is no answer. Without a wall its first answer lets go the nonces
   themselves, which wait for it; those of IPv6 wait for a question of their own, a round later. */
static int barrier(struct net *n, int news, int index)
{
  struct in_addr const *gateway = &n->say.plan.gateway;
  int rounds = n->say.plan.ip6.s6_addr[0] ? ROUNDS6 : ROUNDS;

  if (n->hop == -1)
    return asked(neighbour_wait(news, gateway, AGAIN)) &&
           asked(neighbour_rounds(n->rtnl, news, index, gateway, rounds));
  /* What the hop answers, it answers after the nonces. */
  return asked(neighbour_rounds(n->rtnl, news, index, gateway, 1)) && wall_rounds(n, rounds);
}

static void __attribute__((noreturn)) die_silent(struct net *n)
{
  char gateway[IP4_FMT + 1]; /* inet_ntop(3) would bring all of stdio with it */

  gateway[ip4_fmt(gateway, (char const *)&n->say.plan.gateway)] = 0;
  strerr_dief(
    RK_EXIT_SYS, "the gateway ", gateway,
    " does not answer, so it is unknown whether the host's loopback is closed (-l skips the test)");
}

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

/* The gateway, the loopback address, and the driver's resolver: that leads to the host's, which may
   listen on the loopback, and a driver is to pass on its port 53 only. A resolver of somebody
   else's is left alone. */
static int target(struct net *n, int i, union address *a)
{
  struct rk_net_plan const *plan = &n->say.plan;
  struct in_addr const four[] = {plan->gateway, {.s_addr = htonl(INADDR_LOOPBACK)}, plan->dns};
  struct in6_addr const six[] = {plan->gateway6, in6addr_loopback, plan->dns6};

  memset(a, 0, sizeof *a);
  if (i < SIX) {
    a->four.sin_family = AF_INET;
    a->four.sin_addr = four[i];
    if (i == DNS && !rk_net_in_plan(plan, plan->dns))
      return 0;
    return a->four.sin_addr.s_addr && n->say.tcp4;
  }
  a->six.sin6_family = AF_INET6;
  a->six.sin6_addr = six[i - SIX];
  return plan->ip6.s6_addr[0] && n->say.tcp6;
}

static int loopback(int i)
{
  return i % SIX == LOOPBACK;
}

/* Errors of sending are as good as silence. Returns whether somebody inside answers for our own
   loopback. */
static int nonces(struct net *n, struct pollfd *tcp)
{
  union address a;
  int answered = 0;
  char c;

  for (int i = 0; i < TARGETS; i++) {
    if (tcp[i].fd != -1)
      close(tcp[i].fd);
    tcp[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
    if (!target(n, i, &a))
      continue;
    socklen_t size = a.any.sa_family == AF_INET ? sizeof a.four : sizeof a.six;
    int udp = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    tcp[i].fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (udp == -1 || tcp[i].fd == -1)
      strerr_diefusys(RK_EXIT_SYS, "open a socket");
    a.four.sin_port = htons(a.any.sa_family == AF_INET ? n->say.udp4 : n->say.udp6);
    connect(udp, &a.any, size);
    send(udp, n->say.nonce, RK_NONCE, MSG_NOSIGNAL);
    /* A closed port of our own loopback refuses at once. */
    if (loopback(i) && !(recv(udp, &c, 1, MSG_DONTWAIT) == -1 && errno == ECONNREFUSED))
      answered = 1;
    close(udp);
    a.four.sin_port = htons(a.any.sa_family == AF_INET ? n->say.tcp4 : n->say.tcp6);
    connect(tcp[i].fd, &a.any, size);
  }
  return answered;
}

/* Behind a wall, what goes to the loopback addresses goes to the driver if the program's root so
   wants: lo is down, so that they are not its own, and they are routed. Undone afterwards. */
static void route_loopback(struct net *n, int index, uint16_t type)
{
  static struct rk_nl b;
  static uint32_t const net127 = 127;
  struct in_addr const net = {.s_addr = htonl(net127 << 24)};
  struct rk_nl_route four = {.family = AF_INET,
                             .type = RTN_UNICAST,
                             .table = RT_TABLE_MAIN,
                             .index = index,
                             .dst = &net,
                             .dstlen = 8,
                             .gateway = &n->say.plan.gateway};
  struct rk_nl_route six = {.family = AF_INET6,
                            .type = RTN_UNICAST,
                            .table = RT_TABLE_MAIN,
                            .index = index,
                            .dst = &in6addr_loopback,
                            .dstlen = 128,
                            .gateway = &n->say.plan.gateway6};

  rk_nl_init(&b);
  if (n->say.plan.gateway.s_addr)
    rk_nl_route(&b, type, &four);
  if (n->say.plan.ip6.s6_addr[0])
    rk_nl_route(&b, type, &six);
  netns_send(n->rtnl, &b);
}

/* Behind a wall: does the driver answer? And is the hop known, which answers for the gateway? While
   it is not, a question to it would drop the nonces that wait for the answer to the one before. */
static int answering(struct net *n, int news, int index)
{
  return wall_rounds(n, 1) &&
         asked(neighbour_rounds(n->rtnl, news, index, &n->say.plan.gateway, 1));
}

static void send_all(struct net *n, struct pollfd *tcp, int index, int news)
{
  int64_t end = rk_clock_ms() + PATIENCE;
  int answered;

  while (n->hop != -1 && n->say.plan.gateway.s_addr && !answering(n, news, index)) {
    if (rk_clock_ms() >= end)
      die_silent(n);
  }
  answered = nonces(n, tcp);
  if (!n->say.plan.gateway.s_addr) {
    poll(0, 0, BLIND);
  } else {
    /* Silence: nothing waits for the gateway any more if the driver died, whose end makes the
       kernel forget it, or after three seconds. */
    while (!barrier(n, news, index)) {
      if (rk_clock_ms() >= end)
        die_silent(n);
      answered |= nonces(n, tcp);
    }
  }
  poll(tcp, TARGETS, 0);
  for (int i = 0; i < TARGETS; i++) {
    answered |= loopback(i) && tcp[i].revents == POLLOUT;
    if (tcp[i].fd != -1 && tcp[i].revents == POLLOUT)
      send(tcp[i].fd, n->say.nonce, RK_NONCE, MSG_NOSIGNAL);
  }
  /* Somebody inside answers for our own loopback, in a namespace without a program: a driver's
     splice, whose pace no frame tells. Behind a wall no driver is inside. */
  if (answered && n->hop == -1)
    poll(0, 0, SPLICE);
}

void probe_send(struct net *n)
{
  struct pollfd tcp[TARGETS];
  char path[NETNS_CONF_MAX], before[8] = "0";
  int index = (int)if_nametoindex(n->say.plan.ifname), news = neighbour_listen();

  for (int i = 0; i < TARGETS; i++)
    tcp[i] = (struct pollfd){.fd = -1};
  if (news == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch the neighbours");
  if (!index)
    strerr_diefusys(RK_EXIT_SYS, "find the interface ", n->say.plan.ifname);
  if (n->hop != -1) {
    netns_conf(path, "ipv4", n->say.plan.ifname, "route_localnet");
    rk_slurp(path, before, sizeof before);
    netns_sysctl(path, "1");
    route_loopback(n, index, RTM_NEWROUTE);
  }
  neighbour_link_ready(n->rtnl, n->say.plan.ifname);
  send_all(n, tcp, index, news);
  close(news);
  /* Closed only now that rk-outside has been asked: a reset must not take an unread connection out
     of its queue. */
  for (int i = 0; i < TARGETS; i++)
    n->tcp[i] = tcp[i].fd;
  if (n->hop != -1) {
    route_loopback(n, index, RTM_DELROUTE);
    netns_sysctl(path, before);
  }
}
