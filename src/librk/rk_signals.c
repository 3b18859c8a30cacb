/* SPDX-License-Identifier: ISC */
#include <rk/signals.h>

#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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

void rk_signal_pass(pid_t child, siginfo_t const *si)
{
  if (rk_signal_delivered(si->si_signo, si->si_code))
    return;
  if (si->si_code == SI_QUEUE)
    sigqueue(child, si->si_signo, si->si_value);
  else
    kill(child, si->si_signo);
}

void rk_signal_stop_with(pid_t child, int sig)
{
  struct timespec const now = {0};
  uint64_t cont = (uint64_t)1 << (SIGCONT - 1);
  siginfo_t si;

  rk_signal_suspend(sig);
  syscall(SYS_rt_sigtimedwait, &cont, &si, &now, sizeof cont);
  /* Usually the whole group was continued, the child with it. */
  si.si_pid = 0;
  if (waitid(P_PID, (id_t)child, &si, WCONTINUED | WNOHANG) == -1 || !si.si_pid)
    kill(child, SIGCONT);
}
