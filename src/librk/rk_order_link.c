/* SPDX-License-Identifier: ISC */
#include <rk/order.h>

#include <stddef.h>
#include <string.h>

/* The programs that may hold the control socket: those that package/targets marks as links. */
static char const *const LINKS[] = {RK_LINKS};

int rk_order_is_link(char const *name)
{
  for (size_t i = 0; i < sizeof LINKS / sizeof *LINKS; i++)
    if (!strcmp(name, LINKS[i]))
      return 1;
  return 0;
}
