/* SPDX-License-Identifier: ISC
   A pair of TCP sockets and the bytes between them.

   Each side is in the epoll once, edge-triggered, for everything; what it may do is remembered in
   its bits. Small messages go through one process-wide buffer by recv and send. A recv that fills
   the buffer makes that direction "bulk": it goes by splice through a pipe of the pool until an
   event brings less than that buffer. No connection owns a buffer: what a send did not take goes
   into a pipe, and where there is no pipe it is only peeked at and stays in the socket it came
   from.

   Errors (an RST) travel: what came before is delivered first, then both sockets are closed with
   SO_LINGER 0. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <netinet/tcp.h>

#include "relay.h"

enum { BUFFER = 1 << 15, BUDGET = 1 << 20 };

enum {
  READABLE = 1, /* since the last EAGAIN or short recv */
  WRITABLE = 2,
  CLOSING = 4,  /* EPOLLRDHUP was seen: a short recv is the last */
  EOF_SEEN = 8, /* nothing comes from this side any more */
  DONE = 16,    /* ... and all of it was passed on */
  BROKEN = 32,  /* writing to this side failed: when what it sent is passed on, reset both */
  BULK = 64,
  FRESH = 128, /* an event came since the last read */
  MUTE = 256,  /* EPOLLOUT is not watched */
  FAILED = 512 /* a short recv proves nothing: after EPOLLERR no event comes, and urgent data stops
                  a recv at its mark */
};

struct side {
  struct source src;
  int16_t pipe; /* bytes that came from this side, if held */
  uint16_t unused;
  uint32_t held;
};
enum { CONNECTING = 1, READY = 2, DEAD = 4 };
struct conn {
  struct side side[2];
  struct listener *from;
  struct conn *next, **prev; /* of the port */
  struct conn *queue;        /* ready or dead ones */
  struct client *client;
  uint32_t state;
};

static struct slab conns = {.size = sizeof(struct conn)};
static char buffer[BUFFER];
static struct conn *ready, *dead;

enum verdict { WAIT, MORE, RESET };
enum { EVENTS = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET };

struct conn *tcp_new(void)
{
  return slab_get(&conns);
}
void tcp_free(struct conn *c)
{
  slab_put(&conns, c);
}

static void end(struct conn *c)
{
  for (int i = 0; i < 2; i++) {
    struct side *s = &c->side[i];
    if (s->held)
      pool_break(s->pipe);
    close(s->src.fd); /* nobody else holds it, so epoll forgets it */
  }
  *c->prev = c->next;
  if (c->next)
    c->next->prev = c->prev;
  if (c->client)
    client_drop(c->client);
  struct port *p = c->from->target->port;
  p->stat.now--;
  port_touch(p);
  relay_conns--;
  if (!(c->state & READY)) {
    c->queue = dead;
    dead = c;
  }
  c->state |= DEAD;
  accept_resume_one();
  if (relay_draining)
    relay_leave_when_idle();
}

