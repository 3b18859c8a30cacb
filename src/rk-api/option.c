/* SPDX-License-Identifier: ISC */
#include "apid.h"
#include <stdio.h>
#include <string.h>
#include <skalibs/strerr.h>
#include <rk/exit.h>

void apid_option_check(char const *option)
{
  char text[RK_PORTFILE_MAX + 1], err[RK_PORTSPEC_ERRMAX];
  int n = snprintf(text, sizeof text, "127.0.0.1:1:1/tcp\n%s\n", option);
  struct rk_portfile file;
  unsigned int line;

  if (n < 0 || (size_t)n >= sizeof text || strchr(option, '\n'))
    strerr_dief(RK_EXIT_USAGE, "an option of a port is one line");
  if (rk_portfile_parse(text, (size_t)n, &file, &line, err, sizeof err) < 0)
    strerr_dief(RK_EXIT_USAGE, err);
}
