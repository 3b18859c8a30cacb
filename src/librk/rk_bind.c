/* SPDX-License-Identifier: ISC */
#include <rk/bind.h>

#include <string.h>
#include <netinet/in.h>

#include <skalibs/djbunix.h>

static int set(int fd, int level, int option, int value)
{
  return setsockopt(fd, level, option, &value, sizeof value);
}

static int set_and_bind(int fd, struct sockaddr_storage const *sa, int v6only, int tcp,
                        char const *ifname, int shared)
{
  socklen_t len = sizeof(struct sockaddr_in6);

  if (sa->ss_family == AF_INET)
    len = sizeof(struct sockaddr_in);
  if (sa->ss_family == AF_INET6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only) == -1)
    return -1;
  if ((tcp || shared) && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) == -1)
    return -1;
  if (*ifname &&
      setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifname, (socklen_t)strlen(ifname)) == -1)
    return -1;
  if (bind(fd, (struct sockaddr const *)sa, len) == -1)
    return -1;
  return tcp ? listen(fd, RK_BACKLOG) : 0;
}

int rk_bind(struct sockaddr_storage const *sa, int v6only, int tcp)
{
  return rk_bind_to(sa, v6only, tcp, "", 0);
}

int rk_bind_to(struct sockaddr_storage const *sa, int v6only, int tcp, char const *ifname,
               int shared)
{
  int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  int fd = socket(sa->ss_family, type, 0);

  if (fd == -1)
    return -1;
  if (set_and_bind(fd, sa, v6only, tcp, ifname, shared) == 0)
    return fd;
  fd_close(fd); /* keeps errno */
  return -1;
}
