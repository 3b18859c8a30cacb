/* SPDX-License-Identifier: ISC
   Which inherited file descriptors lead out, and what the kernel does with those that do not. */
#include <rk/fds.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <linux/io_uring.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "tap.h"

enum { ALL = RK_FDS_FILES | RK_FDS_SOCKETS };

static void is(int fd, char const *want, char const *name)
{
  char const *got = fd == -1 ? "no fd" : rk_fd_leads(fd, ALL, 0);

  is_str(got ? got : "", want, name);
  if (fd > 2)
    close(fd);
}

static int named(int type, char const *abstract)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, type, 0);
  size_t len = strlen(abstract);

  memcpy(sa.sun_path + 1, abstract, len);
  if (bind(fd, (struct sockaddr *)&sa, (socklen_t)(sizeof sa.sun_family + 1 + len)) == -1)
    return -1;
  return fd;
}

static int listening(int type, char const *abstract)
{
  int fd = named(type, abstract);

  if (listen(fd, 1) == -1)
    return -1;
  return fd;
}

static int pair(int type)
{
  int s[2];

  if (socketpair(AF_UNIX, type, 0, s) == -1)
    return -1;
  fcntl(s[1], F_SETFD, FD_CLOEXEC); /* stays open */
  return s[0];
}

/* errno of connecting fd to an abstract socket that listens */
static int turn(int fd)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX, .sun_path = "\0t-fds-to"};

  return connect(fd, (struct sockaddr *)&sa, sizeof sa.sun_family + 9) == -1 ? errno : 0;
}

static void unix_sockets(void)
{
  int to = listening(SOCK_STREAM, "t-fds-to"), fd, s[2];
  struct sockaddr none = {.sa_family = AF_UNSPEC};

  is(listening(SOCK_STREAM, "t-fds-1"), "", "a listening unix stream leads nowhere");
  is(listening(SOCK_SEQPACKET, "t-fds-2"), "", "nor a listening packet socket");
  is(named(SOCK_STREAM, "t-fds-3"), "an unconnected unix socket",
     "one with a name that does not listen does");
  is(socket(AF_UNIX, SOCK_STREAM, 0), "an unconnected unix socket", "one without a name");
  is(named(SOCK_DGRAM, "t-fds-4"), "a unix datagram socket", "datagrams");
  is(pair(SOCK_DGRAM), "a unix datagram socket", "datagrams, connected");
  is(pair(SOCK_STREAM), "a connected unix socket", "a connected stream");
  is(pair(SOCK_SEQPACKET), "a connected unix socket", "a connected packet socket");

  fd = listening(SOCK_STREAM, "t-fds-5");
  shutdown(fd, SHUT_RDWR);
  is_num(turn(fd), EINVAL,
         "the kernel: one that listens cannot be turned, even when it is shut down");
  is(fd, "", "and leads nowhere then either");
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) == -1)
    exit(99);
  is_num(turn(s[0]), EISCONN, "the kernel: a connected stream cannot be turned");
  ok(connect(s[0], &none, sizeof none) == -1, "nor set free by AF_UNSPEC");
  shutdown(s[0], SHUT_RDWR);
  close(s[1]);
  is_num(turn(s[0]), EISCONN, "not even when its other end is gone");
  for (int std = 0; std < 3; std++) {
    int keep = fcntl(std, F_DUPFD_CLOEXEC, 100), free_ = socket(AF_UNIX, SOCK_STREAM, 0),
        dgram = pair(SOCK_DGRAM);
    char const *conn, *fresh, *data;
    dup2(s[0], std);
    conn = rk_fd_leads(std, ALL, 0);
    dup2(free_, std);
    fresh = rk_fd_leads(std, ALL, 0);
    dup2(dgram, std);
    data = rk_fd_leads(std, ALL, 0);
    dup2(keep, std);
    close(keep);
    close(free_);
    close(dgram);
    ok(!conn && fresh && data,
       "as 0, 1 or 2 a connected stream is the journal's or sshd's; all else leads out there too");
  }
  close(s[0]);
  close(to);
}

static void inet_sockets(void)
{
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  uint64_t own = rk_netns_cookie();

  listen(fd, 1);
  ok(!own || !rk_fd_leads(fd, ALL, own),
     "a socket of the namespace that is kept leads nowhere else");
  ok(rk_fd_leads(fd, ALL, own + 1) != NULL, "one of another does");
  ok(!rk_fd_leads(fd, RK_FDS_FILES, 0), "sockets are left alone where only files count");
  is(fd, "an inet socket", "a listening TCP socket");
  is(socket(AF_INET, SOCK_STREAM, 0), "an inet socket", "TCP");
  is(socket(AF_INET, SOCK_DGRAM, 0), "an inet socket", "UDP");
  is(socket(AF_INET6, SOCK_STREAM, 0), "an inet socket", "TCP over IPv6");
  is(socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), "a socket that is neither inet nor unix",
     "netlink");
}

static void files(void)
{
  struct io_uring_params p = {0};
  int s[2], uring = (int)syscall(SYS_io_uring_setup, 1, &p);

  is(open("/", O_RDONLY | O_DIRECTORY), "a directory", "a directory");
  is(open("/", O_PATH | O_DIRECTORY), "a directory", "with O_PATH");
  is(open("/dev/null", O_RDWR), "", "a device is no directory");
  is(open("/proc/self/exe", O_PATH), "", "nor is a file with O_PATH");
  if (pipe(s) == -1)
    exit(99);
  close(s[1]);
  is(s[0], "", "nor a pipe");
  if (uring == -1)
    ok(1, "an io_uring # SKIP this kernel makes none");
  else
    is(uring, "an io_uring", "an io_uring");
}

static void lists(void)
{
  static char const *const good[] = {"all", "0", "3,5", "2147483647", "3,3"};
  static char const *const bad[] = {"",           ",",          "3,",          ",3", "3,,4",
                                    "-1",         "3-5",        "all,3",       "3 ", " 3",
                                    "2147483648", "4294967299", "99999999999", "x"};
  int good_n = 0, bad_n = 0;

  for (size_t i = 0; i < sizeof good / sizeof *good; i++)
    good_n += rk_fds_list_valid(good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    bad_n += !rk_fds_list_valid(bad[i]);
  is_num(good_n, sizeof good / sizeof *good, "lists are numbers with commas, or all");
  is_num(bad_n, sizeof bad / sizeof *bad, "and nothing else");
  ok(rk_fds_listed("3,15", 15) && rk_fds_listed("3,15", 3) && rk_fds_listed("all", 7),
     "what a list names");
  ok(!rk_fds_listed("3,15", 1) && !rk_fds_listed("3,15", 5) && !rk_fds_listed(NULL, 0),
     "and what it does not");
}

static int count(int fd, void *data)
{
  int *n = data;

  n[0] += fd >= 50 && fd < 60;
  n[1] += fd == 60;
  return 0;
}

static void each(void)
{
  int n[2] = {0};

  for (int fd = 50; fd < 60; fd++)
    dup2(1, fd);
  fcntl(1, F_DUPFD_CLOEXEC, 60);
  is_num(rk_fds_each(count, n), 0, "all are listed");
  is_num(n[0], 10, "those that exec keeps");
  is_num(n[1], 0, "and no other");
}

int main(void)
{
  unix_sockets();
  inet_sockets();
  files();
  lists();
  each();
  return tap_done();
}
