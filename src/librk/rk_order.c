/* SPDX-License-Identifier: ISC */
#include <rk/order.h>

#include <errno.h>
#include <linux/capability.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/proc.h>

int rk_order_unmapped(void)
{
  char text[64];

  return rk_slurp("/proc/self/uid_map", text, sizeof text) == 0;
}

void rk_order_need_ids(void)
{
  if (rk_order_unmapped())
    strerr_dief(RK_EXIT_USAGE, "no ids are mapped: put rk-idmap before ", PROG);
}

/* Capabilities are 16 hexadecimal digits, proc_pid_status(5). */
static int is_admin(void)
{
  char text[32];
  uint64_t caps;

  if (rk_proc_status("CapEff", text, sizeof text) == -1)
    return 0;
  return uint64_xscan(text, &caps) && caps >> CAP_SYS_ADMIN & 1;
}

static int is_filtered(void)
{
  char text[8];

  return rk_proc_status("Seccomp", text, sizeof text) > 0 && text[0] != '0';
}

void rk_order_die(char const *what)
{
  int e = errno;

  if (e == EPERM && !is_admin())
    strerr_dief(RK_EXIT_USAGE, "unable to ", what,
                ": not permitted: put rk-userns rk-idmap before ", PROG, ", rk-setid after");
  if (e == EPERM && is_filtered())
    rk_die_host("U2", "let the profile of the outer container allow unshare, mount and setns",
                "unable to ", what, ": a seccomp filter forbids it");
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, what);
}
