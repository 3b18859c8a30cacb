/* SPDX-License-Identifier: ISC */
#include "ctl.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>

void ctl_close(struct chain *chain)
{
  if (chain->control.fd == -1)
    return;
  rk_loop_remove(&chain->loop, &chain->control);
  close(chain->control.fd);
  chain->control.fd = -1;
}

void ctl_send(struct chain *chain, void const *reply, size_t len)
{
  ssize_t r;

  if (chain->control.fd == -1)
    return;
  do
    r = send(chain->control.fd, reply, len, MSG_NOSIGNAL);
  while (r == -1 && errno == EINTR);
  if (r != -1 || errno == EPIPE || errno == ECONNRESET)
    return;
  strerr_warnwusys("send a reply, so the control socket is closed");
  ctl_close(chain);
}

void ctl_error(struct rk_reply *head, int error, char const *text)
{
  size_t n = strlen(text);

  head->error = error;
  if (n >= sizeof head->text)
    n = sizeof head->text - 1;
  memcpy(head->text, text, n);
  head->text[n] = 0;
}
