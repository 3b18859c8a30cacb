/* SPDX-License-Identifier: ISC
   rk-pidns: a new pid namespace with its own /proc, then prog as a child in it.

   where    anywhere with CAP_SYS_ADMIN in its user namespace: after rk-idmap
   changes  pid, mnt, mount./proc, LISTEN_PID, WATCHDOG_PID; a seccomp filter (rk/tty.h); with -R
            also pdeathsig
   fds/env  refuses directories (-f keeps them); reads LISTEN_PID, WATCHDOG_PID; the control socket
            goes to the child
   forks    this process stays: it forwards signals, stops with prog, passes its status on. Its
            child, pid 1 of the namespace, only reaps. A child that locks /proc, and is gone. prog
            is pid 2, a child of this process too: so its stops and its end are seen first-hand.
            This one may kill all: when it ends or is killed, pid 1 gets SIGKILL and the kernel ends
            the namespace.
   exits    100, 102, 111, 126, 127; else prog's, 128 + n if signal n killed it; with -s the same
            signal ends this process
 */
#include "pidns_lock.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/magic.h>

#include <skalibs/exec.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/fds.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/order.h>
#include <rk/sys.h>
#include <rk/tty.h>
#include <rk/wait.h>

struct options {
  int no_reaper;
  int same_signal;
  char const *keep_fds;
  int tty;
  int keep;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'R',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, no_reaper),
   .text = "no reaper: prog is pid 1 itself, and must reap orphans"},
  {.letter = 's',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, same_signal),
   .text = "end by the signal that ended prog, without a core, instead of 128 + n"},
  RK_OPTION_KEEP_FDS(struct options, "directories although they lead to the old /proc"),
  RK_OPTION_TTY(struct options),
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-pidns",
  .summary = "run a program in a new pid namespace with its own /proc",
  .operands = "prog...",
  .options = OPTIONS,
};

static void make_namespaces(void)
{
  if (unshare(CLONE_NEWNS | CLONE_NEWPID) == -1) {
    if (errno == ENOSPC)
      rk_die_host(
        "U7",
        "raise user.max_pid_namespaces and user.max_mnt_namespaces (sysctl -w); or nest fewer than "
        "32 pid namespaces",
        "unable to make a pid and a mount namespace: their number is limited on this host");
    rk_order_die("make a pid and a mount namespace");
  }
  /* The mount below must not travel to peers of a shared mount. Where /proc is no mount of its own,
     "/" carries it. */
  if (mount(NULL, "/proc", NULL, MS_PRIVATE, NULL) == 0)
    return;
  if (errno != EINVAL || mount(NULL, "/", NULL, MS_PRIVATE, NULL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make the mount at /proc private");
}

/* procfs shows the pid namespace of the process that mounts it. Inside a container whose own /proc
   is masked or read-only the kernel refuses a fuller view than the present one (EPERM;
   mount_too_revealing() in fs/namespace.c). Returns whether it is ours. */
static int mount_proc(void)
{
  unsigned long const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  struct statfs fs;

  if (mount("proc", "/proc", "proc", flags, NULL) == 0)
    return 1;
  if (errno != EPERM)
    strerr_diefusys(RK_EXIT_SYS, "mount procfs on /proc");
  if (mount("proc", "/proc", "proc", flags | MS_RDONLY, NULL) == 0) {
    strerr_warnw(
      "unable to mount procfs on /proc for writing: it is read-only, as the one below it (D9)");
    return 1;
  }
  if (statfs("/proc", &fs) == -1 || (unsigned long)fs.f_type != PROC_SUPER_MAGIC)
    rk_die_host(
      "D9",
      "mount procfs on /proc before entering the user namespace; in a container, let its runtime "
      "leave /proc unmasked",
      "unable to mount procfs on /proc: the kernel allows it only where one can be seen already");
  strerr_warnw("unable to mount procfs on /proc: the outer one stays, and shows outer numbers, "
               "because parts of it are masked (D9)");
  return 0;
}

/* In a child: nobody is there to read a word of it if the parent has ended. */
static void tie_or_die(struct rk_wait const *w)
{
  if (rk_wait_tie(w) == 0)
    return;
  if (errno == ESRCH)
    _exit(RK_EXIT_SYS);
  strerr_diefusys(RK_EXIT_SYS, "follow the process outside of the pid namespace");
}

/* pid 1 goes with this process. If it is gone already, fork(2) fails with ENOMEM, and it has said
   why. */
static pid_t fork_or_die(pid_t init)
{
  pid_t child = fork();
  int e = errno;

  if (child != -1)
    return child;
  if (init && waitpid(init, NULL, WNOHANG) == init)
    _exit(RK_EXIT_SYS);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "fork");
}

/* pid 1. The kernel reaps the children of a process that ignores SIGCHLD; signals stay blocked. */
static void reap(struct rk_wait const *w)
{
  struct sigaction const ignore = {.sa_handler = SIG_IGN};

  tie_or_die(w);
  sigaction(SIGCHLD, &ignore, NULL);
  rk_close_range(0, ~0U, 0);
  if (chdir("/") == -1) {
    /* no more than a mount that is busy */
  }
  for (;;)
    pause();
}

static void become(struct rk_wait const *w, char const *const *argv, int tty, int keep)
{
  rk_wait_give_back(w);
  if (mount_proc())
    pidns_lock_proc();
  if (!tty)
    rk_tty_no_input_or_die();
  rk_link_exec(argv, keep);
}

int main(int argc, char const *const *argv)
{
  struct rk_wait w;
  struct options o = {0};
  unsigned int same;
  pid_t init;
  pid_t child;

  PROG = "rk-pidns";
  argv += rk_options(&USAGE, argc, argv, &o);
  same = o.same_signal ? RK_WAIT_SAME : 0;
  rk_order_need_ids();

  /* From a directory of the mount namespace that is left, "../.." leads to its /proc, and that
     shows every process. */
  rk_fds_refuse(o.keep_fds, RK_FDS_FILES, 0);
  make_namespaces();
  if (rk_wait_begin(&w) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a pidfd");
  init = fork_or_die(0);
  if (!init) {
    if (!o.no_reaper)
      reap(&w);
    tie_or_die(&w);
    become(&w, argv, o.tty, o.keep);
  }
  if (o.no_reaper)
    _exit(rk_wait_for(&w, init, 0, RK_WAIT_INIT | same));
  child = fork_or_die(init);
  if (!child)
    become(&w, argv, o.tty, o.keep);
  _exit(rk_wait_for(&w, child, init, same));
}
