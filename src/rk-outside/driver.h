/* SPDX-License-Identifier: ISC
   The process of a network driver: started, listened to, ended (rk-net-drivers(7)). What follows
   from what happens to it is decided elsewhere: network.c. */
#ifndef OUTSIDE_DRIVER_H
#define OUTSIDE_DRIVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rk/ctl.h>
#include <rk/loop.h>

#include "driver_next.h"
#include "report.h"

enum { DRIVER_FD_FIRST = 10 }; /* a driver gets 2 to 6: what we keep for it is above */

struct driver {
  struct rk_loop *loop;
  struct report report; /* report.plan: the plan */
  pid_t inside;         /* a process of the namespaces that it serves */
  int netns, userns;
  int program;    /* the program's network namespace, for a driver that configures it; -1: none */
  char file[512]; /* its executable */

  pid_t pid;                /* 0: there is no process */
  int status;               /* of wait(2), of the last one */
  int64_t since;            /* rk_clock_ms() of its start */
  struct rk_watch reports;  /* its fd 5; fd -1: closed */
  struct rk_watch errors;   /* its stderr; likewise */
  struct rk_watch process;  /* pidfd; likewise */
  int leave;                /* the other end of its fd 6; end-of-file means: leave */
  struct rk_timer deadline; /* runs until its first report is complete */
  char because[192];        /* why we killed it; "": we did not */
  char log[RK_NET_LOG];     /* what it wrote to stderr of late, terminated */
  size_t loglen;

  /* REPORT, UNFIT, DONE or DIED has happened. why: for UNFIT and DIED, else "" */
  void (*event)(void *ctx, enum driver_event event, char const *why);
  void *ctx;
};

/* Nothing is there yet. The caller sets inside, netns, userns and file before the start. */
void driver_init(struct driver *driver, struct rk_loop *loop, struct rk_net_plan *plan);

/* Start a process of driver->file. 0, or -1 with errno and there is none. */
int driver_start(struct driver *driver);

/* Kill its process group, if there is one; the event follows when it is dead. `why` of the first
   such call is kept. */
void driver_kill(struct driver *driver, char const *why);

/* How it ended, in words that begin with its name; bytes of its own among them. */
void driver_describe(struct driver *driver, char *text, size_t size);

/* The chain is gone: tell it to leave. Returns whether its end must be awaited before the state
   directory is let go. */
int driver_terminate(struct driver *driver);

/* Then wait for its end, a third of a second at most, and kill it. Returns whether there was
   one. */
int driver_end(struct driver *driver);

/* driver_exec.c: find the executable of a driver. 0, or -1 with errno. */
int driver_find(char const *name, char *file, size_t size);

/* driver_exec.c: become it, in a fresh child of parent. fds: what it gets as 2 (stderr), 3, 4, 5
   and 6, all above these; 7 is driver->program. */
void driver_exec(struct driver const *driver, int const *fds, pid_t parent)
  __attribute__((noreturn));

#endif
