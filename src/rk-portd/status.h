/* SPDX-License-Identifier: ISC
   DIR/ports.status: the text about a port, and its file. */
#ifndef RK_PORTD_STATUS_H
#define RK_PORTD_STATUS_H

#include <sys/socket.h>

#include <rk/text.h>
#include "published.h"

/* What else than the port itself the text is about. */
struct status_view {
  char const *driver;
  char const *waiting; /* why a port may wait though there is a chain; NULL: it does not */
  char const *trouble; /* why the chain that is there cannot be served; "": it is */
  int chain;           /* there is one */
  int ours;            /* the sockets are rk-portd's own, and the counters rk-relay's */
  int bypass;          /* the chain is under rk-bypass */
  int srcip4, srcip6;  /* errno: why clients' addresses cannot be kept; 0: they are */
  struct sockaddr_storage listen; /* the host's side, AF_UNSPEC: none; */
  struct sockaddr_storage target; /* where it leads; if ours */
};

/* The whole text (ports(5)). Pure. */
void status_text(struct published const *p, struct status_view const *view, struct rk_text *t);

/* Replace the file of that name in the directory status. 0, or -1 with errno. */
int status_write(int status, char const *name, struct rk_text const *t);

/* Remove the files that known (ctx, name) does not know. How many there were, or -1 with errno:
   some are left, or the directory could not be read. */
int status_sweep(int status, int (*known)(void *ctx, char const *name), void *ctx);

#endif
