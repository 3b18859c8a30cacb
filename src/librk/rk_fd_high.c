/* SPDX-License-Identifier: ISC */
#include <rk/link.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>

int rk_fd_high(int fd, int command)
{
  struct rlimit files;
  int high = fcntl(fd, command, RK_FD_BASE);

  /* fcntl(2): EINVAL if the limit is below that number; EMFILE if all above it are taken */
  if (high != -1 || (errno != EINVAL && errno != EMFILE))
    return high;
  if (getrlimit(RLIMIT_NOFILE, &files) == -1)
    return -1;
  if (files.rlim_cur > 2 * RK_FD_BASE)
    files.rlim_cur = 2 * RK_FD_BASE;
  return fcntl(fd, command, (int)(files.rlim_cur / 2));
}
