/* SPDX-License-Identifier: ISC
   Find the chain of the state directory. */
#include "chain.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include <rk/chain.h>
#include <rk/state.h>
#include "errtext.h"

enum { ENDING_MS = 1000, ANSWER_MS = 1000 };

void chain_close(struct chain *chain)
{
  if (chain->pidfd != -1)
    close(chain->pidfd);
  if (chain->netns != -1)
    close(chain->netns);
  chain->pidfd = -1;
  chain->netns = -1;
  chain->pid = 0;
}

static int ends_within(struct chain const *chain, int ms)
{
  struct pollfd over = {.fd = chain->pidfd, .events = POLLIN};

  return poll(&over, 1, ms) == 1;
}

int chain_ended(struct chain const *chain)
{
  return ends_within(chain, 0);
}

/* Its namespace could not be opened: e. */
static enum chain_found refuse(struct chain *chain, int e, struct rk_text *why)
{
  char const *what = "unable to open the chain's network namespace: ";
  char const *text = errtext(e);

  /* A chain that is ending has no namespaces: no trouble of ours. A process gives them back before
     its pidfd tells of the end, and its mounts may take some milliseconds to go. */
  if (ends_within(chain, e == ENOENT || e == ESRCH ? ENDING_MS : 0)) {
    chain_close(chain);
    return CHAIN_NONE;
  }
  chain_close(chain);
  /* A published port would lead to the host's own servers, or to another chain's. */
  if (e == EXDEV)
    text = "it is the host's own: the chain needs rk-net";
  if (e == EPERM)
    text = "it is not the chain's own";
  if (e == EXDEV || e == EPERM)
    what = "unable to use the chain's network namespace: ";
  rk_text_add(why, what, text);
  return CHAIN_ERROR;
}

int chain_bypass(struct chain const *chain, int dir)
{
  char reason[200];
  struct rk_text said = rk_text_in(reason, sizeof reason);
  struct rk_chain found;

  if (rk_chain_bypass(dir, ANSWER_MS, &found, &said) == -1)
    return -1;
  close(found.userns);
  close(found.pidfd);
  if (found.pid == chain->pid)
    return found.bypass;
  if (found.bypass != -1)
    close(found.bypass);
  return -1;
}

/* child_pid is a sign only: root inside can write it. */
enum chain_found chain_open(struct chain *chain, int dir, char const *path, struct rk_text *why)
{
  char reason[200];
  struct rk_text said = rk_text_in(reason, sizeof reason);
  struct rk_chain found;
  int e;

  if (faccessat(dir, "child_pid", F_OK, AT_SYMLINK_NOFOLLOW) == -1) {
    if (errno == ENOENT)
      return CHAIN_NONE;
    rk_text_add(why, "unable to look for child_pid: ", errtext(errno));
    return CHAIN_ERROR;
  }
  if (rk_chain_bypass(dir, ANSWER_MS, &found, &said) == -1) {
    e = errno;
    /* none yet, none any more, or what a killed one left */
    if (e == EAGAIN || e == ESRCH)
      return CHAIN_NONE;
    if (!errno_passes(e) && rk_state_alive(dir, NULL) == 0)
      return CHAIN_NONE;
    rk_text_add(why, "unable to find the chain's process: ", said.s);
    return CHAIN_ERROR;
  }
  chain->pid = found.pid;
  chain->slow = 0;
  chain->pidfd = found.pidfd;
  chain->netns = chain_netns(dir, path, &chain->openerfd, &found);
  e = errno;
  close(found.userns);
  chain->bypass = found.bypass;
  if (chain->netns != -1)
    return CHAIN_FOUND;
  if (found.bypass != -1)
    close(found.bypass);
  return refuse(chain, e, why);
}
