/* SPDX-License-Identifier: ISC
   A driver handles frames in their order. So when it has answered an ARP request sent after other
   frames, it has handled these, or (pasta answers ARP first within one batch) will have when it
   answers the next. Some rounds of that cost a few hundred microseconds, where waiting blindly
   would cost ten thousand. The kernel asks for us: a neighbour forgotten and used again is asked
   for at once. (A packet socket would wait for two grace periods of RCU, when it is bound and when
   it is closed: ten milliseconds each.) */
#include "net.h"

#include <poll.h>
#include <errno.h>
#include <string.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/ethtool.h>
#include <linux/neighbour.h>
#include <linux/sockios.h>

#include <rk/clock.h>
#include <rk/netlink.h>

/* Milliseconds: a request without an answer after that long is taken for lost. The kernel itself
   asks again after a second. */
enum { AGAIN = 200 };

int neighbour_listen(void)
{
  struct sockaddr_nl me = {.nl_family = AF_NETLINK, .nl_groups = 1U << (RTNLGRP_NEIGH - 1)};
  int fd = rk_nl_open(NETLINK_ROUTE);

  return fd == -1 || bind(fd, (struct sockaddr const *)&me, sizeof me) == -1 ? -1 : fd;
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

int neighbour_wait(int news, struct in_addr const *who, int ms)
{
  int64_t end = rk_clock_us() + (int64_t)ms * 1000;
  union {
    struct nlmsghdr head;
    char b[1024];
  } in;

  for (;;) {
    struct pollfd x = {.fd = news, .events = POLLIN};
    int64_t left = end - rk_clock_us();
    if (left <= 0)
      return 0;
    int ready = poll(&x, 1, (int)(left / 1000) + 1);
    if (ready == -1 && errno != EINTR)
      return -1;
    if (ready < 1)
      continue;
    ssize_t r = recv(news, in.b, sizeof in, MSG_DONTWAIT);
    if (r <= 0)
      continue;
    size_t n = (size_t)r;
    for (struct nlmsghdr const *m = &in.head; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
      if (resolved(m, who))
        return 1;
    }
  }
}

void neighbour_link_ready(int sock, char const *ifname)
{
  struct ethtool_value link = {.cmd = ETHTOOL_GLINK};
  struct ifreq ifr = {0};

  memcpy(ifr.ifr_name, ifname, strnlen(ifname, sizeof ifr.ifr_name - 1));
  ifr.ifr_data = (void *)&link;
  ioctl(sock, SIOCETHTOOL, &ifr);
}

static void neighbour(struct rk_nl *b, uint16_t type, uint16_t flags, uint8_t use, int index,
                      struct in_addr const *who)
{
  struct ndmsg nd = {.ndm_family = AF_INET, .ndm_ifindex = index, .ndm_flags = use};

  rk_nl_msg(b, type, flags, &nd, sizeof nd, "ask for the gateway");
  rk_nl_attr(b, NDA_DST, who, 4);
}

int neighbour_rounds(int rtnl, int news, int index, struct in_addr const *who, int rounds)
{
  static struct rk_nl b;
  struct rk_nl_error e;
  int r;

  while (rounds--) {
    /* One batch: between the two, a question of the driver's own, for the program, would make the
       gateway known again, but not as reachable (neigh_event_ns()), and then the kernel asks only
       after delay_first_probe_time, which is 0 in the hop. The first may be unknown yet: then there
       is nothing to forget. */
    rk_nl_init(&b);
    neighbour(&b, RTM_DELNEIGH, 0, 0, index, who);
    neighbour(&b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, NTF_USE, index, who);
    if (rk_nl_send(rtnl, &b, &e) == -1 && (e.local || e.n))
      return e.local ? -1 : 0;
    r = neighbour_wait(news, who, AGAIN);
    if (r != 1)
      return r;
  }
  return 1;
}
