/* SPDX-License-Identifier: ISC
   rk-t-wait PID [SECONDS]: wait until the process is gone or a zombie, by pidfd. 0: it is; 1: still
   there after SECONDS (10). */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  if (argc < 2) {
    fprintf(stderr, "rk-t-wait: usage: rk-t-wait PID [SECONDS]\n");
    return 100;
  }
  long fd = syscall(SYS_pidfd_open, atoi(argv[1]), 0);
  if (fd == -1) {
    if (errno == ESRCH)
      return 0;
    perror("rk-t-wait: fatal: unable to open pidfd");
    return 111;
  }
  struct pollfd p = {.fd = (int)fd, .events = POLLIN};
  int ms = argc > 2 ? (int)(atof(argv[2]) * 1000) : 10000;
  for (;;) {
    int n = poll(&p, 1, ms);
    if (n == 1)
      return 0;
    if (!n)
      return 1;
    if (errno != EINTR)
      return 111;
  }
}
