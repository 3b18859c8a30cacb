/* SPDX-License-Identifier: ISC
   What rk-outside says of the driver, and of the finished network. */
#include "net.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/put.h>
#include <rk/text.h>

static char const FATAL[] = ": fatal: ";

/* Its own reason becomes ours, in one fatal line; what it said before and after stays around it. */
static void __attribute__((noreturn)) die_of_its_words(struct net *n, char *fatal, int code)
{
  char text[RK_NET_LOG + 160];
  struct rk_text t = rk_text_in(text, sizeof text);
  char *begin = fatal;
  size_t len = strcspn(fatal, "\n");

  while (begin > n->say.log && begin[-1] != '\n')
    begin--;
  rk_put_lines(2, n->say.log, (size_t)(begin - n->say.log));
  rk_text_add(&t, PROG, FATAL, "unable to connect the network: driver ", n->say.plan.driver, ": ");
  rk_text_mem(&t, fatal + sizeof FATAL - 1, len - (sizeof FATAL - 1));
  rk_put_line(2, t.s, t.len);
  fatal += len;
  if (*fatal)
    fatal++;
  rk_put_lines(2, fatal, strlen(fatal));
  _exit(code);
}

static void driver_failed(struct net *n)
{
  char number[UINT_FMT];
  int status = n->say.status, code = RK_EXIT_SYS;
  char const *how = n->say.head.text;
  char *fatal = strstr(n->say.log, FATAL);

  if (status != -1 && WIFEXITED(status) &&
      (WEXITSTATUS(status) == RK_EXIT_USAGE || WEXITSTATUS(status) == RK_EXIT_HOST))
    code = WEXITSTATUS(status);
  if (fatal)
    die_of_its_words(n, fatal, code);
  rk_put_lines(2, n->say.log, strlen(n->say.log));
  if (status == -1)
    strerr_dief(code, "unable to connect the network: driver ", n->say.plan.driver, ": ", how);
  if (WIFEXITED(status)) {
    how = "exited with status ";
    number[uint_fmt(number, (unsigned int)WEXITSTATUS(status))] = 0;
  } else {
    how = "was killed by signal ";
    number[uint_fmt(number, (unsigned int)WTERMSIG(status))] = 0;
  }
  strerr_dief(code, "unable to connect the network: driver ", n->say.plan.driver, " ", how, number,
              " before it was ready");
}

void net_ask(struct net const *n)
{
  struct rk_req_net const ask = {
    .head = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_NET},
    .plan = n->ask,
  };

  struct rk_req const program = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_PROGRAM_NETNS};

  if (n->ask.wall && !n->driver->tap && rk_ctl_send(&program, sizeof program, n->inner) == -1)
    rk_ctl_die("connect the network", NULL);
  if (rk_ctl_send(&ask, sizeof ask, n->netns) == -1)
    rk_ctl_die("connect the network", NULL);
}

void finish_await(struct net *n)
{
  struct rk_req const ask = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_AWAIT};

  rk_ctl_call_or_die("connect the network", &ask, sizeof ask, -1, &n->say, sizeof n->say);
  if (n->say.head.error)
    driver_failed(n);
}

/* rk-outside has all that it must judge now; then it writes resolv.conf and hosts. */
void net_verify(struct net *n, void (*meanwhile)(struct net *))
{
  struct rk_req_net_verify const ask = {
    .head = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_NET_VERIFY}, .etc = n->etc};
  struct rk_reply say;

  if (rk_ctl_send(&ask, sizeof ask, n->inner) == -1)
    rk_ctl_die("finish the network", NULL);
  meanwhile(n);
  if (rk_ctl_recv(&say, sizeof say) == -1)
    rk_ctl_die("finish the network", &say);
  if (say.error == EEXIST)
    strerr_dief(RK_EXIT_SYS, "the host's loopback can be reached from inside: ", say.text,
                " (-l allows it)");
  if (say.error) {
    errno = say.error;
    strerr_diefsys(RK_EXIT_SYS, "unable to finish the network: ", say.text);
  }
  for (size_t i = 0; i < sizeof n->tcp / sizeof *n->tcp; i++)
    if (n->tcp[i] != -1)
      close(n->tcp[i]);
}
