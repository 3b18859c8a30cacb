/* SPDX-License-Identifier: ISC
   Signals: all that can be caught go on to the command. */
#include "go_words.h"
#include "run.h"
#include <rk/sys.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

/* Every signal but those that cannot be caught, speak of our own children (CHLD) and sockets (PIPE, URG), or mean a bug of ours.
   The raw calls: musl keeps 32 to 34 for itself, and they are to be passed on as well. */
int run_signals_block(uint64_t *was)
{
  uint64_t all = ~0ull, not_ours = 0;
  int fd;
  static int const out[] = {SIGKILL, SIGSTOP, SIGCHLD, SIGPIPE, SIGURG, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGSYS, 32, 33};

  for (size_t i = 0; i < sizeof out / sizeof *out; i++) not_ours |= 1ull << (out[i] - 1);
  all &= ~not_ours;
  if (syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, was, sizeof all) < 0) run_die("rt_sigprocmask: %s", go_errno(errno));
  fd = (int)syscall(SYS_signalfd4, -1, &all, sizeof all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) run_die("signalfd: %s", go_errno(errno));
  return fd;
}

/* Pass one signal on. What the kernel made for the terminal's foreground group has already reached the command; a stop
   from there is for us as well, so that the shell sees its whole job stopped. */
static void pass_on(struct signalfd_siginfo const *info, int pidfd, pid_t pid)
{
  int sig = (int)info->ssi_signo;

  if (info->ssi_code != SI_KERNEL || sig == SIGALRM) {
    if (rk_pidfd_send_signal(pidfd, sig) < 0 && errno == EINVAL) kill(pid, sig);
    return;
  }
  if (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU) kill(getpid(), SIGSTOP);
}

void run_signals_pass(int fd, int pidfd, pid_t pid)
{
  struct signalfd_siginfo info;

  while (read(fd, &info, sizeof info) == sizeof info) pass_on(&info, pidfd, pid);
}
