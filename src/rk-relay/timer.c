/* SPDX-License-Identifier: ISC */
#include <time.h>

#include "relay.h"

uint64_t clock_now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void timer_arm(struct relay *r, enum timer which)
{
  if (r->due[which])
    return;
  r->now = clock_now();
  r->due[which] = r->now + r->timers[which].period;
}

int timer_wait(struct relay const *r)
{
  uint64_t due = 0;

  for (int i = 0; i < TIMERS; i++)
    if (r->due[i] && (!due || r->due[i] < due))
      due = r->due[i];
  if (!due)
    return -1;
  return due > r->now ? (int)(due - r->now) : 0;
}

void timer_run(struct relay *r)
{
  for (int i = 0; i < TIMERS; i++) {
    if (!r->due[i] || r->due[i] > r->now)
      continue;
    r->due[i] = r->now + r->timers[i].period;
    if (!r->timers[i].run(r))
      r->due[i] = 0;
  }
}
