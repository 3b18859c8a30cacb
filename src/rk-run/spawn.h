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

/* Start argv[0], a path, as a child that is killed when we die; fd, if not -1, stays open in it.
   Returns its pid, or -1 with errno. A program that cannot be executed says so itself and ends with
   127. */
pid_t run_spawn(struct spawn_was const *was, char const *const *argv, int fd);

#endif
