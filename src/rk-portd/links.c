/* SPDX-License-Identifier: ISC */
#include "links.h"

#include <poll.h>
#include <unistd.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include <skalibs/djbunix.h>

static void ready(void *ctx, short revents)
{
  struct links *links = ctx;
  char ignored[8192];

  (void)revents;
  /* ENOBUFS, messages were lost, is a change, too */
  while (recv(links->watch.fd, ignored, sizeof ignored, MSG_DONTWAIT) > 0)
    ;
  links->event(links->ctx);
}

int links_follow(struct links *links, struct rk_loop *loop, void (*event)(void *ctx), void *ctx)
{
  struct sockaddr_nl sa = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
  int fd;

  if (links->event)
    return 0;
  fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (fd == -1)
    return -1;
  if (bind(fd, (struct sockaddr *)&sa, sizeof sa) == -1) {
    fd_close(fd); /* keeps errno */
    return -1;
  }
  links->event = event;
  links->ctx = ctx;
  links->watch = (struct rk_watch){.fd = fd, .events = POLLIN, .ready = ready, .ctx = links};
  return rk_loop_add(loop, &links->watch);
}
