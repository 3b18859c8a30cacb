/* SPDX-License-Identifier: ISC
   rk-t-hold [FD]: say ready on FD (a newline, then close; default: none), then sleep until a signal
   ends it. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  if (argc > 1) {
    int fd = atoi(argv[1]);
    if (write(fd, "\n", 1) != 1)
      return 111;
    close(fd);
  }
  for (;;)
    pause();
}
