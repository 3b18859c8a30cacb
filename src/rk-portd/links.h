/* SPDX-License-Identifier: ISC
   The host's network interfaces: a hint that some came, went or were renamed. */
#ifndef RK_PORTD_LINKS_H
#define RK_PORTD_LINKS_H

#include <rk/loop.h>

struct links {
  struct rk_watch watch; /* zeroed: not followed */
  void (*event)(void *ctx);
  void *ctx;
};

/* Follow them, unless they are followed: event(ctx) from the loop, after each change, and when
   some may have been missed. 0, or -1 with errno. */
int links_follow(struct links *links, struct rk_loop *loop, void (*event)(void *ctx), void *ctx);

#endif
