/* SPDX-License-Identifier: ISC */
#include <rk/dump.h>

#include <sys/prctl.h>
#include <sys/resource.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>

int rk_no_dump(void)
{
  struct rlimit const none = {.rlim_cur = 1, .rlim_max = 1};

  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    return -1;
  return setrlimit(RLIMIT_CORE, &none);
}

void rk_no_dump_or_die(void)
{
  if (rk_no_dump() == -1)
    strerr_diefusys(RK_EXIT_SYS, "become non-dumpable");
}
