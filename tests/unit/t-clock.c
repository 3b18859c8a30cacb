/* SPDX-License-Identifier: ISC
   rk_clock and rk_backoff. */
#include "tap.h"

#include <rk/backoff.h>
#include <rk/clock.h>

int main(void)
{
  struct rk_backoff b = {.min = 100, .max = 1000};
  int64_t ms = rk_clock_ms(), us = rk_clock_us();

  ok(ms > 0, "the clock runs");
  ok(us / 1000 >= ms, "milliseconds and microseconds are of one clock");
  ok(rk_clock_us() >= us, "it does not go back");

  is_num(rk_backoff_next(&b), 100, "the first wait is the least");
  is_num(rk_backoff_next(&b), 200, "then twice");
  is_num(rk_backoff_next(&b), 400, "and twice");
  is_num(rk_backoff_next(&b), 800, "again");
  is_num(rk_backoff_next(&b), 1000, "at most the longest");
  is_num(rk_backoff_next(&b), 1000, "and so on");
  rk_backoff_reset(&b);
  is_num(rk_backoff_next(&b), 100, "after success the least");
  b = (struct rk_backoff){.min = 2000000000, .max = 2147483647};
  rk_backoff_next(&b);
  is_num(rk_backoff_next(&b), 2147483647, "no number is too large");
  return tap_done();
}
