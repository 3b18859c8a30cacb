/* SPDX-License-Identifier: ISC */
#include "bypassd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <linux/nsfs.h>
#include <linux/sockios.h>

#include <skalibs/djbunix.h>

#include <rk/fail.h>

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

int socket_option(int fd, int level, int name)
{
  int value = 0;
  socklen_t len = sizeof value;

  return getsockopt(fd, level, name, &value, &len) == -1 ? 0 : value;
}

uint64_t socket_cookie(int fd, int name)
{
  uint64_t value = 0;
  socklen_t len = sizeof value;

  return getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1 ? 0 : value;
}

int socket_is_stream(int fd)
{
  int domain = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
  int protocol = socket_option(fd, SOL_SOCKET, SO_PROTOCOL);

  if (domain != AF_INET && domain != AF_INET6)
    return 0;
  return protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP;
}

/* Is the user namespace that of the chain's program, or below it? Fills the namespace's owner. */
static int below(struct bypassd const *b, int userns, struct netns *n)
{
  struct stat st;
  int at = userns;
  int first = 1;

  while (at != -1) {
    int parent;
    if (fstat(at, &st) == -1)
      break;
    if (first) {
      n->dev = st.st_dev;
      n->ino = st.st_ino;
      first = 0;
    }
    if (st.st_dev == b->dev && st.st_ino == b->ino) {
      close(at);
      return 1;
    }
    parent = ioctl(at, NS_GET_PARENT); /* EPERM: above ours */
    close(at);
    at = parent;
  }
  return 0;
}

int userns_is_inner(struct bypassd const *b, int userns)
{
  struct netns ignored;

  return below(b, userns, &ignored);
}

/* SIOCGSKNS wants CAP_NET_ADMIN over the namespace: who owns the chain's user namespace has it. */
struct netns const *socket_netns(struct bypassd *b, int fd)
{
  uint64_t cookie = socket_cookie(fd, SO_NETNS_COOKIE);
  struct netns *n;
  int net, owner;

  if (!cookie)
    return NULL;
  for (n = b->netns; n < b->netns + NETNS; n++)
    if (n->cookie == cookie)
      return n;
  n = &b->netns[b->oldest];
  b->oldest = (b->oldest + 1) % NETNS;
  memset(n, 0, sizeof *n);
  net = ioctl(fd, SIOCGSKNS);
  if (net != -1) {
    owner = ioctl(net, NS_GET_USERNS);
    n->inner = owner != -1 && below(b, owner, n);
    close(net);
  }
  n->cookie = cookie;
  return n;
}

/* What a server or a client sets before bind and connect, and expects to find. Sizes of buffers are
   told twice as large as they are set (socket(7)). */
static struct {
  int level;
  int name;
  int half;
} const OPTIONS[] = {
  {.level = SOL_SOCKET, .name = SO_KEEPALIVE},
  {.level = SOL_SOCKET, .name = SO_OOBINLINE},
  {.level = SOL_SOCKET, .name = SO_RCVBUF, .half = 1},
  {.level = SOL_SOCKET, .name = SO_SNDBUF, .half = 1},
  {.level = IPPROTO_IP, .name = IP_TOS},
  {.level = IPPROTO_IPV6, .name = IPV6_TCLASS},
  {.level = IPPROTO_TCP, .name = TCP_NODELAY},
  {.level = IPPROTO_TCP, .name = TCP_KEEPIDLE},
  {.level = IPPROTO_TCP, .name = TCP_KEEPINTVL},
  {.level = IPPROTO_TCP, .name = TCP_KEEPCNT},
  {.level = IPPROTO_TCP, .name = TCP_USER_TIMEOUT},
  {.level = IPPROTO_TCP, .name = TCP_DEFER_ACCEPT},
};

