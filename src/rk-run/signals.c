/* SPDX-License-Identifier: ISC
   Signals: all that can be caught go on to the command. */
#include <compat/go.h>
#include "run.h"
#include <rk/signals.h>
#include <rk/sys.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

/* Every signal but those that cannot be caught, speak of our own sockets (PIPE, URG), or mean a bug
   of ours. The raw calls: musl keeps 32 to 34 for itself, and they are to be passed on as well. */
int run_signals_block(uint64_t *was)
{
  uint64_t all = ~0ull, not_ours = 0;
  int fd;
  static int const out[] = {SIGKILL, SIGSTOP, SIGPIPE, SIGURG, SIGSEGV, SIGBUS, SIGILL,
                            SIGFPE,  SIGABRT, SIGTRAP, SIGSYS, 32,      33};

  for (size_t i = 0; i < sizeof out / sizeof *out; i++)
    not_ours |= 1ull << (out[i] - 1);
  all &= ~not_ours;
  if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, was, sizeof all) < 0)
    run_die("rt_sigprocmask: %s", go_errno(errno));
  fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0)
    run_die("signalfd: %s", go_errno(errno));
  return fd;
}

int run_signals_pass(int fd, int pidfd, pid_t pid)
{
  struct signalfd_siginfo info;
  int ports = 0;

  while (read(fd, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD || rk_signal_delivered((int)info.ssi_signo, info.ssi_code))
      continue;
    /* from the kernel; SI_KERNEL if its queue was full */
    if (info.ssi_signo == SIGIO && info.ssi_code > 0) {
      ports = 1;
      continue;
    }
    if (rk_pidfd_send_signal(pidfd, (int)info.ssi_signo) < 0 && errno == EINVAL)
      kill(pid, (int)info.ssi_signo);
  }
  return ports;
}

void run_signals_stop(pid_t pid, int sig)
{
  int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

  if (tty < 0)
    return; /* nobody does job control */
  close(tty);
  rk_signal_suspend(sig);
  kill(pid, SIGCONT);
}
