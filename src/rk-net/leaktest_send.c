/* SPDX-License-Identifier: ISC
   The loopback test, inside: send a nonce to every address behind which the host's loopback might
   lie, at the ports on which rk-outside listens there. Whether one arrived is judged outside; what
   connect(2) says here proves nothing. */
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/neighbour.h>

#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/netlink.h>

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
  TARGETS = 4
};

static int64_t now(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* The state of a neighbour has changed: is it that address, and resolved? */
static int resolved(struct nlmsghdr const *m, struct in_addr const *who)
{
  struct ndmsg nd;
  size_t len;
  void const *addr;

  if (m->nlmsg_type != RTM_NEWNEIGH || m->nlmsg_len < NLMSG_LENGTH(sizeof nd))
    return 0;
  memcpy(&nd, NLMSG_DATA(m), sizeof nd);
  addr = rk_nl_find(m, sizeof nd, NDA_DST, &len);
  return nd.ndm_family == AF_INET && nd.ndm_state & NUD_REACHABLE && addr && len == 4 &&
         !memcmp(addr, who, 4);
}

static int wait_resolved(int fd, struct in_addr const *who, int64_t end)
{
  union {
    struct nlmsghdr head;
    char b[1024];
  } in;

  for (;;) {
    struct pollfd x = {.fd = fd, .events = POLLIN};
    int64_t left = end - now();
    if (left <= 0 || poll(&x, 1, (int)(left / 1000) + 1) < 1)
      return 0;
    ssize_t r = recv(fd, in.b, sizeof in, MSG_DONTWAIT);
    if (r <= 0)
      continue;
    size_t n = (size_t)r;
    for (struct nlmsghdr const *m = &in.head; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n))
      if (resolved(m, who))
        return 1;
  }
}

static void neighbour(struct rk_nl *b, uint16_t type, uint16_t flags, uint8_t use, int ifindex,
                      struct in_addr const *who)
{
  struct ndmsg nd = {.ndm_family = AF_INET, .ndm_ifindex = ifindex, .ndm_flags = use};

  rk_nl_msg(b, type, flags, &nd, sizeof nd, "ask for the gateway");
  rk_nl_attr(b, NDA_DST, who, 4);
}

/* A driver handles frames in their order. So when it has answered an ARP request sent after the
   nonces, it has handled these, or (pasta answers ARP first within one batch) will have when it
   answers the next. Some rounds of that cost a few hundred microseconds, where waiting blindly
   would cost ten thousand. The kernel asks for us: a neighbour forgotten and used again is asked
   for at once. (A packet socket would wait for two grace periods of RCU, when it is bound and when
   it is closed: ten milliseconds each.) A gateway that is silent may be one that has not come to
   our nonces yet, so its silence is no answer. */
static int barrier(struct net *n, int fd, int ifindex)
{
  static struct rk_nl b;
  /* The first answer lets go the nonces themselves, which wait for it; those of IPv6 wait for a
     question of their own, a round later. */
  int ok = wait_resolved(fd, &n->say.plan.gateway, now() + AGAIN * 1000);

  for (int round = 0; ok && round < (n->say.plan.ip6.s6_addr[0] ? ROUNDS6 : ROUNDS); round++) {
    rk_nl_init(&b);
    neighbour(&b, RTM_DELNEIGH, 0, 0, ifindex, &n->say.plan.gateway);
    neighbour(&b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, NTF_USE, ifindex,
              &n->say.plan.gateway);
    ok = rk_nl_send(n->rtnl, &b, 0) == 0 &&
         wait_resolved(fd, &n->say.plan.gateway, now() + AGAIN * 1000);
  }
  return ok;
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

static int target(struct net *n, int i, union address *a)
{
  memset(a, 0, sizeof *a);
  a->four.sin_family = AF_INET;
  switch (i) {
    case 0: a->four.sin_addr = n->say.plan.gateway; break;
    case 1: a->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK); break;
    case 2:
      a->six.sin6_family = AF_INET6;
      a->six.sin6_addr = n->say.plan.gateway6;
      break;
    case 3:
      a->six.sin6_family = AF_INET6;
      a->six.sin6_addr = in6addr_loopback;
      break;
  }
  if (a->any.sa_family == AF_INET)
    return a->four.sin_addr.s_addr && n->say.tcp4;
  return n->say.plan.ip6.s6_addr[0] && n->say.tcp6;
}

static int loopback(int i)
{
  return i == 1 || i == 3;
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

void probe_send(struct net *n)
{
  struct pollfd tcp[TARGETS] = {{.fd = -1}, {.fd = -1}, {.fd = -1}, {.fd = -1}};
  struct ifreq ifr = {0};
  struct sockaddr_nl me = {.nl_family = AF_NETLINK, .nl_groups = 1U << (RTNLGRP_NEIGH - 1)};
  int news = rk_nl_open(NETLINK_ROUTE), any, answered;
  int64_t end = now() + PATIENCE * 1000;

  if (news == -1 || bind(news, (struct sockaddr const *)&me, sizeof me) == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch the neighbours");
  memcpy(ifr.ifr_name, n->say.plan.ifname, sizeof ifr.ifr_name);
  any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (any == -1 || ioctl(any, SIOCGIFINDEX, &ifr) == -1)
    strerr_diefusys(RK_EXIT_SYS, "find the interface ", n->say.plan.ifname);
  close(any);
  answered = nonces(n, tcp);
  if (!n->say.plan.gateway.s_addr)
    poll(0, 0, BLIND);
  /* Silence: nothing waits for the gateway any more if the driver died, whose end makes the kernel
     forget it, or after three seconds. */
  else
    while (!barrier(n, news, ifr.ifr_ifindex)) {
      if (now() >= end)
        die_silent(n);
      answered |= nonces(n, tcp);
    }
  close(news);
  poll(tcp, TARGETS, 0);
  for (int i = 0; i < TARGETS; i++)
    answered |= loopback(i) && tcp[i].revents == POLLOUT;
  for (int i = 0; i < TARGETS; i++)
    if (tcp[i].fd != -1 && tcp[i].revents == POLLOUT)
      send(tcp[i].fd, n->say.nonce, RK_NONCE, MSG_NOSIGNAL);
  /* Somebody inside answers for our own loopback, in a namespace without a program: a driver's
     splice, whose pace no frame tells. */
  if (answered)
    poll(0, 0, SPLICE);
  /* Closed only now that rk-outside has been asked: a reset must not take an unread connection out
     of its queue. */
  for (int i = 0; i < TARGETS; i++)
    n->tcp[i] = tcp[i].fd;
}
