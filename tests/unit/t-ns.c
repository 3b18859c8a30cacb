/* SPDX-License-Identifier: ISC
   rk_ns and rk_diag. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <linux/netlink.h>

#include <rk/diag.h>
#include <rk/netlink.h>
#include <rk/ns.h>

static int open_ns(char const *path)
{
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* As a process of a new user namespace: who owns the network namespace that we came with, and a new
   one of our own? */
static int inside(int hostnet)
{
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
    return 111;
  if (rk_ns_owner(hostnet) != RK_NS_OUTER)
    return 1;
  if (rk_ns_owner(open_ns("/proc/self/ns/net")) != RK_NS_OURS)
    return 2;
  return 0;
}

/* ... and whose is the network namespace of a child that has made a user namespace of its own? */
static int below(void)
{
  char path[64];
  int p[2], status, owner;
  char byte;
  pid_t pid;

  if (pipe(p) == -1)
    return -1;
  pid = fork();
  if (!pid) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNET) == -1)
      _exit(111);
    if (write(p[1], "x", 1) != 1)
      _exit(111);
    pause();
    _exit(0);
  }
  close(p[1]);
  if (read(p[0], &byte, 1) != 1)
    return -1;
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
  owner = rk_ns_owner(open_ns(path));
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return owner;
}

static void owners(void)
{
  int netfd = open_ns("/proc/self/ns/net"), status;
  pid_t pid;

  is_num(rk_ns_same(netfd, "/proc/self/ns/net"), 1, "a namespace is the same as itself");
  is_num(rk_ns_same(netfd, "/proc/self/ns/user"), 0, "and not as another");
  ok(rk_ns_same(netfd, "/proc/self/ns/nothing") == -1 && errno == ENOENT,
     "a path that is not there is an error");
  ok(rk_ns_same(-1, "/proc/self/ns/user") == -1 && errno == EBADF, "so is an fd");
  ok(rk_ns_owner(open_ns("/dev/null")) == -1 && errno == ENOTTY,
     "a file that is no namespace has no owner");
  is_num(rk_ns_owner_at("/proc/self/ns/net"), rk_ns_owner(netfd),
         "a path has the owner that its fd has");
  ok(rk_ns_owner_at("/proc/self/ns/nothing") == -1 && errno == ENOENT,
     "one that is not there has none");
  is_num(below(), RK_NS_INNER, "a namespace of a user namespace below is the inner one's");
  pid = fork();
  if (!pid)
    _exit(inside(netfd));
  waitpid(pid, &status, 0);
  ok(WIFEXITED(status), "a process in a new user namespace ends by itself");
  is_num(WEXITSTATUS(status), 0,
         "the namespace that it came with is an outer one's, the one that it made its own");
}

union address {
  struct sockaddr sa;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

static void ask(int diagfd, int protocol, union address a, socklen_t size, int all,
                char const *what)
{
  int fd = socket(a.sa.sa_family,
                  (protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
  union address at = a;
  char name[128];

  if (all && a.sa.sa_family == AF_INET)
    at.v4.sin_addr.s_addr = 0;
  if (all && a.sa.sa_family == AF_INET6)
    at.v6.sin6_addr = in6addr_any;
  if (fd == -1 || bind(fd, &at.sa, size) == -1 || getsockname(fd, &at.sa, &size) == -1) {
    printf("ok %d - %s # SKIP not on this host: %s\n", ++tap_n, what, strerror(errno));
    return;
  }
  if (protocol == IPPROTO_TCP && listen(fd, 1) == -1)
    _exit(111);
  if (a.sa.sa_family == AF_INET)
    a.v4.sin_port = at.v4.sin_port;
  else
    a.v6.sin6_port = at.v6.sin6_port;
  snprintf(name, sizeof name, "%s: there", what);
  is_num(rk_diag_listens(diagfd, protocol, &a.sa), 1, name);
  close(fd);
  snprintf(name, sizeof name, "%s: gone", what);
  is_num(rk_diag_listens(diagfd, protocol, &a.sa), 0, name);
}

static void listeners(void)
{
  int fd = rk_nl_open(NETLINK_SOCK_DIAG);
  union address four = {.v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
  union address six = {.v6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}};
  union address other = {.sa.sa_family = AF_UNIX};

  ask(fd, IPPROTO_TCP, four, sizeof four.v4, 0, "TCP over IPv4");
  ask(fd, IPPROTO_UDP, four, sizeof four.v4, 0, "UDP over IPv4");
  ask(fd, IPPROTO_TCP, six, sizeof six.v6, 0, "TCP over IPv6");
  ask(fd, IPPROTO_UDP, six, sizeof six.v6, 0, "UDP over IPv6");
  ask(fd, IPPROTO_TCP, four, sizeof four.v4, 1, "TCP on every address");
  ask(fd, IPPROTO_UDP, four, sizeof four.v4, 1, "UDP on every address");
  ok(rk_diag_listens(fd, IPPROTO_TCP, &other.sa) == -1 && errno == EAFNOSUPPORT,
     "an address of another family is an error");
  ok(rk_diag_listens(-1, IPPROTO_TCP, &four.sa) == -1 && errno == EBADF, "so is a closed fd");
}

int main(void)
{
  owners();
  listeners();
  return tap_done();
}
