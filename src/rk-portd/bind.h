/* SPDX-License-Identifier: ISC
   The host's side of a port: its sockets. */
#ifndef RK_PORTD_BIND_H
#define RK_PORTD_BIND_H

#include <stdint.h>
#include <sys/socket.h>

#include <rk/text.h>
#include "bind_unix.h"
#include "listenfds.h"
#include "published.h"

struct bind {
  struct listenfds given;
  struct unix_dirs dirs;
  int64_t patient; /* until then (rk_clock_ms) a port in use is tried again: its holder is ending */
};

/* Make and bind the port's sockets, TCP ones listening, or take the one that its file names. 0 with
   p->fds, or -1 with the reason in RootlessKit's
   words; errno ENODEV: its interface is not there. */
int bind_port(struct bind const *bind, struct published *p, struct rk_text *why);

/* Close them, unless they were given. */
void bind_undo(struct published *p);

/* What its first socket is bound to: 0; -1: it has none. */
int bind_address(struct published const *p, struct sockaddr_storage *sa);

/* The same of any socket. */
int bind_name(int fd, struct sockaddr_storage *sa);

/* Make a socket that is bound already that of a port which has none. 0, or -1 with errno; the fd is
   the port's. */
int bind_adopt(struct published *p, int fd);

/* Let its sockets listen again: a relay that died may have left them shut. */
void bind_listen_again(struct published *p);

/* Bind its one socket, which nobody else has, anew as a socket of that family: AF_INET6 takes an
   IPv4 address as a mapped one. 0, or an errno: then it is as it was, if it can be. */
int bind_again(struct published *p, int family);

/* Where inside its first port leads. */
void bind_target(struct published const *p, struct sockaddr_storage *sa);

#endif
