/* SPDX-License-Identifier: ISC
   rk-t-conns serve PORT                    an echo server rk-t-conns row ADDR PORT N PARALLEL
   N connections in all, each echoes one byte: "echoed=N failed=M" rk-t-conns hold ADDR PORT N
   N at once; "open=N" when each has echoed; after a line on stdin again: "alive=N" */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

static int ep;

static void watch(int fd, uint32_t events, int op)
{
  struct epoll_event e = {.events = events, .data.fd = fd};

  epoll_ctl(ep, op, fd, &e);
}

static void serve(int port)
{
  struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  int on = 1, l = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct epoll_event e[256];
  char buf[4096];

  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(l, (struct sockaddr *)&a, sizeof a) == -1 || listen(l, 4096) == -1)
    exit(111);
  watch(l, EPOLLIN, EPOLL_CTL_ADD);
  puts("ready");
  fflush(stdout);
  for (;;) {
    int n = epoll_wait(ep, e, 256, -1);
    for (int i = 0; i < n; i++) {
      int fd = e[i].data.fd;
      if (fd == l) {
        if ((fd = accept4(l, 0, 0, SOCK_NONBLOCK)) != -1)
          watch(fd, EPOLLIN, EPOLL_CTL_ADD);
        continue;
      }
      ssize_t r = read(fd, buf, sizeof buf);
      if (r <= 0 || write(fd, buf, (size_t)r) != r)
        close(fd);
    }
  }
}

static int call(struct sockaddr_in const *a)
{
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

  if (fd == -1)
    return -1;
  if (connect(fd, (struct sockaddr const *)a, sizeof *a) == -1 && errno != EINPROGRESS)
    return close(fd), -1;
  return fd;
}

static void row(struct sockaddr_in const *a, long n, long width)
{
  long begun = 0, under_way = 0, ok = 0, bad = 0;
  struct epoll_event e[256];
  char c;

  while (ok + bad < n) {
    for (; begun < n && under_way < width; begun++) {
      int fd = call(a);
      if (fd == -1)
        bad++;
      else {
        watch(fd, EPOLLOUT, EPOLL_CTL_ADD);
        under_way++;
      }
    }
    int k = epoll_wait(ep, e, 256, 20000);
    if (k == -1 && errno == EINTR)
      continue; /* stopped or frozen meanwhile: signal(7) */
    if (k <= 0)
      break;
    for (int i = 0; i < k; i++) {
      int fd = e[i].data.fd;
      if (e[i].events & EPOLLOUT) {
        if (write(fd, "x", 1) == 1) {
          watch(fd, EPOLLIN, EPOLL_CTL_MOD);
          continue;
        }
        bad++;
      } else if (read(fd, &c, 1) == 1)
        ok++;
      else
        bad++;
      close(fd);
      under_way--;
    }
  }
  printf("echoed=%ld failed=%ld\n", ok, n - ok);
}

static long echo(int const *fds, long n)
{
  long ok = 0;
  char c;

  for (long i = 0; i < n; i += 500) {
    for (long k = i; k < n && k < i + 500; k++)
      if (write(fds[k], "x", 1) != 1)
        return -1;
    for (long k = i; k < n && k < i + 500; k++)
      ok += read(fds[k], &c, 1) == 1;
  }
  return ok;
}

int main(int argc, char **argv)
{
  struct rlimit files;
  struct sockaddr_in a = {.sin_family = AF_INET};

  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  ep = epoll_create1(0);
  if (argc == 3)
    serve(atoi(argv[2]));
  if (argc < 5)
    return 100;
  inet_pton(AF_INET, argv[2], &a.sin_addr);
  a.sin_port = htons((uint16_t)atoi(argv[3]));
  long n = atol(argv[4]);
  if (argv[1][0] == 'r')
    return row(&a, n, atol(argv[5])), 0;
  int *fds = calloc((size_t)n, sizeof *fds);
  if (!fds)
    return perror("calloc"), 111;
  for (long i = 0; i < n; i++) {
    struct timeval t = {30, 0};
    fds[i] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    if (connect(fds[i], (struct sockaddr *)&a, sizeof a) == -1)
      return perror("connect"), 111;
  }
  printf("open=%ld\n", echo(fds, n));
  fflush(stdout);
  char line[80];
  if (fgets(line, sizeof line, stdin))
    printf("alive=%ld\n", echo(fds, n));
  return 0;
}
