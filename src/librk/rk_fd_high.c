/* SPDX-License-Identifier: ISC */
#include <rk/link.h>

#include <errno.h>
#include <fcntl.h>

enum { LOW_BASE = 10 }; /* where shells keep theirs */

int rk_fd_high(int fd, int command)
{
  int high = fcntl(fd, command, RK_FD_BASE);

  if (high == -1 && errno != EBADF)
    high = fcntl(fd, command, LOW_BASE);
  if (high == -1 && errno == EINVAL) /* fcntl(2): the limit is not above that number */
    errno = EMFILE;
  return high;
}
