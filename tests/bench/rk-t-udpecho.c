/* SPDX-License-Identifier: ISC
   rk-t-udpecho serve PORT | rk-t-udpecho ask ADDR PORT CLIENTS SECONDS: how many 64-byte echoes
   come back; each client has one under way, and a lost one is sent again after 200 ms. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static double now(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
  char buf[2048];

  if (argc == 3) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2]))};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) == -1)
      return 111;
    for (;;) {
      struct sockaddr_in6 from;
      socklen_t len = sizeof from;
      ssize_t n = recvfrom(fd, buf, sizeof buf, 0, (struct sockaddr *)&from, &len);
      if (n >= 0)
        sendto(fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len);
    }
  }
  if (argc != 6)
    return 100;
  int clients = atoi(argv[4]), ep = epoll_create1(0);
  double end = now() + atof(argv[5]);
  unsigned long done = 0;
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[3]))};
  static int fds[4096];
  static double sent[4096];
  inet_pton(AF_INET, argv[2], &a.sin_addr);
  memset(buf, 'x', 64);
  for (int i = 0; i < clients; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
    fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
    if (connect(fds[i], (struct sockaddr *)&a, sizeof a) == -1 ||
        epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &e) == -1)
      return 111;
    send(fds[i], buf, 64, 0);
    sent[i] = now();
  }
  while (now() < end) {
    struct epoll_event e[64];
    int n = epoll_wait(ep, e, 64, 50);
    for (int k = 0; k < n; k++) {
      uint32_t i = e[k].data.u32;
      if (recv(fds[i], buf, sizeof buf, MSG_DONTWAIT) > 0)
        done++;
      send(fds[i], buf, 64, MSG_DONTWAIT);
      sent[i] = now();
    }
    if (n)
      continue;
    for (int i = 0; i < clients; i++)
      if (now() - sent[i] > 0.2)
        send(fds[i], buf, 64, MSG_DONTWAIT), sent[i] = now();
  }
  printf("%lu\n", done);
  return 0;
}
