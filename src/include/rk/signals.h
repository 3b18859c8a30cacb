/* SPDX-License-Identifier: ISC
   Passing signals on to a child, as a process does that is seen in its child's place.
   Single-threaded callers only. */
#ifndef RK_SIGNALS_H
#define RK_SIGNALS_H

#include <signal.h>
#include <sys/types.h>

/* Has the terminal sent this signal to the whole foreground process group, and so to the child as
   well? sig and code (si_code) of sigtimedwait(2) or signalfd(2). 1 or 0. A signal that a process
   has sent to the group with kill(2) cannot be told from one sent to this process alone: 0. When
   the terminal hangs up, the kernel sends SIGHUP and SIGCONT to the session leader alone
   (tty_signal_session_leader, drivers/tty/tty_jobctrl.c): if this process is that, 0. */
int rk_signal_delivered(int sig, int code);

/* Is it SIGTSTP, SIGTTIN or SIGTTOU? */
int rk_signal_is_stop(int sig);

/* The child was stopped by sig: stop this process by it too, whatever its disposition, so that a
   shell is told. sig is blocked before and after, and so should the others be. Returns when this
   process has been continued, or at once where sig stops nothing (an orphaned process group,
   setpgid(2)). */
void rk_signal_suspend(int sig);

/* Send the child the signal that this process has got, with the value of sigqueue(3) if it has one;
   but not if the terminal has sent it to both (rk_signal_delivered). */
void rk_signal_pass(pid_t child, siginfo_t const *si);

/* The child was stopped by sig: stop as well (rk_signal_suspend), and when this process has been
   continued, continue the child. SIGCONT is blocked, and so is not passed on for a second time. */
void rk_signal_stop_with(pid_t child, int sig);

#endif
