/* SPDX-License-Identifier: ISC
   What rk-run does for a chain from outside: the socket of the API and the ports. */
#ifndef RUN_SERVE_H
#define RUN_SERVE_H

#include <rk/loop.h>
#include <rk/notify.h>

#include "run.h"
#include "service.h"

/* The caller sets the first group, and keeps the struct where it is. A serve that is all zero but
   for that has nothing to end. */
struct serve {
  struct run const *r;
  struct rk_loop *loop;
  struct spawn_was const *was;
  int over; /* the chain has ended: wait for nothing more */

  char const *dir;
  int dirfd;
  struct rk_watch client; /* the API's listening socket, until rk-apid serves it */
  int portsfd;            /* ports/, watched for its first file; -1: rk-portd does that itself */
  int waiting;            /* rk-portd is to be started before the command */
  int ready;              /* the chain is set up */
  int changed;            /* ports/ has changed before that */
  struct service portd, apid;

  struct rk_watch answer; /* rk-portd's -d */
  int answered;           /* 1: it is ready, -1: it has failed */
  struct rk_notify notify;
  struct rk_watch status; /* ports.status, while the -p are waited for */
  int reported;           /* something has changed there */
};

/* The state directory is there (dir, also open as dirfd), the chain still on its way: make what the
   command may rely on. api.sock listens; nothing is served yet. Returns whether the command must
   wait for serve_ready: it asked for ports. Dies by run_die. */
int serve_begin(struct serve *s, char const *dir, int dirfd);

/* The chain is set up: every port asked for on the command line is bound; from now on rk-apid is
   started for the first client, rk-portd for the first port file. Waits, by steps of the loop,
   until the chain is over at most. Dies by run_die. */
void serve_ready(struct serve *s);

/* SIGIO has come from the kernel: ports/ has changed. */
void serve_changed(struct serve *s);

/* Is that process one of the services? */
int serve_owns(struct serve const *s, pid_t pid);

/* End the services. */
void serve_end(struct serve *s);

#endif
