/* SPDX-License-Identifier: ISC
   rk-t-count: say "UP", then count every catchable signal aloud, one line each: "SIG N". Ends with
   status 9 at the fourth SIGQUIT; SIGTSTP is let through: it counts, then really stops. Shows which
   signals arrive, and how often. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/syscall.h>

/* libc's own wrappers leave the signals 32 to 34 alone */
static void mask(unsigned long long set)
{
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, NULL, sizeof set);
}

int main(void)
{
  static int count[65];

  mask(~0ull);
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("UP");
  for (;;) {
    siginfo_t si;
    unsigned long long set = ~0ull;
    int sig = (int)syscall(SYS_rt_sigtimedwait, &set, &si, NULL, 8);
    if (sig < 1)
      continue;
    printf("%d %d", sig, ++count[sig]);
    if (si.si_code == SI_QUEUE)
      printf(" value %d", si.si_value.sival_int);
    putchar('\n');
    if (sig == SIGQUIT && count[sig] == 4)
      return 9;
    if (sig == SIGTSTP) {
      kill(getpid(), sig);
      mask(~(1ull << (sig - 1)));
      mask(~0ull);
    }
  }
}
