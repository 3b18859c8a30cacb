/* SPDX-License-Identifier: ISC
   The loopback test, inside: send a nonce to every address behind which the host's loopback might lie, at the ports on
   which rk-outside listens there. Whether one arrived is judged outside; what connect(2) says here proves nothing. */
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>

enum { ROUNDS = 4, WAIT = 10, TARGETS = 4 };

static int64_t now(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* A driver handles frames in their order. So when it has answered an ARP request sent after the nonces, it has handled these, or (pasta answers
   ARP first within one batch) will have when it answers the next. Some rounds of that cost a few hundred microseconds, where waiting
   blindly would cost ten thousand. 0: the driver does not answer. */
static int barrier(struct net *n, int fd, int ifindex, unsigned char const *mac)
{
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_ifindex = ifindex, .sll_halen = ETH_ALEN};
  struct ether_arp ask = {
    .ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETH_P_IP), .ar_hln = ETH_ALEN, .ar_pln = 4, .ar_op = htons(ARPOP_REQUEST)}
  }, got;
  int64_t end = now() + WAIT * 1000;

  memset(to.sll_addr, 0xff, ETH_ALEN);
  memcpy(ask.arp_sha, mac, ETH_ALEN);
  memcpy(ask.arp_spa, &n->say.ip, 4);
  memcpy(ask.arp_tpa, &n->say.gateway, 4);
  for (int round = 0; round < ROUNDS; round++) {
    if (sendto(fd, &ask, sizeof ask, 0, (struct sockaddr const *)&to, sizeof to) == -1) return 0;
    for (;;) {
      struct pollfd x = {.fd = fd, .events = POLLIN};
      int64_t left = end - now();
      if (left <= 0 || poll(&x, 1, (int)(left / 1000) + 1) < 1) return 0;
      ssize_t r = recv(fd, &got, sizeof got, MSG_DONTWAIT);
      if (r == (ssize_t)sizeof got && got.ea_hdr.ar_op == htons(ARPOP_REPLY) && !memcmp(got.arp_spa, &n->say.gateway, 4)) break;
    }
  }
  return 1;
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
    case 0: a->four.sin_addr = n->say.gateway; break;
    case 1: a->four.sin_addr.s_addr = htonl(INADDR_LOOPBACK); break;
    case 2: a->six.sin6_family = AF_INET6; a->six.sin6_addr = n->ask.gateway6; break;
    case 3: a->six.sin6_family = AF_INET6; a->six.sin6_addr = in6addr_loopback; break;
  }
  if (a->any.sa_family == AF_INET) return a->four.sin_addr.s_addr && n->say.tcp4;
  return n->ipv6 && n->say.tcp6;
}

void probe_send(struct net *n)
{
  struct pollfd tcp[TARGETS];
  union address a;
  struct ifreq ifr = {0};
  struct sockaddr_ll self = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP)};
  socklen_t len = sizeof self;
  int arp = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ARP));

  if (arp == -1) strerr_diefusys(RK_EXIT_SYS, "open a packet socket");
  /* Errors of sending are as good as silence. */
  for (int i = 0; i < TARGETS; i++) {
    tcp[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
    if (!target(n, i, &a)) continue;
    socklen_t size = a.any.sa_family == AF_INET ? sizeof a.four : sizeof a.six;
    int udp = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    tcp[i].fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (udp == -1 || tcp[i].fd == -1) strerr_diefusys(RK_EXIT_SYS, "open a socket");
    a.four.sin_port = htons(a.any.sa_family == AF_INET ? n->say.udp4 : n->say.udp6);
    sendto(udp, n->say.nonce, RK_NONCE, MSG_NOSIGNAL, &a.any, size);
    close(udp);
    a.four.sin_port = htons(a.any.sa_family == AF_INET ? n->say.tcp4 : n->say.tcp6);
    connect(tcp[i].fd, &a.any, size);
  }
  memcpy(ifr.ifr_name, n->say.ifname, sizeof ifr.ifr_name);
  if (ioctl(arp, SIOCGIFINDEX, &ifr) == -1) strerr_diefusys(RK_EXIT_SYS, "find the interface ", n->say.ifname);
  self.sll_ifindex = ifr.ifr_ifindex;
  if (bind(arp, (struct sockaddr *)&self, sizeof self) == -1 || getsockname(arp, (struct sockaddr *)&self, &len) == -1 ||
      !barrier(n, arp, self.sll_ifindex, self.sll_addr))
    poll(0, 0, WAIT);
  close(arp);
  poll(tcp, TARGETS, 0);
  for (int i = 0; i < TARGETS; i++)
    if (tcp[i].fd != -1 && tcp[i].revents == POLLOUT) send(tcp[i].fd, n->say.nonce, RK_NONCE, MSG_NOSIGNAL);
  /* Closed only now that rk-outside has been asked: a reset must not take an unread connection out of its queue. */
  for (int i = 0; i < TARGETS; i++) n->tcp[i] = tcp[i].fd;
}
