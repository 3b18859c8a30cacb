/* SPDX-License-Identifier: ISC */
#include "apid.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

int apid_listen(char const *name)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  char tmp[64];
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  if (fd < 0) return -1;
  snprintf(tmp, sizeof tmp, ".new-%s", name);
  unlink(tmp);
  strcpy(sa.sun_path, tmp);
  if (bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || chmod(tmp, 0600) < 0 || listen(fd, 128) < 0 || rename(tmp, name) < 0) {
    int e = errno;
    unlink(tmp);
    close(fd);
    return errno = e, -1;
  }
  return fd;
}
