/* SPDX-License-Identifier: ISC */
#include "apid.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <rk/fail.h>
#include <rk/state.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* A chain may replace what lies under any name here: no chmod(2), and a name that it cannot
   guess. */
static int publish(int fd, char const *name)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  char tmp[RK_TEMP_MAX];
  int e;

  rk_temp_name(".new-", name, tmp);
  if (strlen(tmp) >= sizeof sa.sun_path)
    return rk_fail(ENAMETOOLONG);
  strcpy(sa.sun_path, tmp);
  if (bind(fd, (struct sockaddr *)&sa, sizeof sa) == -1)
    return -1;
  if (listen(fd, 128) == 0) {
    if (rename(tmp, name) == 0)
      return 0;
    /* a chain may have made a directory of that name */
    if (errno == EISDIR && rk_state_away(AT_FDCWD, name) == 0 && rename(tmp, name) == 0)
      return 0;
  }
  e = errno;
  unlink(tmp);
  return rk_fail(e);
}

int apid_listen(char const *name)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask;
  int r, e;

  if (fd == -1)
    return -1;
  mask = umask(0177);
  r = publish(fd, name);
  umask(mask);
  if (r == 0)
    return fd;
  e = errno;
  close(fd);
  return rk_fail(e);
}
