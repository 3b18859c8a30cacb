/* SPDX-License-Identifier: ISC
   To follow directories by inotify(7), and where the user's instances or watches are used up, by
   looking again and again: then a timer plays an inotify instance whose events are lost
   (IN_Q_OVERFLOW), each time. */
#ifndef RK_NOTIFY_H
#define RK_NOTIFY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct rk_notify {
  int fd;             /* becomes readable: an inotify instance or a timer, non-blocking */
  char const *sysctl; /* whose limit is reached, so that fd is a timer; NULL: it is not */
  int ms;             /* between two looks then */
};

/* Returns 0, or -1 with errno. The caller closes n->fd. */
int rk_notify_open(struct rk_notify *n, int ms);

/* inotify_add_watch(2): a watch descriptor, 0 if fd is a timer (by now), or -1 with errno. */
int rk_notify_add(struct rk_notify *n, char const *path, uint32_t mask);

/* The same for the open directory dir: its path may lead elsewhere by now. */
int rk_notify_add_fd(struct rk_notify *n, int dir, uint32_t mask);

/* Let fd be a timer from now on, for a limit of one's own. sysctl: its name. 0, or -1 with
   errno. */
int rk_notify_poll(struct rk_notify *n, char const *sysctl);

/* read(2) of events; buf is aligned for struct inotify_event. */
ssize_t rk_notify_read(struct rk_notify const *n, void *buf, size_t size);

#endif
