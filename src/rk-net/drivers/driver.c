/* SPDX-License-Identifier: ISC */
#include "driver.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>

void driver_begin(char const *name)
{
  PROG = name;
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "become non-dumpable");
}

char const *driver_plan(char const *name)
{
  char const *s = getenv(name);

  if (!s)
    strerr_dienotset(RK_EXIT_USAGE, name);
  return s;
}

int driver_wants(char const *name)
{
  return !strcmp(driver_plan(name), "1");
}

char const *driver_program(char const *name)
{
  char const *s = getenv("RK_DRIVER_PROGRAM");

  if (!s || !*s)
    return name;
  return s;
}

void driver_outlive(void)
{
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  sigprocmask(SIG_BLOCK, &set, NULL);
}
