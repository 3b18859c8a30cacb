/* SPDX-License-Identifier: ISC
   rk-t-relay {PORT TO}...: the least that any relay of TCP with epoll can cost: from 127.0.0.1 PORT
   to 127.0.0.1 TO, one buffer, an accept4, a socket and a connect for a connection, a recv and a
   send for a message. No namespace, nobody's address, no care for what does not fit: only `make
   bench` uses it, as the floor for new connections and small messages. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct end {
  int fd, to;
  struct end *other;
};

static char buffer[1 << 15];
static int epoll;

static void die(char const *what)
{
  fprintf(stderr, "rk-t-relay: fatal: unable to %s: %s\n", what, strerror(errno));
  exit(111);
}

static struct sockaddr_in local(int port)
{
  return (struct sockaddr_in){.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void watch(struct end *e, uint32_t events)
{
  struct epoll_event event = {.events = events, .data.ptr = e};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, e->fd, &event) == -1)
    die("watch a socket");
}

static void take(struct end *listener)
{
  struct sockaddr_in a = local(listener->to);
  int one = 1, fd = accept4(listener->fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC),
      back = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct end *pair = calloc(2, sizeof *pair);

  if (fd == -1 || back == -1 || !pair)
    die("take a client");
  setsockopt(back, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(back, (struct sockaddr const *)&a, sizeof a) == -1 && errno != EINPROGRESS)
    die("connect");
  pair[0] = (struct end){.fd = fd, .other = pair + 1};
  pair[1] = (struct end){.fd = back, .other = pair};
  watch(pair, EPOLLIN | EPOLLET);
  watch(pair + 1, EPOLLIN | EPOLLET);
}

int main(int argc, char **argv)
{
  struct epoll_event events[64];

  signal(SIGPIPE, SIG_IGN);
  epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 1; i + 1 < argc; i += 2) {
    struct sockaddr_in a = local(atoi(argv[i]));
    struct end *e = calloc(1, sizeof *e);
    int one = 1;
    if (!e)
      die("remember a listener");
    *e = (struct end){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                      .to = atoi(argv[i + 1])};
    setsockopt(e->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(e->fd, (struct sockaddr const *)&a, sizeof a) == -1 || listen(e->fd, 4096) == -1)
      die("listen");
    watch(e, EPOLLIN);
  }
  for (;;) {
    int n = epoll_wait(epoll, events, 64, -1);
    for (int i = 0; i < n; i++) {
      struct end *e = events[i].data.ptr;
      if (!e->other) {
        take(e);
        continue;
      }
      if (e->fd == -1)
        continue;
      ssize_t r = recv(e->fd, buffer, sizeof buffer, 0);
      if (r > 0)
        send(e->other->fd, buffer, (size_t)r, MSG_NOSIGNAL);
      else if (r == 0 || errno != EAGAIN) {
        /* the pair's memory stays: another event of this batch may name it */
        close(e->fd);
        close(e->other->fd);
        e->fd = e->other->fd = -1;
      }
    }
  }
}
