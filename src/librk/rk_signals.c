/* SPDX-License-Identifier: ISC */
#include <rk/signals.h>

#include <signal.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/syscall.h>

int rk_signal_is_stop(int sig)
{
  return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

int rk_signal_delivered(int sig, int code)
{
  if (code != SI_KERNEL)
    return 0;
  if (sig == SIGHUP || sig == SIGCONT)
    return getsid(0) != getpid();
  switch (sig) {
    case SIGTSTP:
    case SIGTTIN:
    case SIGTTOU:
    case SIGINT:
    case SIGQUIT:
    case SIGWINCH: return 1;
    default: return 0; /* an alarm(2) from before the exec is the kernel's, too */
  }
}

void rk_signal_suspend(int sig)
{
  struct sigaction const dfl = {.sa_handler = SIG_DFL};
  struct sigaction old;
  uint64_t set = (uint64_t)1 << (sig - 1);
  int changed = sigaction(sig, &dfl, &old) == 0; /* not of SIGSTOP */

  kill(getpid(), sig);
  /* The raw call: libc's refuses to touch signals that it keeps to itself. */
  syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &set, NULL, sizeof set); /* stops here */
  syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, sizeof set);
  if (changed)
    sigaction(sig, &old, NULL);
}
