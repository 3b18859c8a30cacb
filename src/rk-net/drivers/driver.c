/* SPDX-License-Identifier: ISC */
#include "driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <skalibs/exec.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>

char const *driver_plan(char const *name)
{
  char const *s = getenv(name);
  if (!s) strerr_dienotset(RK_EXIT_USAGE, name);
  return s;
}

int driver_wants(char const *name)
{
  return !strcmp(driver_plan(name), "1");
}

void driver_become(char const *const *argv, char const *fix)
{
  exec(argv);
  if (errno == ENOENT) rk_die_host("I13", fix, "unable to find ", argv[0], " in PATH");
  strerr_dieexec(126, argv[0]);
}
