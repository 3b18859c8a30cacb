/* SPDX-License-Identifier: ISC
   A child of rk-run: the chain, rk-portd, rk-apid. */
#ifndef RUN_SPAWN_H
#define RUN_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/* What a child is to find as rk-run has found it. */
struct spawn_was {
  uint64_t mask;        /* blocked signals, bit n-1 is signal n */
  void (*sigpipe)(int); /* what SIGPIPE does */
};

/* What to start. */
struct spawn_what {
  char const *const *argv; /* terminated by NULL; the first is a path */
  int fd;                  /* -1, or one that stays open in it */
  int outlives;            /* boolean: SIGTERM is ignored, SIGQUIT ends it */
  int dir; /* -1, or the directory that privilege_take() has found: it gets the capability */
};

/* Start it as a child that is killed when we die. Returns its pid, or -1 with errno. A program that
   cannot be executed says so itself and ends with 127. */
pid_t run_spawn(struct spawn_was const *was, struct spawn_what const *what);

#endif
