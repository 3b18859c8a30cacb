/* SPDX-License-Identifier: ISC */
#include <rk/atoi.h>

enum rk_atoi rk_atoi(char const *s, size_t len, int64_t *n)
{
  int negative = len && s[0] == '-';
  int large = 0;
  uint64_t limit = INT64_MAX;
  uint64_t u = 0;
  size_t i = 0;

  if (negative)
    limit++;
  if (negative || (len && s[0] == '+'))
    i = 1;
  if (i == len)
    return RK_ATOI_SYNTAX;
  for (; i < len; i++) {
    uint64_t digit = (uint64_t)(s[i] - '0');
    if (s[i] < '0' || s[i] > '9')
      return RK_ATOI_SYNTAX;
    if (u > (limit - digit) / 10)
      large = 1; /* but look on: the rest may be no digits */
    if (!large)
      u = u * 10 + digit;
  }
  if (large)
    return RK_ATOI_RANGE;
  if (negative)
    u = 0 - u;
  *n = (int64_t)u;
  return RK_ATOI_GOOD;
}