static void reset(struct conn *c)
{
  struct linger now = {.l_onoff = 1, .l_linger = 0};

  for (int i = 0; i < 2; i++)
    setsockopt(c->side[i].src.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  end(c);
}

static void count(struct conn *c, struct side const *in, size_t n, size_t *budget)
{
  struct port *p = c->from->target->port;

  if (in->src.which)
    p->stat.out += n;
  else
    p->stat.in += n;
  port_touch(p);
  *budget -= n < *budget ? n : *budget;
}

/* In bulk, a socket watched for EPOLLOUT all the time wakes us for nothing: tcp_poll() asks for a
   call whenever it finds two thirds of the send queue used, and each edge of EPOLLIN tells of
   EPOLLOUT, too. So it is watched only while a write is blocked. */
static void mute(struct side *s)
{
  if ((s->src.bits & (MUTE | WRITABLE)) != WRITABLE)
    return;
  relay_rewatch(&s->src, EVENTS);
  s->src.bits |= MUTE;
}

static enum verdict blocked(struct side *s)
{
  /* tells us even if there is room again by now */
  if (s->src.bits & MUTE)
    relay_rewatch(&s->src, EVENTS | EPOLLOUT);
  s->src.bits &= (uint16_t) ~(WRITABLE | MUTE);
  return WAIT;
}

/* Writing to `out` failed: it was reset. What it has sent may still be there. */
static enum verdict broken(struct side *in, struct side *out)
{
  if (errno != EPIPE && errno != ECONNRESET)
    return RESET;
  if (in->held) {
    pool_break(in->pipe);
    in->held = 0;
  }
  in->src.bits |= DONE;
  out->src.bits |= BROKEN | READABLE;
  return out->src.bits & DONE ? RESET : WAIT;
}

/* Pass on what the pipe holds. MORE: it is empty. */
static enum verdict empty(struct conn *c, struct side *in, struct side *out, size_t *budget)
{
  while (in->held) {
    ssize_t n = splice(pool_reader(in->pipe), 0, out->src.fd, 0, in->held,
                       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1 && errno == EAGAIN)
      return blocked(out);
    if (n <= 0)
      return broken(in, out);
    in->held -= (uint32_t)n;
    count(c, in, (size_t)n, budget);
  }
  pool_put(in->pipe);
  return MORE;
}

static enum verdict bulk(struct side *in, struct side *out)
{
  int pipe = pool_get();
  ssize_t n;

  mute(in);
  mute(out);
  do
    n = splice(in->src.fd, 0, pool_writer(pipe), 0, pool_size(pipe),
               SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (n == -1 && errno == EINTR);
  if (n > 0) {
    in->pipe = (int16_t)pipe;
    in->held = (uint32_t)n;
    if (in->src.bits & FRESH && n < BUFFER)
      in->src.bits &= (uint16_t)~BULK;
    in->src.bits &= (uint16_t)~FRESH;
    return MORE;
  }
  int e = errno;
  pool_put(pipe);
  if (n == -1 && e != EAGAIN)
    return RESET;
  if (n == -1 && !(in->src.bits & FAILED))
    return in->src.bits &= (uint16_t)~READABLE, WAIT;
  /* the end, or urgent data, at which splice finds nothing for ever: recv will tell */
  in->src.bits &= (uint16_t)~BULK;
  return MORE;
}

/* Through the buffer. Without a pipe for the rest, a peek first, and only what was sent is taken
   out of the queue. */
static enum verdict copy(struct conn *c, struct side *in, struct side *out, size_t *budget)
{
  int peek = pool_ready() ? 0 : MSG_PEEK;
  ssize_t n, m;

  do
    n = recv(in->src.fd, buffer, sizeof buffer, peek);
  while (n == -1 && errno == EINTR);
  if (n == -1 && errno == EAGAIN)
    return in->src.bits &= (uint16_t)~READABLE, WAIT;
  if (n == -1)
    return RESET;
  if (n == 0)
    return in->src.bits |= EOF_SEEN, MORE;
  if ((size_t)n == sizeof buffer)
    in->src.bits |= BULK;
  else if (!peek && !(in->src.bits & FAILED)) {
    in->src.bits &= (uint16_t)~READABLE;
    if (in->src.bits & CLOSING)
      in->src.bits |= EOF_SEEN;
  }
  /* When the end is known to follow, data and FIN may share a segment. */
  do
    m = send(out->src.fd, buffer, (size_t)n,
             MSG_NOSIGNAL | (in->src.bits & EOF_SEEN ? MSG_MORE : 0));
  while (m == -1 && errno == EINTR);
  if (m == -1 && errno != EAGAIN)
    return broken(in, out);
  if (m == -1)
    m = 0;
  if (m < n)
    blocked(out);
  if (m && peek)
    while (recv(in->src.fd, 0, (size_t)m, MSG_TRUNC) == -1 && errno == EINTR)
      ;
  count(c, in, (size_t)m, budget);
  if (m < n && !peek) {
    in->pipe = (int16_t)pool_get();
    in->held = (uint32_t)(n - m);
    if (write(pool_writer(in->pipe), buffer + m, in->held) != (ssize_t)in->held)
      return RESET;
  }
  return m < n ? WAIT : MORE;
}

/* Move bytes from a side to the other. MORE: the budget is used up. */
static enum verdict pump(struct conn *c, struct side *in)
{
  struct side *out = &c->side[!in->src.which];
  size_t budget = BUDGET;

  for (;;) {
    if (in->src.bits & DONE)
      return WAIT;
    if (!(out->src.bits & WRITABLE) && !(in->src.bits & EOF_SEEN && !in->held))
      return WAIT;
    enum verdict v = MORE;
    if (in->held)
      v = empty(c, in, out, &budget);
    else if (in->src.bits & EOF_SEEN) {
      in->src.bits |= DONE;
      if (in->src.bits & BROKEN)
        return RESET;
      if (!(out->src.bits & DONE))
        shutdown(out->src.fd, SHUT_WR);
      return WAIT;
    } else if (!(in->src.bits & READABLE))
      return WAIT;
    else if (!budget)
      return MORE;
    else if (in->src.bits & BULK && pool_ready())
      v = bulk(in, out);
    else
      v = copy(c, in, out, &budget);
    if (v != MORE)
      return v;
  }
}

/* What an event or a turn has made possible, both ways. */
static void run_conn(struct conn *c)
{
  int again = 0;

  for (int i = 0; i < 2; i++) {
    struct side *s = &c->side[i];
    if (s->src.bits & DONE || !(s->src.bits & (READABLE | EOF_SEEN) || s->held))
      continue;
    enum verdict v = pump(c, s);
    if (v == RESET)
      return reset(c);
    if (v == MORE)
      again = 1;
  }
  /* The second direction may have found the client broken: what it had sent goes first. */
  if ((c->side[0].src.bits & (BROKEN | READABLE | DONE)) == (BROKEN | READABLE) &&
      c->side[1].src.bits & WRITABLE)
    again = 1;
  if (c->side[0].src.bits & c->side[1].src.bits & DONE) {
    if ((c->side[0].src.bits | c->side[1].src.bits) & BROKEN)
      return reset(c);
    return end(c);
  }
  if (again && !(c->state & READY)) {
    c->state |= READY;
    c->queue = ready;
    ready = c;
  }
}

static void refused(struct conn *c)
{
  struct listener *l = c->from;

  l->target->port->stat.refused++;
  reset(c);
  refuse_check(l);
}

/* The client has gone. If the backend is there, though it has not been seen yet, it gets what the
   client had sent. */
static int unanswered(struct conn *c)
{
  struct tcp_info info = {.tcpi_state = 0};
  socklen_t len = sizeof info;

  return getsockopt(c->side[1].src.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
         info.tcpi_state == TCP_SYN_SENT;
}

int tcp_begin(struct conn *c, struct listener *from, int clientfd, int backendfd,
              struct client *client)
{
  struct port *p = from->target->port;

  c->from = from;
  c->client = client;
  c->state = CONNECTING;
  for (int i = 0; i < 2; i++) {
    c->side[i].src = (struct source){
      .fd = i ? backendfd : clientfd, .kind = KIND_SIDE, .which = (uint8_t)i};
    if (relay_watch(&c->side[i].src, EVENTS | EPOLLOUT) == -1)
      return -1;
  }
  c->next = p->conns;
  if (c->next)
    c->next->prev = &c->next;
  c->prev = &p->conns;
  p->conns = c;
  p->stat.now++;
  p->stat.total++;
  port_touch(p);
  relay_conns++;
  return 0;
}

void tcp_event(struct source *src, uint32_t events)
{
  struct side *s = (struct side *)src;
  struct conn *c = (struct conn *)(s - src->which);

  if (c->state & DEAD)
    return;
  if (events & EPOLLOUT)
    src->bits |= WRITABLE;
  if (events & (EPOLLERR | EPOLLPRI))
    src->bits |= FAILED; /* an RST sets EPOLLRDHUP as well */
  else if (events & EPOLLRDHUP)
    src->bits |= CLOSING;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    src->bits |= READABLE | FRESH;
  if (c->state & CONNECTING) {
    if (!src->which) {
      if (events & EPOLLERR && unanswered(c))
        reset(c);
      return;
    }
    if (events & (EPOLLERR | EPOLLHUP))
      return refused(c);
    if (!(events & EPOLLOUT))
      return;
    c->state &= ~(uint32_t)CONNECTING;
  }
  run_conn(c);
}

int tcp_ready(void)
{
  struct conn *todo = ready;

  ready = 0;
  while (todo) {
    struct conn *c = todo;
    todo = c->queue;
    c->state &= ~(uint32_t)READY;
    if (c->state & DEAD) {
      c->queue = dead;
      dead = c;
    } else
      run_conn(c);
  }
  return !!ready;
}

/* An event of the same batch may still name one that has ended, so memory is freed after the
   batch. */
void tcp_free_dead(void)
{
  while (dead) {
    struct conn *c = dead;
    dead = c->queue;
    tcp_free(c);
  }
}

void tcp_reset_all(struct port *p)
{
  while (p->conns)
    reset(p->conns);
}
