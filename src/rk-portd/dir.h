/* SPDX-License-Identifier: ISC
   The state directory as rk-portd sees it: opened, locked, and followed by inotify(7), whose events
   become those below. It decides nothing. */
#ifndef RK_PORTD_DIR_H
#define RK_PORTD_DIR_H

#include <limits.h>

#include <rk/loop.h>
#include <rk/notify.h>

enum dir_event {
  DIR_PORT,        /* ports/NAME was written, or may have been */
  DIR_PORT_GONE,   /* ports/NAME is gone */
  DIR_PORTS,       /* ports may be another directory, or none: not followed any more */
  DIR_DEFAULT,     /* ports/.default was written, or is gone */
  DIR_REFRESH,     /* somebody asks for the counters: ports/.refresh */
  DIR_STATUS_GONE, /* ports.status is gone, and perhaps the whole directory with it */
  DIR_CHAIN,       /* child_pid has changed */
  DIR_SOCKET,      /* a driver's API socket was made */
  DIR_OVERFLOW,    /* events were lost: anything may have changed */
  DIR_MOVED        /* the directory was moved away */
};

struct dir {
  char path[PATH_MAX]; /* absolute */
  int fd;
  int ports;  /* DIR/ports, followed; -1: not now */
  int status; /* DIR/ports.status, locked for life */
  struct rk_notify notify;
  int polled; /* boolean: it was said that inotify does not serve */
  int dirwatch;
  int portswatch;
  struct rk_watch watch;
  void (*event)(void *ctx, enum dir_event event, char const *name); /* name: NULL or NAME */
  void *ctx;
};

/* Make what is missing, lock ports.status, and call event(ctx) from the loop from now on. Dies if
   it cannot. ports is not followed yet. */
void dir_open(struct dir *dir, char const *path, struct rk_loop *loop,
              void (*event)(void *ctx, enum dir_event event, char const *name), void *ctx);

/* Follow ports, unless it is followed: the watch first, so nothing that happens between this and
   dir_each is missed. 0; also if there is no ports, then dir->ports stays -1. -1 with errno:
   ENOTDIR, EPERM: what has that name is not the user's directory; else a system call failed. */
int dir_follow(struct dir *dir);

/* Call each for every name in ports that does not begin with a dot. 0, or -1 with errno: they were
   not all, or perhaps none. */
int dir_each(struct dir const *dir, void (*each)(void *ctx, char const *name), void *ctx);

/* After DIR_STATUS_GONE: make and lock ports.status again. 0, or -1: the directory itself is gone.
   Dies if it cannot, or another rk-portd has taken it. */
int dir_status_again(struct dir *dir);

#endif
