/* SPDX-License-Identifier: ISC
   rk-reap: prog as a child of a process that reaps all orphans among its descendants, and ends what
   prog leaves.

   where    anywhere; last before prog
   changes  pid (prog is a child), LISTEN_PID, WATCHDOG_PID, pdeathsig; the process that stays is a
            subreaper
   fds/env  reads LISTEN_PID, WATCHDOG_PID; the control socket goes to the child
   forks    this process stays: it forwards signals, stops with prog, reaps, kills what is left when
            prog has ended, passes prog's status on. prog gets SIGKILL when this one is killed.
   exits    100, 102 no usable /proc, 111, 126, 127; else prog's, 128 + n if signal n killed it;
            with -s the same signal ends this process
 */
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/wait.h>

struct options {
  int same_signal;
  int keep;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 's',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, same_signal),
   .text = "end by the signal that ended prog, without a core, instead of 128 + n"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-reap",
  .summary = "run a program, reap its orphans, and end what it leaves",
  .operands = "prog...",
  .options = OPTIONS,
};

static void adopt(struct rk_wait *w)
{
  if (rk_wait_adopt(w) == 0)
    return;
  switch (errno) {
    case ENOENT:
      rk_die_host("D9", "mount /proc, of a kernel with CONFIG_PROC_CHILDREN",
                  "unable to find the children of this process: no list of them in /proc");
    case EXDEV:
      rk_die_host("D9", "mount the procfs of this pid namespace on /proc",
                  "unable to find the children of this process: /proc is not that of its pid "
                  "namespace");
    case E2BIG:
      strerr_dief(RK_EXIT_USAGE, "this process has more than 64 children already, which could not "
                                 "be told from those of prog");
    default: strerr_diefusys(RK_EXIT_SYS, "become a subreaper");
  }
}

int main(int argc, char const *const *argv)
{
  struct rk_wait w;
  struct options o = {0};
  pid_t child;

  PROG = "rk-reap";
  argv += rk_options(&USAGE, argc, argv, &o);
  if (rk_wait_begin(&w) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a pidfd");
  adopt(&w);
  child = fork();
  if (child == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (child)
    _exit(rk_wait_for(&w, child, 0, o.same_signal ? RK_WAIT_SAME : 0));
  if (rk_wait_tie(&w) == -1)
    _exit(RK_EXIT_SYS);
  rk_wait_give_back(&w);
  rk_link_exec(argv, o.keep);
}
