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

char const *driver_program(char const *name)
{
  char const *s = getenv("RK_DRIVER_PROGRAM");
  return s && *s ? s : name;
}

void driver_become(char const *const *argv, char const *fix)
{
  char const *file = driver_program(argv[0]);

  exec_a(file, argv);
  if (errno == ENOENT) rk_die_host("I13", fix, "unable to find ", file, " in PATH");
  strerr_dieexec(126, file);
}
