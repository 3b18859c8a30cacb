/* SPDX-License-Identifier: ISC
   rk-bypass: let rk-portd hand the host's sockets to prog for the published ports that it binds.

   where    inside, after rk-net; last before rk-pidns or prog
   changes  a Landlock domain and three seccomp filters, all for ever
   fds/env  reads RK_OUTSIDE_FD, RK_STATE_DIR; writes RK_CONFINED; removes RK_LISTEN_OPEN
   forks    no; rk-outside starts rk-bypassd
   exits    100, 111, 126, 127
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/ctl.h>
#include <rk/env.h>
#include <rk/exit.h>
#include <rk/landlock.h>
#include <rk/fds.h>
#include <rk/link.h>
#include <rk/ns.h>
#include <rk/options.h>
#include <rk/proc.h>

struct options {
  int keep;
};

static struct rk_option const OPTIONS[] = {
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-bypass",
  .summary = "let a program accept clients of published ports on the host's own sockets",
  .operands = "prog...",
  .options = OPTIONS,
};

/* The relay serves the ports then, as it does without rk-bypass. */
static void __attribute__((noreturn)) without(char const *why, char const *const *argv, int keep)
{
  strerr_warnw("published ports stay on rk-relay: ", why);
  rk_link_exec(argv, keep);
}

/* What the kernel or the host lacks, or NULL. Yama's 3 forbids pidfd_getfd(2) and
   process_vm_readv(2) to everybody (yama_ptrace_access_check, security/yama/yama_lsm.c). */
static char const *lacking(void)
{
  char text[16];
  int abi = rk_landlock_abi();

  if (abi == -1 && errno != ENOSYS && errno != EOPNOTSUPP)
    strerr_diefusys(RK_EXIT_SYS, "ask for the Landlock ABI");
  if (abi == -1)
    return "this kernel has no Landlock, or it is switched off";
  if (abi < RK_LANDLOCK_NET)
    return "this kernel's Landlock does not know sockets (Linux 6.7 does)";
  if (rk_slurp("/proc/sys/kernel/yama/ptrace_scope", text, sizeof text) > 0 && !strcmp(text, "3"))
    return "kernel.yama.ptrace_scope is 3";
  return NULL;
}

static void __attribute__((noreturn)) die_refused(char const *what)
{
  if (errno == EPERM || errno == EACCES)
    strerr_dief(RK_EXIT_USAGE, "not allowed to ", what,
                ": put rk-userns rk-idmap rk-net before rk-bypass");
  strerr_diefusys(RK_EXIT_SYS, what);
}

/* The lowest port that the chain's programs may bind without CAP_NET_BIND_SERVICE. */
static uint32_t first_port(void)
{
  char text[16];
  unsigned int port = 1024;

  if (rk_slurp("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof text) > 0)
    uint0_scan(text, &port);
  return port;
}

/* The same domain and filters as rk-confine's, for the same reason: a host socket that is shut
   down could connect. The program's own binds and connects are made by rk-bypassd. */
static void confine(void)
{
  struct rk_req const ask = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_CONFINE};
  struct rk_reply say;
  int ruleset = rk_landlock_ruleset(0, RK_LANDLOCK_BIND | RK_LANDLOCK_CONNECT);

  if (ruleset == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a Landlock ruleset");
  if (rk_landlock_enter(ruleset) == -1)
    die_refused("enter a Landlock domain");
  if (rk_confine_calls() == -1)
    die_refused("install a seccomp filter");
  rk_ctl_call_or_die("tell of the confinement", &ask, sizeof ask, ruleset, &say, sizeof say);
  close(ruleset);
}

static void start(int listener)
{
  struct rk_req_bypass const ask = {
    .head = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_BYPASS},
    .first_port = first_port(),
    .netns = rk_netns_cookie(),
  };
  struct rk_reply say;

  rk_ctl_call_or_die("start rk-bypassd", &ask, sizeof ask, listener, &say, sizeof say);
  close(listener);
  if (say.error)
    strerr_dief(RK_EXIT_SYS, "unable to start rk-bypassd: unable to ", say.text, ": ",
                strerror(say.error));
}

int main(int argc, char const *const *argv)
{
  struct options o = {0};
  char const *why;
  int listener;

  PROG = "rk-bypass";
  argv += rk_options(&USAGE, argc, argv, &o);
  if (getenv("RK_CONFINED"))
    strerr_dief(RK_EXIT_USAGE, "rk-bypass confines the program itself: leave rk-confine out");
  if (!getenv("RK_STATE_DIR"))
    strerr_dief(RK_EXIT_USAGE, "no ports are published without rk-state before rk-userns");
  if (rk_ns_owner_at("/proc/self/ns/net") != RK_NS_OURS)
    strerr_dief(RK_EXIT_USAGE, "put rk-net before rk-bypass: this is the host's network");
  if (rk_ctl_fd() == -1)
    rk_ctl_die("start rk-bypassd", NULL);
  why = lacking();
  if (why)
    without(why, argv, o.keep);
  listener = rk_trap_calls();
  if (listener == -1 && errno == EBUSY)
    without("another supervisor of system calls is there, and the kernel allows one", argv, o.keep);
  if (listener == -1)
    die_refused("install a seccomp filter");
  confine();
  start(listener);
  if (setenv("RK_CONFINED", "1", 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set RK_CONFINED");
  rk_env_unset("RK_LISTEN_OPEN");
  rk_link_exec(argv, o.keep);
}
