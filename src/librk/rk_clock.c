/* SPDX-License-Identifier: ISC */
#include <rk/clock.h>

#include <time.h>

int64_t rk_clock_us(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail: every kernel has this clock */
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t rk_clock_ms(void)
{
  return rk_clock_us() / 1000;
}
