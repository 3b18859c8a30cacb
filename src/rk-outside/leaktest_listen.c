/* SPDX-License-Identifier: ISC
   The loopback test, outside: listen on the host's loopback and see whether a nonce sent from
   inside arrives. */
#include "leaktest.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

/* A connection that waits in the queue is ours if its nonce comes; it was sent before we were asked
   to judge. */
enum { TCP4, UDP4, TCP6, UDP6, PATIENCE = 1000 /* ms */ };

void leaktest_init(struct leaktest *test, struct rk_loop *loop)
{
  *test = (struct leaktest){.loop = loop, .fd = {-1, -1, -1, -1}};
}

static uint16_t listener(struct leaktest *test, int i)
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
  test->fd[i] = socket(family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (test->fd[i] != -1 && bind(test->fd[i], &a.any, len) == 0 &&
      (!tcp || listen(test->fd[i], 8) == 0) && getsockname(test->fd[i], &a.any, &len) == 0)
    return ntohs(family == AF_INET ? a.four.sin_port : a.six.sin6_port);
  if (test->fd[i] != -1)
    close(test->fd[i]);
  test->fd[i] = -1;
  return 0;
}

void leaktest_open(struct leaktest *test)
{
  if (getrandom(test->nonce, sizeof test->nonce, 0) != (ssize_t)sizeof test->nonce)
    return;
  for (int i = 0; i < LEAKTEST_SOCKETS; i++)
    test->port[i] = listener(test, i); /* 0 on a host without IPv6 */
}

void leaktest_fill(struct leaktest const *test, struct rk_reply_net *say)
{
  memcpy(say->nonce, test->nonce, sizeof test->nonce);
  say->tcp4 = test->port[TCP4];
  say->udp4 = test->port[UDP4];
  say->tcp6 = test->port[TCP6];
  say->udp6 = test->port[UDP6];
}

static int matches(struct leaktest const *test, int fd, int patience)
{
  struct pollfd x = {.fd = fd, .events = POLLIN};
  uint8_t got[RK_NONCE + 1];

  return poll(&x, 1, patience) == 1 && recv(fd, got, sizeof got, MSG_DONTWAIT) == RK_NONCE &&
         !memcmp(got, test->nonce, RK_NONCE);
}

char const *leaktest_judge(struct leaktest *test)
{
  static char const *const name[LEAKTEST_SOCKETS] = {"TCP to 127.0.0.1", "UDP to 127.0.0.1",
                                                     "TCP to ::1", "UDP to ::1"};
  char const *arrived = NULL;

  for (int i = 0; i < LEAKTEST_SOCKETS; i++) {
    if (test->fd[i] == -1)
      continue;
    /* others on this host may talk to the port as well */
    for (int tries = 0; tries < 8 && !arrived; tries++) {
      int tcp = i == TCP4 || i == TCP6,
          c = tcp ? accept4(test->fd[i], NULL, NULL, SOCK_CLOEXEC) : test->fd[i];
      if (c == -1)
        break;
      if (matches(test, c, tcp ? PATIENCE : 0))
        arrived = name[i];
      if (tcp)
        close(c);
    }
    close(test->fd[i]);
    test->fd[i] = -1;
  }
  return arrived;
}
