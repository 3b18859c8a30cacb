/* SPDX-License-Identifier: ISC */
#include "bypassd.h"

#include <unistd.h>
#include <sys/epoll.h>
#include <sys/syscall.h>

int event_add(struct bypassd *b, enum event_kind kind, unsigned int index, int fd, uint32_t events)
{
  struct epoll_event e = {.events = events, .data.u64 = (uint64_t)kind << 32 | index};

  return epoll_ctl(b->epoll, EPOLL_CTL_ADD, fd, &e);
}

void event_remove(struct bypassd *b, int fd)
{
  epoll_ctl(b->epoll, EPOLL_CTL_DEL, fd, NULL);
}

int notify(int listener, unsigned long request, void *argument)
{
  return (int)syscall(SYS_ioctl, listener, request, argument);
}
