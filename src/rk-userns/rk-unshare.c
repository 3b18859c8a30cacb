/* SPDX-License-Identifier: ISC
   rk-unshare: enter new uts, ipc, cgroup or time namespaces, then become prog.

   where    anywhere with CAP_SYS_ADMIN in its user namespace: after rk-idmap
   changes  -u uts, -i ipc, -c cgroup, -t time
   fds/env  -
   forks    no
   exits    100, 102 their number is limited, or the kernel lacks them, 111, 126, 127
*/
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>

#define USAGE "rk-unshare [ -u ] [ -i ] [ -c ] [ -t ] [ -k ] prog..."

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* One at a time, so that the message names the one that failed. */
static void make_namespace(int flag, char const *what, char const *fix)
{
  if (unshare(flag) == 0)
    return;
  if (errno == ENOSPC)
    rk_die_host("U7", fix, "unable to make a ", what,
                " namespace: their number is limited on this host");
  if (errno == EINVAL)
    rk_die_host("U6", "use a kernel that has them", "unable to make a ", what,
                " namespace: this kernel has none");
  strerr_diefusys(RK_EXIT_SYS, "make a ", what, " namespace");
}

/* unshare(2) gives the new time namespace to children only. Since Linux 6.1 exec(2) enters it too;
   setns(2) does on every kernel that has it (5.6), and so no one can write timens_offsets any more:
   its clocks are the present ones. */
static void enter_time(void)
{
  int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/ns/time_for_children");
  if (setns(fd, CLONE_NEWTIME) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the time namespace");
  close(fd);
}

int main(int argc, char const *const *argv)
{
  int uts = 0;
  int ipc = 0;
  int cgroup = 0;
  int time = 0;
  int keep = 0;

  PROG = "rk-unshare";
  {
    subgetopt l = SUBGETOPT_ZERO;
    int opt;
    while ((opt = subgetopt_r(argc, argv, "uictk", &l)) != -1)
      switch (opt) {
        case 'u': uts = 1; break;
        case 'i': ipc = 1; break;
        case 'c': cgroup = 1; break;
        case 't': time = 1; break;
        case 'k': keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);

  if (uts)
    make_namespace(CLONE_NEWUTS, "uts", "sysctl -w user.max_uts_namespaces=28633");
  if (ipc)
    make_namespace(CLONE_NEWIPC, "ipc", "sysctl -w user.max_ipc_namespaces=28633");
  if (cgroup)
    make_namespace(CLONE_NEWCGROUP, "cgroup", "sysctl -w user.max_cgroup_namespaces=28633");
  if (time) {
    make_namespace(CLONE_NEWTIME, "time", "sysctl -w user.max_time_namespaces=28633");
    enter_time();
  }
  rk_link_exec(argv, keep);
}
