/* SPDX-License-Identifier: ISC
   The socket .child of the state directory, where it is told which process is the chain's. */
#ifndef OUTSIDE_CHILD_H
#define OUTSIDE_CHILD_H

#include "chain.h"

struct child {
  struct chain *chain;
  struct rk_watch socket; /* listens */
  struct rk_watch answer; /* pidfd of the process that answers one connection */
  pid_t pid;              /* that process, 0: none */
};

/* Listen there (struct rk_reply_child); child stays where it is. 0, or -1 with errno. */
int child_listen(struct child *child, struct chain *chain);

#endif
