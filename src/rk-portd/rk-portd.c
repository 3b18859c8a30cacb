/* SPDX-License-Identifier: ISC
   rk-portd: publish the ports that the files of DIR/ports ask for, for as long as it lives; chains
   may come and go.

   where    outside; before, with or after the chain
   changes  DIR/ports.status; makes DIR, DIR/ports, DIR/ports.status if they are missing
   fds/env  reads LISTEN_FDS LISTEN_FDNAMES LISTEN_PID, S6_FD# S6_FD_* S6_FDID_*; -d FD: a newline
            when all files have been tried
   forks    rk-relay, which ends with the chain or with rk-portd; a child that opens a detached
            network namespace
   holds    the listening sockets of the host; not dumpable, so nobody inside can take one
   exits    0 ended by signal, or DIR is gone; 100, 102 DIR is another's, 111
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/options.h>
#include "portd.h"

enum { FLUSH_MAX = 32, READY_TRIES = 50 };

/* The signals arrive by a signalfd. */
struct signals {
  struct rk_watch watch;
  struct portd *portd;
};

static void on_signal(void *ctx, short revents)
{
  struct signals *signals = ctx;
  struct signalfd_siginfo si;

  (void)revents;
  while (read(signals->watch.fd, &si, sizeof si) == sizeof si)
    switch (si.ssi_signo) {
      case SIGCHLD: portd_children(signals->portd); break;
      case SIGHUP: portd_rescan(signals->portd); break;
      case SIGUSR1: portd_count(signals->portd); break;
      default: portd_leave(signals->portd, si.ssi_signo == SIGQUIT);
    }
}

/* Whoever has SIGTERM ignored (rk-run) ends us by SIGQUIT: SIGTERM and SIGINT may go to every
   process at once, and the chain still has clients. */
static void catch_signals(struct signals *signals)
{
  static int const caught[] = {SIGCHLD, SIGHUP, SIGQUIT, SIGUSR1, SIGINT, SIGTERM};
  size_t n = sizeof caught / sizeof *caught;
  sigset_t set;

  if (signal(SIGTERM, SIG_IGN) == SIG_IGN) {
    n -= 2;
    signal(SIGINT, SIG_IGN);
  }
  sigemptyset(&set);
  for (size_t i = 0; i < n; i++) {
    sigaddset(&set, caught[i]);
    signal(caught[i], SIG_DFL); /* an ignored one (nohup) would never arrive */
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGIO, SIG_IGN); /* somebody waits for a lease that we hold: it is short (table.c) */
  if (sigprocmask(SIG_SETMASK, &set, NULL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "block signals");
  signals->watch = (struct rk_watch){
    .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
    .events = POLLIN,
    .ready = on_signal,
    .ctx = signals,
  };
  if (signals->watch.fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a signalfd");
  rk_loop_add(&signals->portd->loop, &signals->watch);
}

/* The ports of a range are as many fds, here and in flight to the relay (unix(7): counted against
   this limit). */
static void raise_limit(void)
{
  struct rlimit r;

  if (getrlimit(RLIMIT_NOFILE, &r) == -1)
    return;
  r.rlim_cur = r.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &r) == -1)
    strerr_warnwusys("raise the limit of open files");
}

/* In the order of -P's words. */
static struct forwarder const *const FORWARDERS[] = {&forward_relay, &forward_slirp, &forward_pasta,
                                                     &forward_gvproxy, &forward_pesto};

struct options {
  int readyfd;
  int driver;
  struct unix_dirs dirs;
};

static int take_dir(void *into, char const *path)
{
  unix_dirs_add(&((struct options *)into)->dirs, path);
  return 1;
}

static struct rk_option const OPTIONS[] = {
  RK_OPTION_READY(struct options,
                  "a newline to fd when binding has been tried for every file, then close it"),
  {.letter = 'P',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, driver),
   .arg = "relay|slirp4netns|implicit|gvisor-tap-vsock|pesto",
   .text = "how ports are forwarded: by rk-relay (builtin: the same) or the network driver",
   .aliases = "builtin"},
  {.letter = 'u',
   .kind = RK_OPTION_CALL,
   .arg = "directory",
   .text = "unix sockets may be made below this directory",
   .many = 1,
   .take = take_dir},
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-portd",
  .summary = "publish the ports that files ask for",
  .operands = "dir",
  .options = OPTIONS,
};

/* Whoever asked may have stopped listening (EPIPE). */
static void say_ready(int fd)
{
  ssize_t r = -1;

  for (int i = 0; i < READY_TRIES && r == -1; i++) {
    r = (ssize_t)fd_write(fd, "\n", 1);
    if (r == -1 && errno == EPIPE)
      r = 0;
    if (r == -1)
      nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
  }
  if (r == -1)
    strerr_warnwusys("write to the fd of -d");
  close(fd);
}

int main(int argc, char const *const *argv)
{
  struct portd portd = {0};
  struct signals signals = {.portd = &portd};
  struct options o = {.readyfd = -1};
  int busy;

  PROG = "rk-portd";
  argv += rk_options(&USAGE, argc, argv, &o);
  portd.forward.ops = FORWARDERS[o.driver];
  portd.forward.bind.dirs = o.dirs;

  rk_no_dump_or_die();
  /* ambient ones, of rk-run or a supervisor, are not for rk-relay */
  if (rk_caps_settle() == -1)
    strerr_diefusys(RK_EXIT_SYS, "clear the inheritable capabilities");
  raise_limit();
  listenfds_init(&portd.forward.bind.given);
  catch_signals(&signals);
  portd_start(&portd, argv[0]);
  if (o.readyfd != -1) {
    say_ready(o.readyfd);
  }

  for (;;) {
    /* a thousand files must not keep a signal, a chain or a new port waiting */
    busy = portd_flush(&portd, FLUSH_MAX);
    if (rk_loop_step(&portd.loop, busy ? 0 : -1) == -1)
      strerr_diefusys(RK_EXIT_SYS, "poll");
  }
}
