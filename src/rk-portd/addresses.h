/* SPDX-License-Identifier: ISC
   The host's addresses, followed: a port that could not be bound may be as soon as one has come. */
#ifndef RK_PORTD_ADDRESSES_H
#define RK_PORTD_ADDRESSES_H

#include <rk/loop.h>

struct addresses {
  struct rk_watch watch;
  void (*changed)(void *ctx);
  void *ctx;
};

/* Call changed(ctx) from the loop whenever an address has come or can be bound now, or news of that
   were lost. 0, or -1 with errno: addresses are not followed. */
int addresses_follow(struct addresses *a, struct rk_loop *loop, void (*changed)(void *ctx),
                     void *ctx);

#endif
