/* SPDX-License-Identifier: ISC
   Three periodic timers, each armed only while somebody needs it: an idle relay never wakes. */
#include <time.h>

#include "relay.h"

uint64_t relay_now_ms;

static int second(void);
static struct {
  uint64_t due;
  unsigned int period;
  int (*run)(void);
} timers[TIMERS] = {[TIMER_RESUME] = {0, 100, accept_resume},
                    [TIMER_REFUSE] = {0, 50, refuse_poll},
                    [TIMER_SECOND] = {0, 1000, second}};

static int second(void)
{
  return port_tick() | srcip_tick() | nft_tick();
}

void clock_update(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  relay_now_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

void timer_arm(enum timer which)
{
  if (timers[which].due)
    return;
  clock_update();
  timers[which].due = relay_now_ms + timers[which].period;
}

int timer_wait(void)
{
  uint64_t due = 0;

  for (int i = 0; i < TIMERS; i++)
    if (timers[i].due && (!due || timers[i].due < due))
      due = timers[i].due;
  if (!due)
    return -1;
  return due > relay_now_ms ? (int)(due - relay_now_ms) : 0;
}

void timer_run(void)
{
  for (int i = 0; i < TIMERS; i++) {
    if (!timers[i].due || timers[i].due > relay_now_ms)
      continue;
    timers[i].due = relay_now_ms + timers[i].period;
    if (!timers[i].run())
      timers[i].due = 0;
  }
}
