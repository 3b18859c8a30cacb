/* SPDX-License-Identifier: ISC
   What every part of rk-outside knows of the chain that it serves. One process, no threads, no
   heap. */
#ifndef OUTSIDE_CHAIN_H
#define OUTSIDE_CHAIN_H

#include <sys/types.h>

#include <rk/loop.h>

struct bypass;
struct network;

/* It lives on main's stack. */
struct chain {
  struct rk_loop loop;
  struct rk_watch process; /* pidfd of the chain's process, readable when that has ended */
  struct rk_watch control; /* socket to the chain; fd -1: it is closed */
  pid_t pid;               /* the chain's process, the only one that rk-outside acts for */
  pid_t sender;            /* the process that made the request in hand, by the kernel's word: pid
                              or, below rk-pidns, a descendant; it waits for the answer */
  unsigned int served;     /* bit per enum rk_op: each is served once */
  unsigned int jobs;       /* things left to do (a driver, a state directory): while there are any,
                              a closed control socket does not end rk-outside */
  int lock;                /* flock of the state directory, -1: none */
  int state;               /* fd of the state directory, -1: none */
  char const *path;        /* its absolute path */
  char made[16];           /* "temporary" or "made": rk-state made it; "": it was there before */
  int program; /* pidfd of the program's process (below rk-pidns not the chain's), -1: it has not
                  been started */
  int ruleset; /* of rk-confine, -1: the chain is not confined */
  int ended;   /* boolean: the chain's process has ended */
  int hub;     /* our end of the hub of rk-bypassd (rk/bypass.h), -1: there is none */
  struct network *network;
  struct bypass *bypass;
};

#endif
