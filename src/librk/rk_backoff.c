/* SPDX-License-Identifier: ISC */
#include <rk/backoff.h>

int rk_backoff_next(struct rk_backoff *backoff)
{
  int now = backoff->next ? backoff->next : backoff->min;

  backoff->next = backoff->max;
  if (now <= backoff->max / 2)
    backoff->next = 2 * now;
  return now;
}

void rk_backoff_reset(struct rk_backoff *backoff)
{
  backoff->next = 0;
}
