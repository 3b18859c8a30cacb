/* SPDX-License-Identifier: ISC */
#include "addresses.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <skalibs/djbunix.h>

#include <rk/netlink.h>

/* RTM_NEWADDR comes with the address, and for IPv6 once more when duplicate address detection is
   over (rtnetlink(7); addrconf_dad_completed() of the kernel). */
static int has_address(char const *buf, size_t len)
{
  size_t at = 0;
  struct nlmsghdr m;

  while (at + sizeof m <= len) {
    memcpy(&m, buf + at, sizeof m);
    if (m.nlmsg_type == RTM_NEWADDR)
      return 1;
    if (m.nlmsg_len < sizeof m)
      break;
    at += NLMSG_ALIGN(m.nlmsg_len);
  }
  return 0;
}

static void on_news(void *ctx, short revents)
{
  struct addresses *a = ctx;
  char buf[8192];
  int come = 0;
  ssize_t r;

  (void)revents;
  do {
    r = recv(a->watch.fd, buf, sizeof buf, MSG_DONTWAIT);
    if (r > 0)
      come |= has_address(buf, (size_t)r);
    if (r == -1 && errno == ENOBUFS) /* netlink(7): some were lost */
      come = 1;
  } while (r > 0 || (r == -1 && (errno == ENOBUFS || errno == EINTR)));
  if (come)
    a->changed(a->ctx);
}

int addresses_follow(struct addresses *a, struct rk_loop *loop, void (*changed)(void *ctx),
                     void *ctx)
{
  struct sockaddr_nl const me = {
    .nl_family = AF_NETLINK,
    .nl_groups = 1U << (RTNLGRP_IPV4_IFADDR - 1) | 1U << (RTNLGRP_IPV6_IFADDR - 1),
  };
  int fd = rk_nl_open(NETLINK_ROUTE);

  if (fd == -1)
    return -1;
  if (bind(fd, (struct sockaddr const *)&me, sizeof me) == -1) {
    fd_close(fd); /* keeps errno */
    return -1;
  }
  *a = (struct addresses){
    .watch = {.fd = fd, .events = POLLIN, .ready = on_news, .ctx = a},
    .changed = changed,
    .ctx = ctx,
  };
  return rk_loop_add(loop, &a->watch);
}
