/* SPDX-License-Identifier: ISC
   A destination that is a unix socket inside.

   Its path is not walked here: root inside might lead it through a file system that never answers
   (FUSE), or to where nobody should come. rk-portd has it opened (O_PATH) by a child and judged,
   and gives the file. The relay's root is the directory of its own fds, so that the path to connect
   to is the number of the file, which fits the 16 bytes that the filter allows. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <rk/fail.h>
#include <rk/text.h>

#include "relay.h"

/* As long as an address of IPv4 (seccomp.c). */
enum { ADDRESS_LEN = sizeof(struct sockaddr_in) };

int unix_connect(struct target *t)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct rk_text path = rk_text_in(sa.sun_path, ADDRESS_LEN - sizeof sa.sun_family);
  int fd = t->ready;
  int e;

  t->ready = -1;
  if (fd != -1)
    return fd;
  if (t->file == -1)
    return rk_fail(ENOENT);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd == -1)
    return -1;
  rk_text_num(&path, t->file);
  if (connect(fd, (struct sockaddr *)&sa, ADDRESS_LEN) == 0)
    return fd;
  e = errno;
  close(fd);
  return rk_fail(e);
}

void unix_aim(struct target *t, int file)
{
  unix_close(t);
  t->file = file;
}

void unix_close(struct target *t)
{
  if (t->file != -1)
    close(t->file);
  if (t->ready != -1)
    close(t->ready);
  t->file = -1;
  t->ready = -1;
}

void unix_ask(struct relay const *r)
{
  uint64_t one = 1;

  if (r->alarm == -1)
    return;
  /* if its counter is full, rk-portd knows */
  if (write(r->alarm, &one, sizeof one) == -1)
    return;
}
