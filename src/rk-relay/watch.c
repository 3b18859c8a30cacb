/* SPDX-License-Identifier: ISC
   The relay's epoll: rk_loop's poll(2) would cost a look at every connection an event. */
#include <sys/epoll.h>

#include "relay.h"

static int control(struct relay *r, int op, struct source *src, uint32_t events)
{
  struct epoll_event e = {
    .events = events,
    .data.ptr = src,
  };

  return epoll_ctl(r->epoll, op, src->fd, &e);
}

int relay_watch(struct relay *r, struct source *src, uint32_t events)
{
  return control(r, EPOLL_CTL_ADD, src, events);
}

void relay_rewatch(struct relay *r, struct source *src, uint32_t events)
{
  control(r, EPOLL_CTL_MOD, src, events);
}

void relay_unwatch(struct relay *r, struct source *src)
{
  control(r, EPOLL_CTL_DEL, src, 0);
}
