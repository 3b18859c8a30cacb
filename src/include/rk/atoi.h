/* SPDX-License-Identifier: ISC */
#ifndef RK_ATOI_H
#define RK_ATOI_H

#include <stddef.h>
#include <stdint.h>

enum rk_atoi { RK_ATOI_GOOD, RK_ATOI_SYNTAX, RK_ATOI_RANGE };

/* A decimal number as Go's strconv.Atoi reads it: an optional sign, then digits only, of any count,
   in the range of int64_t. s has len bytes and needs no terminator. *n is set if the answer is
   RK_ATOI_GOOD. */
enum rk_atoi rk_atoi(char const *s, size_t len, int64_t *n);

#endif
