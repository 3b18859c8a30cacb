/* SPDX-License-Identifier: ISC
   The chain of the state directory: find it, hold its pidfd and its network namespace, see it end,
   find the next. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include <rk/chain.h>
#include <rk/state.h>
#include <rk/text.h>
#include "portd.h"

enum { BACKOFF_MIN = 100, BACKOFF_MAX = 5000, ENDING_MS = 1000, ANSWER_MS = 1000 };
static int backoff = BACKOFF_MIN;

static void tick(void);

static void leave(void)
{
  if (portd.chainfd >= 0) {
    portd_unwatch(portd.chainfd);
    close(portd.chainfd);
  }
  if (portd.netns >= 0)
    close(portd.netns);
  portd.chainfd = portd.netns = -1;
  portd.chain = 0;
}

static void ended(void)
{
  portd_after(-1, tick);
  portd.driver->down();
  leave();
  portd.trouble[0] = 0;
  portd_status_all();
  backoff = BACKOFF_MIN;
  portd_chain_check(); /* the next one may be there already */
}

static void tick(void)
{
  if (portd.chain)
    portd_after(portd.driver->tick(), tick);
}

void portd_chain_failed(char const *text)
{
  struct rk_text t;

  if (strcmp(text, portd.trouble)) {
    strerr_warnw("unable to serve the chain: ", text);
    t = rk_text_in(portd.trouble, sizeof portd.trouble);
    rk_text_str(&t, text);
    portd_status_all();
  }
  portd_after(backoff, portd_chain_check);
  if (backoff < BACKOFF_MAX)
    backoff *= 2;
}

void portd_chain_reforward(void)
{
  char err[sizeof portd.trouble];

  if (!portd.chain)
    return;
  portd.driver->down();
  if (portd.driver->up(err, sizeof err) < 0)
    portd_chain_failed(err);
  else
    portd.trouble[0] = 0;
  portd_status_all();
}

static void refuse(char const *what)
{
  struct pollfd over = {.fd = portd.chainfd, .events = POLLIN};
  int e = errno;

  /* A chain that is ending has no namespaces: no trouble of ours. A process gives them back before
     its pidfd tells of the end, and its mounts may take some milliseconds to go. */
  if (poll(&over, 1, e == ENOENT || e == ESRCH ? ENDING_MS : 0) == 1) {
    leave();
    portd.trouble[0] = 0;
    return;
  }
  errno = e;
  char text[sizeof portd.trouble];
  struct rk_text t = rk_text_in(text, sizeof text);
  char const *why = portd_errtext(errno);

  /* A published port would lead to the host's own servers, or to another chain's. */
  if (errno == EXDEV)
    why = "it is the host's own: the chain needs rk-net";
  if (errno == EPERM)
    why = "it is not the chain's own";
  rk_text_str(&t, what);
  rk_text_str(&t, ": ");
  rk_text_str(&t, why);
  leave();
  portd_chain_failed(text);
}

/* Which process is the chain's, if there is a chain? child_pid is a sign only: root inside can
   write it. */
static int find(void)
{
  char reason[200], text[sizeof portd.trouble];
  struct rk_text why = rk_text_in(reason, sizeof reason), t = rk_text_in(text, sizeof text);
  struct rk_chain chain;

  if (faccessat(portd.dir, "child_pid", F_OK, AT_SYMLINK_NOFOLLOW) == -1)
    return -1;
  if (rk_chain_find(portd.dir, ANSWER_MS, &chain, &why) == -1) {
    /* none yet, none any more, or what a killed one left */
    if (errno == EAGAIN || errno == ESRCH || rk_state_alive(portd.dir, NULL) == 0) {
      portd.trouble[0] = 0;
      return -1;
    }
    rk_text_str(&t, "unable to find the chain's process: ");
    rk_text_str(&t, why.s);
    portd_chain_failed(text);
    return -1;
  }
  portd.chain = chain.pid;
  portd.chainfd = chain.pidfd;
  portd.netns = portd_netns_open(&chain);
  fd_close(chain.userns);
  if (portd.netns != -1)
    return 0;
  if (errno == EXDEV || errno == EPERM)
    refuse("unable to use the chain's network namespace");
  else
    refuse("unable to open the chain's network namespace");
  return -1;
}

void portd_chain_check(void)
{
  char err[sizeof portd.trouble];

  if (portd.chain) {
    if (portd.trouble[0] && portd.driver->up(err, sizeof err) < 0)
      portd_chain_failed(err);
    else if (portd.trouble[0]) {
      portd.trouble[0] = 0;
      backoff = BACKOFF_MIN;
      portd_status_all();
    }
    return;
  }
  if (find() == -1)
    return;
  portd_watch(portd.chainfd, ended);
  portd_status_all();
  if (portd.driver->up(err, sizeof err) < 0) {
    portd_chain_failed(err);
    return;
  }
  portd.trouble[0] = 0;
  backoff = BACKOFF_MIN;
  tick();
}
