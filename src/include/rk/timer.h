/* SPDX-License-Identifier: ISC
   Timers of a process with one poll(2) loop. */
#ifndef RK_TIMER_H
#define RK_TIMER_H

#include <stdint.h>

int64_t rk_now(void); /* milliseconds, CLOCK_MONOTONIC */

/* Call due once, ms from now; asked for again, at the new time instead; ms < 0: not at all. 0, or
   -1: eight wait already. */
int rk_after(int ms, void (*due)(void));

/* for poll(2): milliseconds to the first, at most an hour; -1: there is none */
int rk_timer_wait(void);
void rk_timer_run(void); /* call those that are due */

#endif
