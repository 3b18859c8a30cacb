/* SPDX-License-Identifier: ISC
   The network of a chain: one driver for one network namespace, started again whenever it dies
   (driver.txt), and the files and facts that depend on it. */
#ifndef OUTSIDE_NETWORK_H
#define OUTSIDE_NETWORK_H

#include <rk/backoff.h>
#include <rk/ctl.h>
#include <rk/loop.h>

#include "chain.h"
#include "driver.h"
#include "etc.h"
#include "facts.h"
#include "leaktest.h"

/* It lives on main's stack, and stays where it is. */
struct network {
  struct chain *chain;
  enum driver_state state;
  struct rk_net_plan plan; /* as it was asked for; what the driver reports otherwise is that */
  struct driver driver;
  struct facts facts;
  struct etc etc;
  struct etc_watch etc_watch;
  struct leaktest leaktest;
  int netns,
    userns; /* where the program is, from "net_verify" on: the driver's, or behind a wall */

  int error; /* of the first start: errno, 0: none; its text for people, and wait(2) status of a
                driver that ended, -1: it did not */
  char const *text;
  char why[160]; /* room for one that is made */
  int status;

  int down;           /* it died, and that was said */
  unsigned int fails; /* starts in a row that did not last */
  struct rk_backoff backoff;
  struct rk_timer restart;
  struct rk_timer verified; /* when the chain has its answer */
};

void network_init(struct network *network, struct chain *chain);

/* Something has happened to the driver: do what driver.txt says. why: the reason, for UNFIT,
   UNABLE, DIED, OPEN and CUT. */
void network_event(struct network *network, enum driver_event event, char const *why);

/* A start cannot be: what failed, with errno. */
void network_unable(struct network *network, char const *what);

/* The chain is gone: tell the driver to leave. Returns whether its end must be awaited before the
   state directory is let go. */
int network_terminate(struct network *network);

/* Then wait for its end, a third of a second at most. Returns whether there was one. */
int network_end(struct network *network);

#endif
