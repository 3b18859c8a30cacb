/* SPDX-License-Identifier: ISC
   Processes of rk-run: the chain, and the helpers that serve it from outside. */
#ifndef RUN_HELPER_H
#define RUN_HELPER_H

#include <stdint.h>
#include <sys/types.h>

/* Started when it is needed, again when it dies. Begin with {.pidfd = -1}. */
struct service {
  char const *name;
  char const *const *argv; /* terminated by 0; the first is a path */
  int fd;                  /* one that it is given open under the same number, or -1 */
  pid_t pid;               /* 0: does not run */
  int pidfd;
  long long again; /* when to start it again (run_now_ms); 0: not planned */
};

/* What a child is to find as we have found it: the signal mask and what SIGPIPE does. Once, before
   the first child. */
void run_spawn_restores(uint64_t mask, void (*sigpipe)(int));

/* Start argv[0] as a child that is killed when we die; fd, if not -1, stays open in it. Dies when
   there is no process to be had; a program that cannot be executed says so itself and ends with
   127. */
pid_t run_spawn(char const *const *argv, int fd);

/* Monotonic milliseconds. */
long long run_now_ms(void);

/* Start it now. Not twice at a time. */
void service_start(struct service *h);

/* Has it died? Then say so and plan to start it again, a second later lest it spin. */
void service_reap(struct service *h);

/* Start it if it is planned for now or earlier. Milliseconds until then, -1: nothing is planned. */
int service_due(struct service *h, long long now);

/* Tell it to end, without waiting. */
void service_terminate(struct service const *h);

/* End it and wait for that, at most 2 s before it is killed. */
void service_stop(struct service *h);

#endif
