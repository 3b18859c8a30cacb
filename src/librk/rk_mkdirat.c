/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <sys/stat.h>

int rk_mkdirat(int dirfd, char const *path, mode_t mode)
{
  mode_t mask = umask(0);
  int r;

  umask(mask & 077);
  r = mkdirat(dirfd, path, mode);
  umask(mask);
  return r;
}
