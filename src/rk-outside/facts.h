/* SPDX-License-Identifier: ISC
   The facts of the network: net/ in the state directory (rk-state-directory(7)). */
#ifndef OUTSIDE_FACTS_H
#define OUTSIDE_FACTS_H

#include <rk/ctl.h>

struct facts {
  int state; /* fd of the state directory, -1: there is none, and nothing is written */
  int dir;   /* fd of net/ in it, -1: not opened yet */
  int error; /* of the first fact that could not be written, until it is warned of; 0: none */
};

/* All that the plan has. A fact that cannot be written is warned of. */
void facts_plan(struct facts *facts, struct rk_net_plan const *plan);

/* How the driver does, and why (NULL: no reason; bytes of others are made safe). */
void facts_status(struct facts *facts, char const *status, char const *why);

#endif
