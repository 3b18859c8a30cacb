/* SPDX-License-Identifier: ISC
   What rk-run does for a chain from outside: the socket of the API and the ports. */
#ifndef RUN_SERVE_H
#define RUN_SERVE_H

#include "run.h"
#include <poll.h>

/* The chain is set up, its state directory known (dir, also open as dirfd): make what the command may rely on. api.sock listens,
   every port asked for on the command line is bound; rk-apid is started for the first client, rk-portd for the first port file.
   chain: a pidfd of the chain's process, sigfd: from run_signals_block; both are minded while it waits. Dies by run_end. */
void run_serve(struct run const *r, char const *dir, int dirfd, int sigfd, int chain, pid_t pid);

enum { RUN_SERVE_FDS = 3 };
/* What to poll for, and the milliseconds until something is due (-1: nothing). */
int run_serve_fds(struct pollfd p[RUN_SERVE_FDS]);
/* After that poll; signalled: run_signals_pass has told of a change in ports/. */
void run_serve_step(struct pollfd const p[RUN_SERVE_FDS], int signalled);

/* End the helpers. Harmless if run_serve was never called. */
void run_serve_end(void);

#endif
