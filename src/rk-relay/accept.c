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

#include "relay.h"

enum { SAID_FOR = 60000 /* ms: an episode within a minute of the last one is the same one */ };

static int spare[2] = {-1, -1}; /* v4, v6 */
static struct listener *first, **last = &first;
static uint64_t said;

static void pause_listener(struct listener *l)
{
  if (!(l->src.bits & LISTENER_PAUSED)) {
    if (!said || relay_now_ms - said > SAID_FOR)
      relay_say("accepting is paused, clients wait: ", strerror(errno));
    said = relay_now_ms ? relay_now_ms : 1;
    relay_rewatch(&l->src, 0);
    l->src.bits |= LISTENER_PAUSED;
    l->target->port->paused++;
    port_touch(l->target->port);
    l->queue = 0;
    *last = l;
    last = &l->queue;
  }
  timer_arm(TIMER_RESUME);
}

void accept_forget(struct listener *l)
{
  if (!(l->src.bits & LISTENER_PAUSED))
    return;
  for (struct listener **at = &first; *at; at = &(*at)->queue)
    if (*at == l) {
      *at = l->queue;
      if (!l->queue)
        last = at;
      break;
    }
  l->src.bits &= (uint16_t)~LISTENER_PAUSED;
  l->target->port->paused--;
  port_touch(l->target->port);
}

void accept_resume_one(void)
{
  struct listener *l = first;

  if (!l)
    return;
  accept_forget(l);
  relay_rewatch(&l->src, EPOLLIN);
}

int accept_resume(void)
{
  while (first)
    accept_resume_one();
  return 0; /* who finds no fd arms it again */
}

static int scarce(int e)
{
  return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

static int make(int family)
{
  int one = 1, i = family == AF_INET6, fd = spare[i];

  if (fd != -1)
    return spare[i] = -1, fd;
  fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd != -1)
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

/* UDP sessions, which may be silent or forged, give way before clients of TCP have to wait. */
static int make_room(int e)
{
  return (e == EMFILE || e == ENFILE) && udp_give_way();
}

static int make_anyhow(int family)
{
  int fd = make(family);

  while (fd == -1 && make_room(errno))
    fd = make(family);
  return fd;
}

static int accept_anyhow(int listener, union address *client)
{
  for (;;) {
    socklen_t len = sizeof *client;
    int fd = accept4(listener, &client->sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd != -1 || !make_room(errno))
      return fd;
  }
}

static void drop(int fd, int linger)
{
  struct linger now = {.l_onoff = 1, .l_linger = 0};

  if (linger)
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd);
}

/* The client's address and port; when that pair is taken towards this backend, its address with
   another port. */
static int connect_backend(struct listener *l, int *backend, union address *client,
                           struct client **ref, int *kept)
{
  union address dest = l->target->dest;
  int family = dest.sa.sa_family;
  socklen_t len = family == AF_INET ? sizeof dest.v4 : sizeof dest.v6;

  if (family == AF_INET)
    dest.v4.sin_port = htons(l->port);
  else
    dest.v6.sin6_port = htons(l->port);
  for (int again = 0; again < 2; again++) {
    if (srcip_bind(l->target, *backend, client, again, ref, kept) == -1)
      return -1;
    if (connect(*backend, &dest.sa, len) == 0 || errno == EINPROGRESS)
      return 0;
    if (errno != EADDRNOTAVAIL || again)
      return -1;
    if (*ref)
      client_drop(*ref);
    *ref = 0;
    drop(*backend, 0);
    *backend = make(family);
    if (*backend == -1)
      return -1;
  }
  return -1;
}

void accept_event(struct listener *l, uint32_t events)
{
  struct port *p = l->target->port;
  union address client;
  struct client *shown = 0;
  int family = l->target->dest.sa.sa_family, kept = 0;

  if (l->src.bits & (LISTENER_PAUSED | LISTENER_REFUSING))
    return;
  if (events & EPOLLHUP)
    return refuse_check(l); /* somebody shut it down */
  struct conn *c = tcp_new();
  int backend = c ? make_anyhow(family) : -1;
  if (backend == -1) {
    int e = errno;
    if (c)
      tcp_free(c);
    errno = e;
    return pause_listener(l);
  }
  int fd = accept_anyhow(l->src.fd, &client);
  if (fd == -1) {
    int e = errno;
    spare[family == AF_INET6] = backend;
    tcp_free(c);
    errno = e;
    if (scarce(e))
      pause_listener(l);
    /* EAGAIN: another relay was faster; errors of the client's own (accept(2)): it has gone */
    return;
  }
  int failed = connect_backend(l, &backend, &client, &shown, &kept);
  if (failed || tcp_begin(c, l, fd, backend, shown) == -1) {
    p->stat.total++;
    p->stat.refused++;
    port_touch(p);
    if (shown)
      client_drop(shown);
    drop(fd, 1);
    if (backend != -1)
      drop(backend, 0);
    tcp_free(c);
    if (failed)
      refuse_check(l);
    return;
  }
  p->stat.kept += (uint64_t)kept;
}
