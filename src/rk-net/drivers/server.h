/* SPDX-License-Identifier: ISC
   A driver whose network stack is another program: that runs outside, in no namespace of the
   chain, as the driver's child, and the driver moves frames between it and the tap. */
#ifndef SERVER_H
#define SERVER_H

#include <sys/types.h>

#include "driver.h"
#include "frames.h"

struct server {
  char const *const *argv; /* argv[0]: its name, looked up as driver_program() says */
  char const *fix;         /* how to get it */
  int old;                 /* exit status that says: an option is unknown; 0: none */
  pid_t pid;               /* from here on: set by server_start */
  int pidfd;
};

/* Start it, with the socket io as stdin and stdout (-1: those of the driver), keep as fd 3, named
   below, and no other but stderr; killed with the driver. Dies if it is not there: 102, with that
   fix. */
enum { SERVER_KEEP = 3 };
#define SERVER_KEPT "/proc/self/fd/3"
void server_start(struct server *s, int io, int keep);

/* It is gone, or has closed its end: die and say how (111; 102: it is too old). */
void server_ended(struct server const *s) __attribute__((noreturn));

/* Wait until the stack answers, report, and move frames between p->tap and p->server; the rest of
   *p is set here. Exits 0 when it is time to leave; dies (111, 102) when the server is gone, or if
   it cannot. */
void server_serve(struct server const *s, struct pump *p, int gateway_is_host)
  __attribute__((noreturn));

#endif
