/* SPDX-License-Identifier: ISC
   rk-t-fresh PROG...: become PROG in a session of its own, with every signal at its default and
   unblocked, no fd but 0 1 2, umask 022, whatever it was started from. By raw system calls: both C
   libraries keep signals 32 and 33 for themselves, but a parent can have ignored them. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "rk-t-fresh: usage: rk-t-fresh PROG...\n");
    return 100;
  }
  unsigned long const act[8] = {0}; /* struct kernel_sigaction: SIG_DFL, no flags, empty mask */
  uint64_t const none = 0;
  for (int s = 1; s <= 64; s++)
    syscall(SYS_rt_sigaction, s, act, NULL, sizeof none);
  syscall(SYS_close_range, 3U, ~0U, 0U);
  umask(022);
  setsid(); /* fails for a process group's leader: then it stays where it is */
  syscall(SYS_rt_sigprocmask, 2 /* SIG_SETMASK */, &none, NULL, sizeof none);
  execvp(argv[1], argv + 1);
  fprintf(stderr, "rk-t-fresh: fatal: unable to exec %s: %s\n", argv[1], strerror(errno));
  return errno == ENOENT ? 127 : 126;
}
