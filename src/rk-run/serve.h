/* SPDX-License-Identifier: ISC
   What rk-run does for a chain from outside: the socket of the API and the ports. */
#ifndef RUN_SERVE_H
#define RUN_SERVE_H

#include "run.h"
#include <poll.h>

/* The state directory is there (dir, also open as dirfd), the chain still on its way: make what the
   command may rely on. api.sock listens; nothing is served yet. chain: a pidfd of the chain's
   process, sigfd: from run_signals_block. Dies by run_end. Returns whether the command must wait
   for run_serve_ready: it asked for ports. */
int run_serve(struct run const *r, char const *dir, int dirfd, int sigfd, int chain, pid_t pid);

/* The chain is set up: every port asked for on the command line is bound; from now on rk-apid is
   started for the first client, rk-portd for the first port file. The chain's end and signals are
   minded while it waits. Dies by run_end. */
void run_serve_ready(void);

enum { RUN_SERVE_FDS = 3 };
/* What to poll for, and the milliseconds until something is due (-1: nothing). */
int run_serve_fds(struct pollfd p[RUN_SERVE_FDS]);
/* After that poll; signalled: run_signals_pass has told of a change in ports/. */
void run_serve_step(struct pollfd const p[RUN_SERVE_FDS], int signalled);

/* End the helpers. Harmless if run_serve was never called. */
void run_serve_end(void);

#endif
