/* SPDX-License-Identifier: ISC
   rk-bypassd of a chain, kept running (rk/bypass.h). */
#ifndef OUTSIDE_BYPASS_H
#define OUTSIDE_BYPASS_H

#include <stdint.h>

#include <rk/backoff.h>
#include <rk/bypass.h>
#include <rk/loop.h>

#include "chain.h"

enum { BYPASS_FDS = 5 };

/* It lives on main's stack, and stays where it is. */
struct bypass {
  struct chain *chain;
  int fds[BYPASS_FDS];      /* what it gets as fds 3...; -1: there is none */
  int more[RK_BYPASS_MORE]; /* and those of rk-enter */
  unsigned int nmore;
  struct rk_watch hub; /* brings one of them */
  char file[512];      /* its executable */
  pid_t pid;           /* 0: it does not run */
  int64_t since;       /* rk_clock_ms() of its start */
  struct rk_watch process;
  struct rk_timer again;
  struct rk_backoff wait;
};

void bypass_init(struct bypass *bypass, struct chain *chain);

/* The chain is gone: so is it when this returns, or it has got SIGKILL at least. */
void bypass_end(struct bypass *bypass);

#endif
