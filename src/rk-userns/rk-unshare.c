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

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/order.h>
#include <rk/text.h>

struct options {
  int uts;
  int ipc;
  int cgroup;
  int time;
  int keep;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'u',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, uts),
   .text = "uts: a host and domain name of its own"},
  {.letter = 'i',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, ipc),
   .text = "ipc: System V IPC and POSIX message queues, empty"},
  {.letter = 'c',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, cgroup),
   .text = "cgroup: the present control group becomes the root"},
  {.letter = 't',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, time),
   .text = "time: the monotonic and boot-time clocks, which start with the present offsets"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-unshare",
  .summary = "enter new uts, ipc, cgroup or time namespaces, then execute a program",
  .operands = "prog...",
  .options = OPTIONS,
};

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* One at a time, so that the message names the one that failed. */
static void make_namespace(int flag, char const *what, char const *fix)
{
  char text[64];
  struct rk_text t = rk_text_in(text, sizeof text);

  if (unshare(flag) == 0)
    return;
  if (errno == ENOSPC)
    rk_die_host("U7", fix, "unable to make a ", what,
                " namespace: their number is limited on this host");
  if (errno == EINVAL)
    rk_die_host("U6", "use a kernel that has them", "unable to make a ", what,
                " namespace: this kernel has none");
  rk_text_add(&t, "make a ", what, " namespace");
  rk_order_die(text);
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
  struct options o = {0};

  PROG = "rk-unshare";
  argv += rk_options(&USAGE, argc, argv, &o);
  if (!o.uts && !o.ipc && !o.cgroup && !o.time)
    rk_usage_die(&USAGE, "nothing to make: give -u, -i, -c or -t");

  if (o.uts)
    make_namespace(CLONE_NEWUTS, "uts", "sysctl -w user.max_uts_namespaces=28633");
  if (o.ipc)
    make_namespace(CLONE_NEWIPC, "ipc", "sysctl -w user.max_ipc_namespaces=28633");
  if (o.cgroup)
    make_namespace(CLONE_NEWCGROUP, "cgroup", "sysctl -w user.max_cgroup_namespaces=28633");
  if (o.time) {
    make_namespace(CLONE_NEWTIME, "time", "sysctl -w user.max_time_namespaces=28633");
    enter_time();
  }
  rk_link_exec(argv, o.keep);
}
