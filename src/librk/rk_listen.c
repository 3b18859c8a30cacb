/* SPDX-License-Identifier: ISC */
#include <rk/listen.h>

#include <stdlib.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/env.h>
#include <rk/exit.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

uint64_t rk_socket_cookie(int fd)
{
  uint64_t cookie = 0;
  socklen_t len = sizeof cookie;

  if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) == -1 || len != sizeof cookie)
    return 0;
  return cookie;
}

/* The cookie that the list names for fd, 0: none. */
static uint64_t listed(char const *s, int fd)
{
  unsigned int number;
  uint64_t cookie;
  size_t n;

  while ((n = uint_scan(s, &number))) {
    s += n;
    if (*s != ':')
      return 0;
    n = uint64_scan(s + 1, &cookie);
    if (!n)
      return 0;
    if (number == (unsigned int)fd)
      return cookie;
    s += 1 + n;
    if (*s != ',')
      return 0;
    s++;
  }
  return 0;
}

int rk_listen_made(int fd)
{
  char const *list = getenv("RK_LISTEN_FDS");
  uint64_t cookie = list ? listed(list, fd) : 0;

  return cookie && cookie == rk_socket_cookie(fd);
}

void rk_listen_end(char const *prog)
{
  if (getenv("RK_LISTEN_OPEN"))
    strerr_dief(RK_EXIT_USAGE, "put rk-confine before ", prog,
                ": it gets sockets of the host (or give rk-listen -u)");
  rk_env_unset("RK_LISTEN_FDS");
}
