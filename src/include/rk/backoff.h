/* SPDX-License-Identifier: ISC
   How long to wait before the next try of something that has failed: twice as long each time,
   between two limits. */
#ifndef RK_BACKOFF_H
#define RK_BACKOFF_H

/* The caller sets min and max (milliseconds, 0 < min <= max), the rest begins as 0. */
struct rk_backoff {
  int min;
  int max;
  int next; /* what rk_backoff_next will return; 0: min */
};

/* Milliseconds to wait now: min the first time, then twice the last answer, at most max. */
int rk_backoff_next(struct rk_backoff *backoff);

/* It has worked: begin with min again. */
void rk_backoff_reset(struct rk_backoff *backoff);

#endif
