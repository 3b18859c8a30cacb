/* SPDX-License-Identifier: ISC
   The one clock of rk: CLOCK_MONOTONIC (clock_gettime(2)). It is never set back, and stands still
   while the host is suspended. Its zero is arbitrary: only differences mean something. */
#ifndef RK_CLOCK_H
#define RK_CLOCK_H

#include <stdint.h>

int64_t rk_clock_ms(void);
int64_t rk_clock_us(void);

#endif
