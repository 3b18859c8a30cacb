/* SPDX-License-Identifier: ISC
   Taking clients. The socket for the backend is made first, and kept when there is no client after
   all, so that running out of fds leaves clients waiting in the backlog; taking one and then
   finding no fd for its backend would reset it. Level-triggered, one client an event: simplest, and
   no slower. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <netinet/tcp.h>

#include <skalibs/strerr.h>

#include "relay.h"

enum { SAID_FOR = 60000 /* ms: an episode within a minute of the last one is the same one */ };

void accept_start(struct relay *r)
{
  r->accept.spare[0] = -1;
  r->accept.spare[1] = -1;
}

static void pause_listener(struct relay *r, struct listener *l, int error)
{
  if (!r->accept.said || r->now - r->accept.said > SAID_FOR)
    strerr_warnw("accepting is paused, clients wait: ", strerror(error));
  r->accept.said = r->now ? r->now : 1;
  listener_pause(r, l);
}

static int scarce(int e)
{
  return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

/* SO_REUSEADDR: its local port, which connect(2) chooses, then keeps no server from listening there
   that has that option, too, as nearly all have (inet_csk_bind_conflict). */
static int make(int family)
{
  int one = 1;
  int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd == -1)
    return -1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof one);
  return fd;
}

/* UDP sessions, which may be silent or forged, give way before clients of TCP have to wait. */
static int make_room(struct relay *r, int e)
{
  return (e == EMFILE || e == ENFILE) && udp_give_way(r);
}

static int backend_socket(struct relay *r, int family)
{
  int *spare = &r->accept.spare[family == AF_INET6];
  int fd = *spare;

  *spare = -1;
  if (fd != -1)
    return fd;
  for (;;) {
    fd = make(family);
    if (fd != -1 || !make_room(r, errno))
      return fd;
  }
}

/* A client of a unix socket is one of the host itself, as one of 127.0.0.1 is. */
static int accept_client(struct relay *r, int listener, union address *client)
{
  for (;;) {
    socklen_t len = sizeof *client;
    int fd = accept4(listener, &client->sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -1 && make_room(r, errno))
      continue;
    if (fd != -1 && client->sa.sa_family == AF_UNIX)
      client->v4 = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
      };
    return fd;
  }
}

static void reset(int fd)
{
  struct linger now = {
    .l_onoff = 1,
    .l_linger = 0,
  };

  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

/* One client on its way to the backend. */
struct taken {
  int fds[2]; /* the client's, the backend's or -1 */
  union address client;
  struct client *shown;
  int kept;
};

/* The client's address and port; when that pair is taken towards this backend, its address with
   another port. */
static int connect_backend(struct relay *r, struct listener *l, struct taken *t)
{
  socklen_t len;
  union address dest = listener_backend(l, &len);

  if (dest.sa.sa_family == AF_UNIX)
    return 0; /* it is */
  for (int again = 0;; again++) {
    if (srcip_bind(r, l->target, t->fds[1], &t->client, again, &t->shown, &t->kept) == -1)
      return -1;
    if (connect(t->fds[1], &dest.sa, len) == 0 || errno == EINPROGRESS)
      return 0;
    if (errno != EADDRNOTAVAIL || again)
      return -1;
    if (t->shown)
      client_drop(r, t->shown);
    t->shown = NULL;
    close(t->fds[1]);
    t->fds[1] = make(dest.sa.sa_family);
    if (t->fds[1] == -1)
      return -1;
  }
}

/* It can be led nowhere. */
static void refuse(struct relay *r, struct listener *l, struct taken const *t)
{
  struct port *p = l->target->port;

  p->stat.total++;
  p->stat.refused++;
  port_touch(p);
  if (t->shown)
    client_drop(r, t->shown);
  reset(t->fds[0]);
  if (t->fds[1] != -1)
    close(t->fds[1]);
}

/* As take(), of a backend that is a unix socket: connected before the client is taken. */
static int take_for_unix(struct relay *r, struct listener *l, struct taken *t)
{
  t->fds[1] = unix_connect(l->target);
  if (t->fds[1] == -1 && errno == EAGAIN) { /* it does not accept fast enough: clients wait */
    listener_pause(r, l);
    return -1;
  }
  if (t->fds[1] == -1 && scarce(errno)) {
    pause_listener(r, l, errno);
    return -1;
  }
  if (t->fds[1] == -1 && !listener_absent(r, l))
    return -1;
  t->fds[0] = accept_client(r, l->src.fd, &t->client);
  if (t->fds[0] != -1)
    return 0;
  if (scarce(errno))
    pause_listener(r, l, errno);
  l->target->ready = t->fds[1];
  return -1;
}

/* A client and a socket for its backend; -1: there will be none (EAFNOSUPPORT). 0, or -1: not
   now. */
static int take(struct relay *r, struct listener *l, struct taken *t)
{
  int family = l->target->dest.sa.sa_family;

  if (family == AF_UNIX)
    return take_for_unix(r, l, t);

  t->fds[1] = backend_socket(r, family);
  if (t->fds[1] == -1 && scarce(errno)) {
    pause_listener(r, l, errno);
    return -1;
  }
  t->fds[0] = accept_client(r, l->src.fd, &t->client);
  if (t->fds[0] != -1)
    return 0;
  /* EAGAIN: another relay was faster; errors of the client's own (accept(2)): it has gone */
  if (scarce(errno))
    pause_listener(r, l, errno);
  r->accept.spare[family == AF_INET6] = t->fds[1];
  return -1;
}

void accept_event(struct relay *r, struct listener *l, uint32_t events)
{
  struct taken t = {.shown = NULL};

  if (l->state != LISTENER_OPEN)
    return;
  if (events & EPOLLHUP) /* somebody shut it down */
    return listener_suspect(r, l);
  if (!listener_takes(r, l))
    return;
  struct conn *c = tcp_new(r);
  if (!c)
    return pause_listener(r, l, errno);
  if (take(r, l, &t) == -1)
    return tcp_free(r, c);
  if (t.fds[1] == -1 || connect_backend(r, l, &t) == -1) {
    refuse(r, l, &t);
    listener_suspect(r, l);
  } else if (tcp_begin(r, c, l, t.fds, t.shown) == -1) {
    refuse(r, l, &t);
  } else {
    l->target->port->stat.kept += (uint64_t)t.kept;
    return;
  }
  tcp_free(r, c);
}
