/* SPDX-License-Identifier: ISC
   A process that serves the chain from outside: rk-portd or rk-apid. Started when it is needed,
   and again when it dies: at once, then less and less often if it dies again and again. */
#ifndef RUN_SERVICE_H
#define RUN_SERVICE_H

#include <sys/types.h>

#include <rk/backoff.h>
#include <rk/loop.h>

#include "run.h"
#include "spawn.h"

/* The caller sets the first group, and keeps the struct where it is. */
struct service {
  char const *name;
  struct spawn_what what;
  struct run const *r;
  struct rk_loop *loop;
  struct spawn_was const *was;

  pid_t pid; /* 0: it does not run */
  struct rk_watch pidfd;
  struct rk_timer again;
  struct rk_backoff backoff;
  int64_t since; /* rk_clock_ms() of its start */
  int deaths;    /* one soon after another */
};

/* Start it now, once: who starts it so sees to its end. Dies if there is no process to be had. */
void service_start(struct service *h);

/* From now on start it again when it dies; start it, if it does not run. */
void service_keep(struct service *h);

/* It was started once, and ends of itself: wait for that. Returns its wait status. */
int service_wait(struct service *h);

/* Tell it to end, without waiting. */
void service_terminate(struct service const *h);

/* End it and wait for that, at most 2 s before it is killed. */
void service_stop(struct service *h);

#endif
