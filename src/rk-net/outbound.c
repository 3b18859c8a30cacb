/* SPDX-License-Identifier: ISC
   -o: the host's address or interface by which the driver's connections leave. */
#include "net.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>

#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/netlink.h>

static void die_inward(char const *s) __attribute__((noreturn));
static void die_inward(char const *s)
{
  strerr_dief(RK_EXIT_USAGE, "-o ", s, ": no connection can leave the host by that");
}

/* The host has the address if a socket can be bound to it. */
static void check_address(struct sockaddr const *a, socklen_t len, char const *s)
{
  int fd = socket(a->sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a socket");
  if (bind(fd, a, len) == -1) {
    if (errno == EADDRNOTAVAIL)
      strerr_dief(RK_EXIT_USAGE, "-o ", s, ": no interface of the host has that address");
    strerr_diefusys(RK_EXIT_SYS, "bind to ", s);
  }
  close(fd);
}

static void take_ip(struct rk_net_out *out, char const *raw, char const *s)
{
  struct sockaddr_in a = {.sin_family = AF_INET};
  unsigned char first = (unsigned char)*raw;

  memcpy(&out->ip, raw, sizeof out->ip);
  a.sin_addr = out->ip;
  if (!first || first == 127 || first >= 224)
    die_inward(s);
  check_address((struct sockaddr *)&a, sizeof a, s);
}

static void take_ip6(struct rk_net_out *out, char const *raw, char const *s)
{
  struct sockaddr_in6 a = {.sin6_family = AF_INET6};
  unsigned char first = (unsigned char)*raw;

  memcpy(&out->ip6, raw, sizeof out->ip6);
  a.sin6_addr = out->ip6;
  /* fe80::/10 would need an interface as well */
  if (!first || first >= 0xfe)
    die_inward(s);
  check_address((struct sockaddr *)&a, sizeof a, s);
}

int outbound_take(struct rk_net_out *out, char const *s)
{
  char raw[sizeof out->ip6];
  size_t len = strlen(s);

  if (len && ip4_scan(s, raw) == len) {
    take_ip(out, raw, s);
  } else if (len && ip6_scan(s, raw) == len) {
    take_ip6(out, raw, s);
  } else if (rk_ifname_ok(s) && *s != '-') {
    if (!strcmp(s, "lo"))
      die_inward(s);
    if (!if_nametoindex(s))
      strerr_dief(RK_EXIT_USAGE, "-o ", s, ": the host has no such interface");
    strcpy(out->ifname, s);
  } else {
    return 0;
  }
  return 1;
}

int outbound_given(struct rk_net_out const *out)
{
  return out->ip.s_addr || out->ip6.s6_addr[0] || out->ifname[0];
}

void outbound_check(struct net const *n)
{
  struct rk_net_out const *out = &n->ask.out;

  if (outbound_given(out) && !n->driver->out)
    strerr_dief(RK_EXIT_USAGE, "driver ", n->driver->name,
                " cannot choose by what its connections leave: -o needs slirp4netns or pasta");
  if (*out->ifname && !(n->driver->out & DRIVER_OUT_IF))
    strerr_dief(RK_EXIT_USAGE, "driver ", n->driver->name, " cannot bind to the interface ",
                out->ifname, ": give -o an address, or take -n pasta");
  if (out->ip6.s6_addr[0] && !n->ipv6)
    strerr_dief(RK_EXIT_USAGE, "-o with an IPv6 address needs -6");
}
