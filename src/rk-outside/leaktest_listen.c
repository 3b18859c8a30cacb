/* SPDX-License-Identifier: ISC
   The loopback test, outside: listen on the host's loopback and see whether a nonce sent from
   inside arrives. */
#include "driver.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

/* A connection that waits in the queue is ours if its nonce comes; it was sent before we were asked
   to judge. */
enum { TCP4, UDP4, TCP6, UDP6, SOCKETS, PATIENCE = 1000 /* ms */ };

static int fds[SOCKETS] = {-1, -1, -1, -1};
static uint16_t port[SOCKETS];
static uint8_t nonce[RK_NONCE];

static uint16_t listener(int i)
{
  int family = i < TCP6 ? AF_INET : AF_INET6, tcp = i == TCP4 || i == TCP6;
  union {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
  } a;
  socklen_t len = family == AF_INET ? sizeof a.four : sizeof a.six;

  memset(&a, 0, sizeof a);
  a.any.sa_family = (sa_family_t)family;
  if (family == AF_INET)
    a.four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  else
    a.six.sin6_addr = in6addr_loopback;
  fds[i] = socket(family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fds[i] != -1 && bind(fds[i], &a.any, len) == 0 && (!tcp || listen(fds[i], 8) == 0) &&
      getsockname(fds[i], &a.any, &len) == 0)
    return ntohs(family == AF_INET ? a.four.sin_port : a.six.sin6_port);
  if (fds[i] != -1)
    close(fds[i]);
  fds[i] = -1;
  return 0;
}

void leaktest_open(void)
{
  if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
    return;
  for (int i = 0; i < SOCKETS; i++)
    port[i] = listener(i); /* 0 on a host without IPv6 */
}

void leaktest_fill(struct rk_reply_net *say)
{
  memcpy(say->nonce, nonce, sizeof nonce);
  say->tcp4 = port[TCP4];
  say->udp4 = port[UDP4];
  say->tcp6 = port[TCP6];
  say->udp6 = port[UDP6];
}

static int matches(int fd, int patience)
{
  struct pollfd x = {.fd = fd, .events = POLLIN};
  uint8_t got[RK_NONCE + 1];

  return poll(&x, 1, patience) == 1 && recv(fd, got, sizeof got, MSG_DONTWAIT) == RK_NONCE &&
         !memcmp(got, nonce, RK_NONCE);
}

char const *leaktest_judge(void)
{
  static char const *const name[SOCKETS] = {"TCP to 127.0.0.1", "UDP to 127.0.0.1", "TCP to ::1",
                                            "UDP to ::1"};
  char const *arrived = 0;

  for (int i = 0; i < SOCKETS; i++) {
    if (fds[i] == -1)
      continue;
    /* others on this host may talk to the port as well */
    for (int tries = 0; tries < 8 && !arrived; tries++) {
      int tcp = i == TCP4 || i == TCP6, c = tcp ? accept4(fds[i], 0, 0, SOCK_CLOEXEC) : fds[i];
      if (c == -1)
        break;
      if (matches(c, tcp ? PATIENCE : 0))
        arrived = name[i];
      if (tcp)
        close(c);
    }
    close(fds[i]);
    fds[i] = -1;
  }
  return arrived;
}
