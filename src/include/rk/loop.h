/* SPDX-License-Identifier: ISC
   The loop of a process that waits for several things at once: fds (poll(2)) and times. Watches and
   timers are structs of the caller's, who keeps them where they are while they are added; the loop
   allocates nothing and keeps nothing else. A zeroed struct rk_loop is an empty loop. One thread
   only. */
#ifndef RK_LOOP_H
#define RK_LOOP_H

#include <stdint.h>

enum { RK_LOOP_FDS = 64 };

/* An fd that is waited for. fd and events may be changed at any time and count from the next step
   on; an fd of -1 waits for nothing (poll(2)). */
struct rk_watch {
  int fd;
  short events;                            /* POLLIN, POLLOUT; errors and hang-up are always
                                              reported */
  void (*ready)(void *ctx, short revents); /* revents as poll(2) gives it, never 0 */
  void *ctx;
};

/* A call at a time. The caller sets due and ctx, the rest begins as 0. */
struct rk_timer {
  void (*due)(void *ctx);
  void *ctx;
  int64_t at; /* rk_clock_ms() at which it is due; 0: it is not running */
  struct rk_timer *next;
};

struct rk_loop {
  unsigned int nwatch;
  struct rk_watch *watch[RK_LOOP_FDS];  /* in the order in which they were added */
  struct rk_watch *polled[RK_LOOP_FDS]; /* those of the present step; NULL: removed since */
  unsigned int npolled;
  struct rk_timer *timers;  /* by time; of the same time, those started first come first */
  struct rk_timer *expired; /* those of the present step that are still to be called */
  int stepping;
  int failing; /* boolean: poll(2) has failed once, which was said */
};

/* Wait for the watch from the next step on. 0, or -1 with errno: ENOSPC (RK_LOOP_FDS are there),
   EEXIST (this one is). */
int rk_loop_add(struct rk_loop *loop, struct rk_watch *watch);

/* Wait for it no longer; if it is not there nothing happens. Allowed in callbacks, of the watch
   itself too: after this it is not called, even if it is ready in the present step and even if it
   is added again. The fd is the caller's to close. */
void rk_loop_remove(struct rk_loop *loop, struct rk_watch *watch);

/* Call the timer once, in ms (at least 0) milliseconds; one that runs is set to the new time. */
void rk_timer_start(struct rk_loop *loop, struct rk_timer *timer, int ms);

/* Do not call it. Allowed at any time, like rk_loop_remove. */
void rk_timer_stop(struct rk_loop *loop, struct rk_timer *timer);

/* Wait until a watch is ready or a timer is due, at most ms milliseconds (-1: no limit); call the
   watches that are ready in the order in which they were added, then the timers that are due in the
   order of their times. What callbacks add or start is for the next step, so that no timer of 0 ms
   starves the watches. Returns how many were called: 0 if the time was over (or an hour: call
   again) or a signal handler ran (EINTR), or poll(2) failed, which it warns of once. -1 with errno
   and none was called: EBADF (an fd is not open: a bug of the caller's), EDEADLK (called by a
   callback). */
int rk_loop_step(struct rk_loop *loop, int ms);

#endif
