/* SPDX-License-Identifier: ISC
   The loopback test again, for a driver that was started again: its program or the user's settings
   may be others by now. The chain is its payload's by then, so a child of ours sends the nonces:
   from the hop, whose routes and filters root inside cannot change; without a wall from inside. */
#include "leaktest.h"

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

#include <rk/fail.h>
#include <rk/sys.h>

#include "leaktest_hop.h"

enum {
  TARGETS = RK_NET_TARGETS,
  LOOPBACK = 1,
  DNS = 2,
  SIX = 3,
  PATIENCE = 500 /* ms to connect, and as long until a datagram is taken for lost */
};

union address {
  struct sockaddr any;
  struct sockaddr_in four;
  struct sockaddr_in6 six;
};

/* As src/rk-net/leaktest_send.c. The loopback addresses are the hop's own there, and what the
   program sends to them the hop drops, whatever the driver does. */
static socklen_t target(int i, struct rk_reply_net const *say, int tcp, union address *a)
{
  struct rk_net_plan const *plan = &say->plan;
  struct in_addr const four[] = {plan->gateway, {.s_addr = htonl(INADDR_LOOPBACK)}, plan->dns};
  struct in6_addr const six[] = {plan->gateway6, in6addr_loopback, plan->dns6};

  memset(a, 0, sizeof *a);
  if (i % SIX == LOOPBACK && plan->wall)
    return 0;
  if (i < SIX) {
    a->four.sin_family = AF_INET;
    a->four.sin_addr = four[i];
    a->four.sin_port = htons(tcp ? say->tcp4 : say->udp4);
    if (i == DNS && !rk_net_in_plan(plan, plan->dns))
      return 0;
    return a->four.sin_addr.s_addr && a->four.sin_port ? sizeof a->four : 0;
  }
  a->six.sin6_family = AF_INET6;
  a->six.sin6_addr = six[i - SIX];
  a->six.sin6_port = htons(tcp ? say->tcp6 : say->udp6);
  return plan->gateway6.s6_addr[0] && a->six.sin6_port ? sizeof a->six : 0;
}

/* Not dumpable, with memory of the outer user namespace and nothing of ours in its hands, the child
   is out of namespace root's reach (ptrace(2)). */
static void enter(int userns, int netns)
{
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
}

static int open_socket(int rtnl, struct rk_net_plan const *plan, int family, int type)
{
  if (plan->wall)
    return leaktest_hop_socket(rtnl, plan, family, type);
  return socket(family, type | SOCK_NONBLOCK, 0);
}

/* In the child. Errors of sending are as good as silence; those of entering are not. */
static void visit(int userns, int netns, struct rk_reply_net const *say)
{
  struct pollfd tcp[TARGETS];
  union address a;
  socklen_t len;
  int rtnl = -1;

  enter(userns, netns);
  if (say->plan.wall) {
    rtnl = leaktest_hop_begin(&say->plan);
    if (rtnl == -1)
      _exit(1);
  }
  for (int i = 0; i < TARGETS; i++) {
    tcp[i] = (struct pollfd){.fd = -1, .events = POLLOUT};
    len = target(i, say, 0, &a);
    if (len)
      sendto(open_socket(rtnl, &say->plan, a.any.sa_family, SOCK_DGRAM), say->nonce, RK_NONCE,
             MSG_NOSIGNAL, &a.any, len);
    len = target(i, say, 1, &a);
    if (!len)
      continue;
    tcp[i].fd = open_socket(rtnl, &say->plan, a.any.sa_family, SOCK_STREAM);
    if (tcp[i].fd == -1)
      _exit(1);
    connect(tcp[i].fd, &a.any, len);
  }
  poll(0, 0, PATIENCE);
  poll(tcp, TARGETS, 0);
  for (int i = 0; i < TARGETS; i++)
    if (tcp[i].fd != -1 && tcp[i].revents == POLLOUT)
      send(tcp[i].fd, say->nonce, RK_NONCE, MSG_NOSIGNAL);
  poll(0, 0, PATIENCE);
  if (rtnl != -1)
    leaktest_hop_end(rtnl);
  _exit(0);
}

/* Returns the child's status, -1: unknown. */
static int end_visit(struct leaktest *test)
{
  int status;

  rk_loop_remove(test->loop, &test->visit);
  close(test->visit.fd);
  if (waitpid(test->visitor, &status, 0) != test->visitor)
    status = -1;
  test->visitor = 0;
  return status;
}

static void visit_ended(void *ctx, short revents)
{
  struct leaktest *test = ctx;
  int status = end_visit(test);

  (void)revents;
  test->judged(test->ctx, leaktest_judge(test), status != 0);
}

void leaktest_stop(struct leaktest *test)
{
  if (!test->visitor)
    return;
  kill(test->visitor, SIGKILL);
  end_visit(test);
  leaktest_judge(test); /* closes the listeners */
}

/* Watch the child. 0, or -1 with errno and it is no more. */
static int watch_visit(struct leaktest *test)
{
  int e;

  test->visit = (struct rk_watch){
    .fd = rk_pidfd_open(test->visitor, 0),
    .events = POLLIN,
    .ready = visit_ended,
    .ctx = test,
  };
  if (test->visit.fd != -1 && rk_loop_add(test->loop, &test->visit) == 0)
    return 0;
  e = errno;
  kill(test->visitor, SIGKILL);
  if (test->visit.fd != -1)
    close(test->visit.fd);
  waitpid(test->visitor, NULL, 0);
  return rk_fail(e);
}

int leaktest_repeat(struct leaktest *test, struct rk_net_plan const *plan, int userns, int netns)
{
  struct rk_reply_net say = {.plan = *plan};
  int e;

  leaktest_stop(test);
  leaktest_open(test);
  leaktest_fill(test, &say);
  test->visitor = fork();
  if (test->visitor == 0)
    visit(userns, netns, &say);
  if (test->visitor != -1 && watch_visit(test) == 0)
    return 0;
  e = errno;
  test->visitor = 0;
  leaktest_judge(test);
  return rk_fail(e);
}
