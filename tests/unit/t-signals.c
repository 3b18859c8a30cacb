/* SPDX-License-Identifier: ISC
   rk_signals: what the terminal has sent to all, and stopping with the child. */
#include "tap.h"

#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>

#include <rk/signals.h>

/* As a session leader, which a hang-up reaches alone. */
static int leader(void)
{
  if (setsid() == -1)
    return 111;
  if (rk_signal_delivered(SIGHUP, SI_KERNEL))
    return 1;
  if (rk_signal_delivered(SIGCONT, SI_KERNEL))
    return 2;
  return rk_signal_delivered(SIGINT, SI_KERNEL) ? 0 : 3;
}

/* In a process group of its own, which its parent's being in the session keeps from being an
   orphaned one. */
static int stopped(int sig)
{
  struct sigaction const ign = {.sa_handler = SIG_IGN};
  struct sigaction now;
  sigset_t all;

  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  if (setpgid(0, 0) == -1)
    return 111;
  if (sig != SIGSTOP)
    sigaction(sig, &ign, NULL);
  rk_signal_suspend(sig);
  sigprocmask(SIG_SETMASK, NULL, &all);
  if (sig != SIGSTOP && !sigismember(&all, sig))
    return 1;
  if (sig != SIGSTOP && (sigaction(sig, NULL, &now) == -1 || now.sa_handler != SIG_IGN))
    return 2;
  return 0;
}

static void suspend(int sig, char const *what)
{
  int status = 0;
  pid_t pid = fork();

  if (!pid)
    _exit(stopped(sig));
  waitpid(pid, &status, WUNTRACED);
  is_num(WIFSTOPPED(status) ? WSTOPSIG(status) : -status, sig, what);
  kill(pid, SIGCONT);
  if (WIFSTOPPED(status))
    waitpid(pid, &status, 0);
  is_num(status, 0, "continued, with its mask and disposition as before");
}

/* In a child that waits for the signals which its parent passes on to it. */
static int passed(void)
{
  struct timespec const most = {.tv_sec = 30};
  siginfo_t si;
  sigset_t both;

  sigemptyset(&both);
  sigaddset(&both, SIGUSR1);
  sigaddset(&both, SIGRTMIN);
  if (sigtimedwait(&both, &si, &most) != SIGUSR1 || si.si_code != SI_USER)
    return 1;
  if (sigtimedwait(&both, &si, &most) != SIGRTMIN || si.si_code != SI_QUEUE)
    return 2;
  return si.si_value.sival_int == 77 ? 0 : 3;
}

static void pass(void)
{
  siginfo_t si = {.si_signo = SIGUSR1, .si_code = SI_USER};
  int status = -1;
  sigset_t all, old;
  pid_t pid;

  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, &old);
  pid = fork();
  if (!pid)
    _exit(passed());
  rk_signal_pass(pid, &si);
  si = (siginfo_t){.si_signo = SIGRTMIN, .si_code = SI_QUEUE};
  si.si_value.sival_int = 77;
  rk_signal_pass(pid, &si);
  si = (siginfo_t){.si_signo = SIGINT, .si_code = SI_KERNEL};
  rk_signal_pass(pid, &si);
  waitpid(pid, &status, 0);
  is_num(status, 0, "signals are passed on, with the value of sigqueue");
  sigprocmask(SIG_SETMASK, &old, NULL);
}

int main(void)
{
  int status = -1;
  pid_t pid;

  ok(rk_signal_delivered(SIGINT, SI_KERNEL), "an interrupt from the terminal");
  ok(rk_signal_delivered(SIGTSTP, SI_KERNEL), "a stop from the terminal");
  ok(rk_signal_delivered(SIGWINCH, SI_KERNEL), "a new size");
  ok(!rk_signal_delivered(SIGINT, SI_USER), "an interrupt of a process");
  ok(!rk_signal_delivered(SIGALRM, SI_KERNEL), "an alarm of the kernel");
  ok(!rk_signal_delivered(SIGTERM, SI_KERNEL), "no terminal sends SIGTERM");
  ok(rk_signal_is_stop(SIGTTIN) && !rk_signal_is_stop(SIGSTOP),
     "three signals stop by the terminal");
  pid = fork();
  if (!pid)
    _exit(leader());
  waitpid(pid, &status, 0);
  is_num(status, 0, "a hang-up reaches a session leader alone");
  pid = fork();
  if (!pid)
    _exit(rk_signal_delivered(SIGHUP, SI_KERNEL) ? 0 : 1);
  waitpid(pid, &status, 0);
  is_num(status, 0, "and is for all others one that the whole group got");
  suspend(SIGTSTP, "stopped by SIGTSTP, though that was ignored");
  suspend(SIGSTOP, "stopped by SIGSTOP");
  pass();
  return tap_done();
}