void socket_copy(int from, int to)
{
  static int const times[] = {SO_RCVTIMEO, SO_SNDTIMEO, SO_LINGER};

  for (size_t i = 0; i < sizeof OPTIONS / sizeof *OPTIONS; i++) {
    int is = socket_option(from, OPTIONS[i].level, OPTIONS[i].name);
    if (is == socket_option(to, OPTIONS[i].level, OPTIONS[i].name))
      continue;
    if (OPTIONS[i].half)
      is /= 2;
    setsockopt(to, OPTIONS[i].level, OPTIONS[i].name, &is, sizeof is);
  }
  for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
    char value[sizeof(struct timeval)];
    socklen_t len = sizeof value;
    if (getsockopt(from, SOL_SOCKET, times[i], value, &len) == 0)
      setsockopt(to, SOL_SOCKET, times[i], value, len);
  }
}

int socket_is_hosts(struct bypassd const *b, int fd)
{
  return b->cookie && socket_is_stream(fd) && socket_cookie(fd, SO_NETNS_COOKIE) == b->cookie;
}

/* Where a socket listens. */
struct place {
  struct address is;
  int v6only;
};

/* 0, or -1. */
static int find_place(struct bypassd const *b, int listener, struct place *p)
{
  memset(p, 0, sizeof *p);
  p->is.len = sizeof p->is.u;
  if (!socket_is_hosts(b, listener))
    return rk_fail(EAFNOSUPPORT);
  if (!socket_option(listener, SOL_SOCKET, SO_ACCEPTCONN))
    return rk_fail(ECONNREFUSED);
  if (getsockname(listener, &p->is.u.sa, &p->is.len) == -1)
    return -1;
  p->v6only = p->is.u.sa.sa_family == AF_INET6 &&
              socket_option(listener, IPPROTO_IPV6, IPV6_V6ONLY);
  return 0;
}

/* Where a socket of that family reaches the listener from this host. 0, or -1: of an IPv6 listener
   that takes no IPv4, the port of IPv4 may be another server's. */
static int way(struct place const *listener, int family, struct address *to)
{
  struct address plain = address_plain(&listener->is);
  int any = address_is_any(&plain);

  if (family == AF_INET) {
    if (plain.u.sa.sa_family != AF_INET && (!any || listener->v6only))
      return rk_fail(EAFNOSUPPORT);
    *to = (struct address){
      .u.v4 = {.sin_family = AF_INET,
               .sin_port = plain.u.v4.sin_port,
               .sin_addr.s_addr = any ? htonl(INADDR_LOOPBACK) : plain.u.v4.sin_addr.s_addr},
      .len = sizeof to->u.v4,
    };
    return 0;
  }
  *to = (struct address){
    .u.v6 = {.sin6_family = AF_INET6, .sin6_port = plain.u.v6.sin6_port},
    .len = sizeof to->u.v6,
  };
  if (plain.u.sa.sa_family == AF_INET6) {
    to->u.v6.sin6_addr = any ? in6addr_loopback : plain.u.v6.sin6_addr;
    return 0;
  }
  if (any)
    plain.u.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memset(to->u.v6.sin6_addr.s6_addr + 10, 0xff, 2);
  memcpy(to->u.v6.sin6_addr.s6_addr + 12, &plain.u.v4.sin_addr, sizeof plain.u.v4.sin_addr);
  return 0;
}

/* Only to what listens in our own network namespace: a client may be root inside (rk/bypass.h), and
   has no socket of the host but those that rk-portd gave, and what it made of them. It can make
   them listen elsewhere meanwhile, where the old place may be another's: so they are looked at
   again. */
int socket_to_listener(struct bypassd const *b, int fd, int listener, int *error)
{
  int family = socket_option(fd, SOL_SOCKET, SO_DOMAIN);
  struct place at, still;
  struct address to;
  int s;

  if (find_place(b, listener, &at) == -1 || way(&at, family, &to) == -1)
    return -1;
  s = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (s == -1)
    return -1;
  socket_copy(fd, s);
  *error = connect(s, &to.u.sa, to.len) == -1 ? errno : 0;
  errno = *error;
  if (!*error || *error == EINPROGRESS) {
    if (find_place(b, listener, &still) == 0 && memcmp(&at, &still, sizeof at) == 0)
      return s;
    errno = ECONNREFUSED;
  }
  fd_close(s);
  return -1;
}
