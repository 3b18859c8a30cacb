/* SPDX-License-Identifier: ISC
   The loopback test again, for a driver that was started again: its program or the user's settings
   may be others by now. The chain is its payload's by then, so a child of ours goes inside to send
   the nonces. */
#include "driver.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <rk/sys.h>

enum {
  TARGETS = 4,
  PATIENCE = 500 /* ms to connect, and as long until a datagram is taken for lost */
};

static pid_t visitor;
static int pidfd = -1;
static void (*judged)(char const *where, int cut);

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

static socklen_t target(int i, struct rk_reply_net const *say, int tcp, union address *a)
{
  memset(a, 0, sizeof *a);
  if (i < 2) {
    a->four.sin_family = AF_INET;
    a->four.sin_addr.s_addr = i ? htonl(INADDR_LOOPBACK) : netdriver.ask.gateway.s_addr;
    a->four.sin_port = htons(tcp ? say->tcp4 : say->udp4);
    return a->four.sin_addr.s_addr && a->four.sin_port ? sizeof a->four : 0;
  }
  a->six.sin6_family = AF_INET6;
  a->six.sin6_addr = i == 2 ? netdriver.ask.gateway6 : in6addr_loopback;
  a->six.sin6_port = htons(tcp ? say->tcp6 : say->udp6);
  return netdriver.ask.gateway6.s6_addr[0] && a->six.sin6_port ? sizeof a->six : 0;
}

/* In the child. Errors of sending are as good as silence; those of entering are not. Not dumpable,
   with memory of the outer user namespace and nothing of ours in its hands, it is out of namespace
   root's reach (ptrace(2)). */
static void visit(int userns, int netns, struct rk_reply_net const *say)
{
  struct pollfd tcp[TARGETS];
  union address a;
  socklen_t len;

  if (dup2(userns, 0) == -1 || dup2(netns, 1) == -1)
    _exit(1);
  rk_close_range(2, UINT_MAX, 0);
  if (setns(0, CLONE_NEWUSER) == -1)
    _exit(1);
  /* Gaining capabilities there undoes both, unless the namespace is that of our own user, or below
     one that is (cred_cap_issubset, kernel/cred.c). If it was another's, and fs.suid_dumpable is 1,
     root inside may have us by now. */
  if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1)
    _exit(1);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
      setns(1, CLONE_NEWNET) == -1)
    _exit(1);
  for (int i = 0; i < TARGETS; i++) {
    tcp[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
    len = target(i, say, 0, &a);
    if (len)
      sendto(socket(a.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0), say->nonce, RK_NONCE,
             MSG_NOSIGNAL, &a.any, len);
    len = target(i, say, 1, &a);
    if (!len)
      continue;
    tcp[i].fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(tcp[i].fd, &a.any, len);
  }
  poll(0, 0, PATIENCE);
  poll(tcp, TARGETS, 0);
  for (int i = 0; i < TARGETS; i++)
    if (tcp[i].fd != -1 && tcp[i].revents == POLLOUT)
      send(tcp[i].fd, say->nonce, RK_NONCE, MSG_NOSIGNAL);
  poll(0, 0, PATIENCE);
  _exit(0);
}

static void end(int *status)
{
  outside_unwatch(pidfd);
  close(pidfd);
  pidfd = -1;
  if (waitpid(visitor, status, 0) != visitor)
    *status = -1;
  visitor = 0;
}

static void back(int fd, short revents)
{
  int status;

  (void)revents;
  if (fd != pidfd)
    return;
  end(&status);
  judged(leaktest_judge(), status != 0);
}

void leaktest_stop(void)
{
  int status;

  if (!visitor)
    return;
  kill(visitor, SIGKILL);
  end(&status);
  leaktest_judge(); /* closes the listeners */
}

int leaktest_repeat(int userns, int netns, void (*then)(char const *where, int cut))
{
  struct rk_reply_net say = {0};

  leaktest_stop();
  leaktest_open();
  leaktest_fill(&say);
  judged = then;
  visitor = fork();
  if (!visitor)
    visit(userns, netns, &say);
  if (visitor > 0 && (pidfd = rk_pidfd_open(visitor, 0)) != -1) {
    outside_watch(pidfd, POLLIN, back);
    return 0;
  }
  int e = errno;
  if (visitor > 0) {
    kill(visitor, SIGKILL);
    waitpid(visitor, 0, 0);
  }
  visitor = 0;
  leaktest_judge();
  return errno = e, -1;
}
