/* SPDX-License-Identifier: ISC
   rk-t-echo tcp|udp PORT [ADDRESS]: answer each client with its own address and port, then what it
   sent ("127.0.0.1 4711 ping"). */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static size_t say(char *out, size_t size, struct sockaddr_in6 const *from, char const *what,
                  size_t len)
{
  char ip[INET6_ADDRSTRLEN];
  char const *shown = inet_ntop(AF_INET6, &from->sin6_addr, ip, sizeof ip);
  int n;

  if (shown && IN6_IS_ADDR_V4MAPPED(&from->sin6_addr))
    shown += 7; /* ::ffff: */
  n = snprintf(out, size, "%s %d ", shown ? shown : "?", ntohs(from->sin6_port));
  memcpy(out + n, what, len);
  return (size_t)n + len;
}

int main(int argc, char **argv)
{
  struct sockaddr_in6 sa = {.sin6_family = AF_INET6}, from;
  static char in[60000], out[60100];
  int tcp, s, one = 1, zero = 0;

  if (argc < 3)
    return 100;
  tcp = !strcmp(argv[1], "tcp");
  sa.sin6_port = htons((unsigned short)atoi(argv[2]));
  if (argc > 3 && inet_pton(AF_INET6, argv[3], &sa.sin6_addr) != 1)
    return 100;
  s = socket(AF_INET6, tcp ? SOCK_STREAM : SOCK_DGRAM, 0);
  setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (s == -1 || bind(s, (struct sockaddr *)&sa, sizeof sa) == -1 || (tcp && listen(s, 64) == -1)) {
    perror("rk-t-echo");
    return 111;
  }
  for (;;) {
    socklen_t len = sizeof from;
    int c = tcp ? accept(s, (struct sockaddr *)&from, &len) : s;
    ssize_t r = tcp ? read(c, in, sizeof in)
                    : recvfrom(s, in, sizeof in, 0, (struct sockaddr *)&from, &len);
    if (r >= 0) {
      size_t n = say(out, sizeof out, &from, in, (size_t)r);
      if (sendto(c, out, n, MSG_NOSIGNAL, tcp ? 0 : (struct sockaddr *)&from, tcp ? 0 : len) == -1)
        perror("rk-t-echo");
    }
    if (tcp)
      close(c);
  }
}
