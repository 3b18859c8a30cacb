/* SPDX-License-Identifier: ISC
   Signals: all that can be caught go on to the command. */
#include <compat/go.h>
#include "run.h"
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

/* Every signal but those that cannot be caught, speak of our own sockets (PIPE, URG), or mean a bug
   of ours. The raw calls: musl keeps 32 to 34 for itself, and they are to be passed on as well. */
int run_signals_block(uint64_t *was)
{
  uint64_t all = ~0ull, not_ours = 0;
  static int const out[] = {SIGKILL, SIGSTOP, SIGPIPE, SIGURG, SIGSEGV, SIGBUS, SIGILL,
                            SIGFPE,  SIGABRT, SIGTRAP, SIGSYS, 32,      33};
  int fd;

  for (size_t i = 0; i < sizeof out / sizeof *out; i++)
    not_ours |= 1ull << (out[i] - 1);
  all &= ~not_ours;
  if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, was, sizeof all) == -1)
    run_die("rt_sigprocmask: %s", go_errno(errno));
  fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd == -1)
    run_die("signalfd: %s", go_errno(errno));
  return fd;
}

int run_signals_read(int fd, siginfo_t *si)
{
  struct signalfd_siginfo info;

  if (read(fd, &info, sizeof info) != sizeof info)
    return 0;
  *si = (siginfo_t){.si_signo = (int)info.ssi_signo, .si_code = info.ssi_code};
  si->si_value.sival_ptr = (void *)(uintptr_t)info.ssi_ptr;
  return 1;
}
