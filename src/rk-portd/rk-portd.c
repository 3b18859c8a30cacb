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
#include <unistd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/timer.h>
#include "portd.h"

#define USAGE "rk-portd [ -d fd ] [ -P relay|slirp4netns|implicit ] dir"

enum { WATCH_MAX = 8, FLUSH_MAX = 32 };

struct portd portd = {.driver = &forward_relay,
                      .dir = -1,
                      .portsdir = -1,
                      .statusdir = -1,
                      .chainfd = -1,
                      .netns = -1,
                      .openerfd = -1};

static struct pollfd polled[WATCH_MAX];
static void (*callback[WATCH_MAX])(void);
static nfds_t npolled;
static int signals;

void portd_watch(int fd, void (*ready)(void))
{
  nfds_t i = 0;

  while (i < npolled && polled[i].fd >= 0)
    i++;
  if (i == WATCH_MAX)
    strerr_dief(RK_EXIT_BUG, "too many fds to watch");
  polled[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  callback[i] = ready;
  if (i == npolled)
    npolled++;
}

void portd_unwatch(int fd)
{
  for (nfds_t i = 0; i < npolled; i++)
    if (polled[i].fd == fd)
      polled[i].fd = -1;
}

void portd_after(int ms, void (*due)(void))
{
  if (rk_after(ms, due) < 0)
    strerr_dief(RK_EXIT_BUG, "too many timers");
}

static void leave(int gently)
{
  /* first: a connection must not be accepted and dropped when its port goes */
  portd_relay_leave(gently);
  portd_port_close_all();
  portd_status_clear();
  _exit(0);
}

static void signalled(void)
{
  struct signalfd_siginfo si;
  int wstat;
  pid_t pid;

  while (read(signals, &si, sizeof si) == sizeof si)
    switch (si.ssi_signo) {
      case SIGCHLD:
        portd_relay_go_on();
        while ((pid = waitpid(-1, &wstat, WNOHANG)) > 0)
          portd_relay_reaped(pid, wstat);
        break;
      case SIGHUP: portd_dir_scan(); break;
      case SIGUSR1: portd_relay_stats(); break;
      default: leave(si.ssi_signo == SIGQUIT);
    }
}

static void catch_signals(void)
{
  static int const caught[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGUSR1};
  sigset_t set;

  sigemptyset(&set);
  for (size_t i = 0; i < sizeof caught / sizeof *caught; i++) {
    sigaddset(&set, caught[i]);
    signal(caught[i], SIG_DFL); /* an ignored one (nohup) would never arrive */
  }
  signal(SIGPIPE, SIG_IGN);
  if (sigprocmask(SIG_SETMASK, &set, 0) < 0)
    strerr_diefusys(RK_EXIT_SYS, "block signals");
  signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0)
    strerr_diefusys(RK_EXIT_SYS, "make a signalfd");
  portd_watch(signals, signalled);
}

/* The ports of a range are as many fds, here and in flight to the relay (unix(7): counted against
   this limit). */
static void raise_limit(void)
{
  struct rlimit r;

  if (getrlimit(RLIMIT_NOFILE, &r) < 0)
    return;
  r.rlim_cur = r.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &r) < 0)
    strerr_warnwusys("raise the limit of open files");
}

static struct forwarder const *driver_named(char const *name)
{
  static struct forwarder const *const all[] = {&forward_relay, &forward_slirp, &forward_pasta};

  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (!strcmp(all[i]->name, name))
      return all[i];
  strerr_dief(RK_EXIT_USAGE, "unknown port driver ", name, ": relay, slirp4netns or implicit");
}

int main(int argc, char const *const *argv)
{
  subgetopt l = SUBGETOPT_ZERO;
  unsigned int readyfd = 0;
  int notify = 0, busy = 0, opt;

  PROG = "rk-portd";
  while ((opt = subgetopt_r(argc, argv, "d:P:", &l)) != -1)
    switch (opt) {
      case 'd':
        if (!uint0_scan(l.arg, &readyfd))
          strerr_dieusage(RK_EXIT_USAGE, USAGE);
        notify = 1;
        break;
      case 'P': portd.driver = driver_named(l.arg); break;
      default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
    }
  argc -= l.ind;
  argv += l.ind;
  if (argc != 1)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (notify && (readyfd > INT_MAX || fcntl((int)readyfd, F_SETFD, FD_CLOEXEC) < 0))
    strerr_diefusys(RK_EXIT_USAGE, "use the fd of -d");

  rk_no_dump_or_die();
  raise_limit();
  listenfds_init();
  catch_signals();
  portd_dir_open(argv[0]);
  portd_chain_check();
  portd_status_flush(~0U);
  if (notify) {
    fd_write((int)readyfd, "\n", 1); /* who asked may have stopped listening */
    close((int)readyfd);
  }

  for (;;) {
    int n = poll(polled, npolled, busy ? 0 : rk_timer_wait());
    if (n < 0 && errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "poll");
    for (nfds_t i = 0; n > 0 && i < npolled; i++)
      if (polled[i].fd >= 0 && polled[i].revents) {
        polled[i].revents = 0;
        callback[i]();
      }
    rk_timer_run();
    /* a thousand files must not keep a signal, a chain or a new port waiting */
    busy = portd_status_flush(FLUSH_MAX);
  }
}
