/* SPDX-License-Identifier: ISC
   rk-t-ctl ATTEMPT...: send what no link sends through RK_OUTSIDE_FD, print what came back ("REPLY
   errno", "shut"), one line each. short version unknown fd twice forged flood ready stranger
   net=IFNAME: the request for a network (driver none), for our own network namespace, and the
   question whether it is there fds=N, empty=N: a request, or a message of no bytes, with N fds of
   one pipe; says whether any of them is still open elsewhere 10 seconds later */
#include "errname.h"
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <rk/link.h>
#include <rk/ctl.h>

static struct rk_req_idmap idmap = {.head = {RK_OUTSIDE_VERSION, RK_OP_IDMAP},
                                    .rungs = RK_RUNG_SUBIDS};
static struct rk_reply_idmap said;

static void ask(char const *name, void const *p, size_t len, int fd)
{
  size_t want = p == (void *)&idmap ? sizeof said : sizeof said.head;
  if (rk_ctl_call(p, len, fd, &said, want) == 0)
    printf("%s: REPLY %s\n", name, said.head.error ? errname(said.head.error) : "0");
  else
    printf("%s: %s\n", name, errno == EPIPE ? "shut" : errname(errno));
  fflush(stdout);
}

/* Explicit credentials: another pid than ours (unix(7): needs CAP_SYS_ADMIN in the pid namespace's
   user namespace). */
static void forged(void)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(struct ucred))];
  } control = {0};
  struct rk_req r = {RK_OUTSIDE_VERSION, RK_OP_READY};
  struct iovec iov = {&r, sizeof r};
  struct msghdr msg = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
  struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
  struct ucred cred = {.pid = 1, .uid = 0, .gid = 0};
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_CREDENTIALS;
  c->cmsg_len = CMSG_LEN(sizeof cred);
  memcpy(CMSG_DATA(c), &cred, sizeof cred);
  printf("forged: %s\n", sendmsg(rk_ctl_fd(), &msg, MSG_NOSIGNAL) < 0 ? errname(errno) : "sent");
}

static void net(char const *name, char const *ifname)
{
  static struct rk_req_net r = {.head = {RK_OUTSIDE_VERSION, RK_OP_NET},
                                .plan = {.driver = "none", .host_loopback = 1}};
  struct rk_req await = {RK_OUTSIDE_VERSION, RK_OP_AWAIT};
  static struct rk_reply_net say;
  int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

  strncpy(r.plan.ifname, ifname, sizeof r.plan.ifname - 1);
  if (rk_ctl_send(&r, sizeof r, fd) == 0 &&
      rk_ctl_call(&await, sizeof await, -1, &say, sizeof say) == 0)
    printf("%s: REPLY %s\n", name, say.head.error ? errname(say.head.error) : "0");
  else
    printf("%s: %s\n", name, errno == EPIPE ? "shut" : errname(errno));
  fflush(stdout);
  close(fd);
}

/* The request after the loopback test, with an fd that is no network namespace. */
static void verify(char const *name)
{
  struct rk_req_net_verify const r = {
    .head = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_NET_VERIFY}, .etc = RK_ETC_NONE};

  ask(name, &r, sizeof r, 1);
  printf("%s: %s\n", name, said.head.text);
}

/* More fds with one message than any request takes. Each is the writing end of one pipe, whose
   reading end hears when the last is closed. */
static void many_fds(char const *name, size_t bytes, unsigned int n)
{
  enum { MOST = 253 }; /* SCM_MAX_FD of the kernel */
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(MOST * sizeof(int))];
  } control = {0};
  struct rk_req r = {RK_OUTSIDE_VERSION, RK_OP_READY};
  struct iovec iov = {&r, bytes};
  struct msghdr msg = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
  struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
  int p[2];

  if (n > MOST || pipe2(p, O_CLOEXEC) == -1)
    exit(111);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof(int));
  msg.msg_controllen = n ? (socklen_t)CMSG_SPACE(n * sizeof(int)) : 0;
  for (unsigned int i = 0; i < n; i++)
    memcpy(CMSG_DATA(c) + i * sizeof(int), &p[1], sizeof(int));
  if (sendmsg(rk_ctl_fd(), &msg, MSG_NOSIGNAL) == -1) {
    printf("%s: %s\n", name, errname(errno));
    return;
  }
  close(p[1]);
  printf("%s: %s\n", name,
         poll(&(struct pollfd){.fd = p[0]}, 1, 10000) == 1 ? "none left" : "leaked");
  close(p[0]);
}

int main(int argc, char **argv)
{
  for (int i = 1; i < argc; i++) {
    char const *a = argv[i];
    struct rk_req r = {RK_OUTSIDE_VERSION, RK_OP_READY};
    if (!strcmp(a, "short"))
      ask(a, &r, 4, -1);
    else if (!strcmp(a, "version"))
      r.version = 99, ask(a, &r, sizeof r, -1);
    else if (!strcmp(a, "unknown"))
      r.op = 77, ask(a, &r, sizeof r, -1);
    else if (!strcmp(a, "long")) {
      static char big[65536];
      memcpy(big, &r, sizeof r);
      ask(a, big, sizeof big, -1);
    } else if (!strcmp(a, "fd"))
      ask(a, &r, sizeof r, 1);
    else if (!strcmp(a, "idmap"))
      ask(a, &idmap, sizeof idmap, -1);
    else if (!strcmp(a, "ready"))
      ask(a, &r, sizeof r, -1);
    else if (!strcmp(a, "forged"))
      forged();
    else if (!strcmp(a, "verify"))
      verify(a);
    else if (!strncmp(a, "net=", 4))
      net(a, a + 4);
    else if (!strncmp(a, "fds=", 4))
      many_fds(a, sizeof r, (unsigned int)atoi(a + 4));
    else if (!strncmp(a, "empty=", 6))
      many_fds(a, 0, (unsigned int)atoi(a + 6));
    else if (!strcmp(a, "flood")) {
      int n = 0;
      r.op = 77;
      while (n < 100000 && send(rk_ctl_fd(), &r, sizeof r, MSG_NOSIGNAL) > 0)
        n++;
      printf("flood: %s\n", n < 100000 ? "shut" : "went on");
    } else
      return 100;
  }
  return 0;
}
