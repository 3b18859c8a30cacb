/* SPDX-License-Identifier: ISC
   Ports whose sockets the chain's program has itself, since it runs under rk-bypass (rk/bypass.h).
   Here are the words to rk-bypassd and the sockets; what follows from them is portd.c's. */
#ifndef RK_PORTD_BYPASS_H
#define RK_PORTD_BYPASS_H

#include <rk/bypass.h>
#include "published.h"

struct bypass {
  int chain; /* boolean: the chain has a rk-bypassd */
  int fd;    /* to it; -1: none now */
};

/* Can the program have this port's socket at all? */
int bypass_eligible(struct published const *p);

/* Say that the port leads to the chain, or that it does no longer, or that all has been said. A
   connection that fails is closed. */
void bypass_offer(struct bypass *b, struct published const *p);
void bypass_drop(struct bypass *b, struct published const *p);
void bypass_ready(struct bypass *b);

/* Hear what rk-bypassd says: 1, with the fd that came with it, the caller's, or -1; 0: nothing now;
   -1: the connection is closed. */
int bypass_hear(struct bypass *b, struct rk_bypass_say *say, int *fd);

/* Is this listening socket the one that the port would bind? */
int bypass_is(struct published const *p, int fd);

/* Answer TAKE: with the socket of p if error is 0. */
void bypass_give(struct bypass *b, struct rk_bypass_say const *take, struct published const *p,
                 int error);

/* Can its socket take the place of the program's: as it is, or once bound anew as one of that
   family (bind_again), or never, for its address is of another? */
enum bypass_fit { BYPASS_FITS, BYPASS_ANEW, BYPASS_NEVER };
enum bypass_fit bypass_fit(struct published const *p, struct rk_bypass_say const *take);

/* The program has this socket, and is to accept no client by it any more. */
void bypass_stop(int fd);

void bypass_close(struct bypass *b);

#endif
