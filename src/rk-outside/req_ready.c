/* SPDX-License-Identifier: ISC
   Requests "ready": everything is set, the program is started next; and "confine": it will be in
   this Landlock domain. */
#include "ctl.h"

#include <errno.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/state.h>
#include <rk/sys.h>

/* child_pid has no final newline: BuildKit and others parse the raw file. The sender is the
   program's own process: the chain's, or in a pid namespace its first. It waits for the answer, so
   the number is still its own. */
ssize_t req_ready(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  char text[UINT_FMT];
  size_t len = uint_fmt(text, (unsigned int)chain->sender);

  (void)request;
  (void)fd;
  if (chain->state == -1)
    return sizeof reply->head;
  chain->program = rk_pidfd_open(chain->sender, 0);
  if (chain->program == -1 || rk_fact_write(chain->state, "child_pid", text, len, 0444) == -1)
    reply->head.error = errno;
  return sizeof reply->head;
}

/* Whatever is executed in the chain later is to be in the same domain. Without a state directory
   nobody can ask. */
ssize_t req_confine(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  (void)request;
  if (chain->state == -1)
    close(fd);
  else
    chain->ruleset = fd;
  return sizeof reply->head;
}
