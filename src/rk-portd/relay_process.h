/* SPDX-License-Identifier: ISC
   rk-relay as a process: started in the chain's network namespace, talked to (rk/relay.h),
   ended. */
#ifndef RK_PORTD_RELAY_PROCESS_H
#define RK_PORTD_RELAY_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rk/text.h>
#include "chain.h"

struct relay {
  pid_t pid;           /* 0: none */
  int control;         /* -1: it is of no use any more, and its end is on its way */
  int64_t started;     /* rk_clock_ms */
  int six;             /* it may serve destinations of IPv6; its successors may, too */
  int sockets;         /* it may serve unix sockets: set before it is started */
  int alarm;           /* eventfd, which it rings when nobody listens at one of those; -1 */
  pid_t draining;      /* one that could not, and finishes its connections; 0: none */
  int srcip4, srcip6;  /* errno: why clients' addresses cannot be kept; 0: they can */
  unsigned int losses; /* how many relays are gone, each with all ports it had */
};

/* Is there one that can be talked to? 1 or 0. */
int relay_usable(struct relay const *relay);

/* Start one, unless there is a usable one, and wait for its answer. dir: the state directory,
   whose path is path. six:
   it will need IPv6. 0, or -1 with *why. */
int relay_start(struct relay *relay, int dir, char const *path, struct chain const *chain, int six,
                struct rk_text *why);

/* SIGKILL, and gone when this returns. */
void relay_end(struct relay *relay);

/* Let it go, to finish its connections: relay_start may then start another. */
void relay_let_go(struct relay *relay);

/* End it as one that is of no use; its end is told by relay_reaped. */
void relay_give_up(struct relay *relay);

/* Send, with fds, and wait for the one answer. 0, or -1 with errno: it was given up. */
int relay_ask(struct relay *relay, void const *request, size_t len, int const *fds, size_t nfds,
              void *reply, size_t replylen);

/* A further answer; -1 as above. */
int relay_more(struct relay *relay, void *reply, size_t replylen);

/* Continue it, if it was stopped. */
void relay_continue(struct relay *relay);

/* A child has ended: 1 if it was the relay; *what is how. */
int relay_reaped(struct relay *relay, pid_t pid, int wstat, struct rk_text *what);

/* rk-portd ends: kill the relay, or let it finish its connections. */
void relay_leave(struct relay *relay, int gently);

#endif
