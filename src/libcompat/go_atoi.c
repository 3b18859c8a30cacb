/* SPDX-License-Identifier: ISC */
#include <compat/go.h>

#include <stdio.h>
#include <string.h>

#include <rk/atoi.h>

int go_atoi(char const *s, int64_t *n, char *err, size_t errsize)
{
  enum rk_atoi fault = rk_atoi(s, strlen(s), n);
  char quoted[512];

  if (fault == RK_ATOI_GOOD)
    return 0;
  snprintf(err, errsize, "strconv.Atoi: parsing %s: %s", go_quote(s, quoted, sizeof quoted),
           fault == RK_ATOI_SYNTAX ? "invalid syntax" : "value out of range");
  return -1;
}
