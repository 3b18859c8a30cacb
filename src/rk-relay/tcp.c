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

enum { BUDGET = 1 << 20 };

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
enum phase { CONNECTING, RUNNING, DEAD };
struct conn {
  struct side side[2];
  struct listener *from;
  struct conn *next; /* of the port */
  struct conn **prev;
  struct conn *queue; /* ready or dead ones */
  struct client *client;
  uint8_t phase; /* enum phase */
  uint8_t ready; /* it is in the queue of those whose budget was used up */
};

enum verdict { WAIT, MORE, RESET };
enum { EVENTS = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET };

struct conn *tcp_new(struct relay *r)
{
  return slab_get(&r->tcp.conns, sizeof(struct conn));
}

void tcp_free(struct relay *r, struct conn *c)
{
  slab_put(&r->tcp.conns, c);
}

static void queue_dead(struct relay *r, struct conn *c)
{
  c->queue = r->tcp.dead;
  r->tcp.dead = c;
}

static void end(struct relay *r, struct conn *c)
{
  struct port *p = c->from->target->port;

  for (int i = 0; i < 2; i++) {
    struct side *s = &c->side[i];
    if (s->held)
      pool_break(&r->tcp.pool, s->pipe);
    close(s->src.fd); /* nobody else holds it, so epoll forgets it */
  }
  *c->prev = c->next;
  if (c->next)
    c->next->prev = c->prev;
  if (c->client)
    client_drop(r, c->client);
  p->stat.now--;
  port_touch(p);
  r->tcp.n--;
  r->freed++;
  c->phase = DEAD;
  if (!c->ready)
    queue_dead(r, c);
}

static void reset(struct relay *r, struct conn *c)
{
  struct linger now = {
    .l_onoff = 1,
    .l_linger = 0,
  };

  for (int i = 0; i < 2; i++)
    setsockopt(c->side[i].src.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  end(r, c);
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

static void clear(struct side *s, unsigned int bits)
{
  s->src.bits &= (uint16_t)~bits;
}

/* In bulk, a socket watched for EPOLLOUT all the time wakes us for nothing: tcp_poll() asks for a
   call whenever it finds two thirds of the send queue used, and each edge of EPOLLIN tells of
   EPOLLOUT, too. So it is watched only while a write is blocked. */
static void mute(struct relay *r, struct side *s)
{
  if ((s->src.bits & (MUTE | WRITABLE)) != WRITABLE)
    return;
  relay_rewatch(r, &s->src, EVENTS);
  s->src.bits |= MUTE;
}

static enum verdict blocked(struct relay *r, struct side *s)
{
  /* tells us even if there is room again by now */
  if (s->src.bits & MUTE)
    relay_rewatch(r, &s->src, EVENTS | EPOLLOUT);
  clear(s, WRITABLE | MUTE);
  return WAIT;
}

/* Writing to `out` failed: it was reset. What it has sent may still be there. */
static enum verdict broken(struct relay *r, struct side *in, struct side *out)
{
  if (errno != EPIPE && errno != ECONNRESET)
    return RESET;
  if (in->held) {
    pool_break(&r->tcp.pool, in->pipe);
    in->held = 0;
  }
  in->src.bits |= DONE;
  out->src.bits |= BROKEN | READABLE;
  return out->src.bits & DONE ? RESET : WAIT;
}

/* Pass on what the pipe holds. MORE: it is empty. */
static enum verdict empty(struct relay *r, struct conn *c, struct side *in, size_t *budget)
{
  struct side *out = &c->side[!in->src.which];
  int from = r->tcp.pool.pipe[in->pipe].rd;

  while (in->held) {
    ssize_t n = splice(from, NULL, out->src.fd, NULL, in->held, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1 && errno == EAGAIN)
      return blocked(r, out);
    if (n <= 0)
      return broken(r, in, out);
    in->held -= (uint32_t)n;
    count(c, in, (size_t)n, budget);
  }
  pool_put(&r->tcp.pool, in->pipe);
  return MORE;
}

/* Into a pipe, which the next turn empties. */
static enum verdict bulk(struct relay *r, struct side *in, struct side *out)
{
  int pipe = pool_get(&r->tcp.pool);
  int to = r->tcp.pool.pipe[pipe].wr;
  size_t most = r->tcp.pool.pipe[pipe].size;
  ssize_t n;

  mute(r, in);
  mute(r, out);
  do
    n = splice(in->src.fd, NULL, to, NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  while (n == -1 && errno == EINTR);
  if (n > 0) {
    in->pipe = (int16_t)pipe;
    in->held = (uint32_t)n;
    if (in->src.bits & FRESH && n < TCP_BUFFER)
      clear(in, BULK);
    clear(in, FRESH);
    return MORE;
  }
  int e = errno;
  pool_put(&r->tcp.pool, pipe);
  if (n == -1 && e != EAGAIN)
    return RESET;
  if (n == -1 && !(in->src.bits & FAILED)) {
    clear(in, READABLE);
    return WAIT;
  }
  /* the end, or urgent data, at which splice finds nothing for ever: recv will tell */
  clear(in, BULK);
  return MORE;
}

static ssize_t receive(struct side *in, char *buffer, int flags)
{
  ssize_t n;

  do
    n = recv(in->src.fd, buffer, TCP_BUFFER, flags);
  while (n == -1 && errno == EINTR);
  return n;
}

/* When the end is known to follow, data and FIN may share a segment. -1 with errno, but for EAGAIN:
   then nothing was sent. */
static ssize_t pass(struct side const *in, struct side const *out, char const *buffer, ssize_t n)
{
  int flags = MSG_NOSIGNAL;
  ssize_t m;

  if (in->src.bits & EOF_SEEN)
    flags |= MSG_MORE;
  do
    m = send(out->src.fd, buffer, (size_t)n, flags);
  while (m == -1 && errno == EINTR);
  return m == -1 && errno == EAGAIN ? 0 : m;
}

/* The bytes that no send took go into a pipe. */
static enum verdict hold(struct relay *r, struct side *in, char const *rest, size_t n)
{
  int pipe = pool_get(&r->tcp.pool);

  in->pipe = (int16_t)pipe;
  in->held = (uint32_t)n;
  return write(r->tcp.pool.pipe[pipe].wr, rest, n) == (ssize_t)n ? WAIT : RESET;
}

/* Take from the queue what was only peeked at. (MSG_TRUNC without a buffer is TCP's alone.) */
static void consume(struct relay *r, struct side *in, size_t n)
{
  while (recv(in->src.fd, r->tcp.buffer, n, 0) == -1 && errno == EINTR)
    ;
}

/* What the size of a recv tells about the side. */
static void note_length(struct side *in, ssize_t n, int peek)
{
  if (n == TCP_BUFFER) {
    in->src.bits |= BULK;
    return;
  }
  if (peek || in->src.bits & FAILED)
    return;
  clear(in, READABLE);
  if (in->src.bits & CLOSING)
    in->src.bits |= EOF_SEEN;
}

/* Through the buffer. Without a pipe for the rest, a peek first, and only what was sent is taken
   out of the queue. */
static enum verdict copy(struct relay *r, struct conn *c, struct side *in, size_t *budget)
{
  struct side *out = &c->side[!in->src.which];
  char *buffer = r->tcp.buffer;
  int peek = pool_ready(&r->tcp.pool) ? 0 : MSG_PEEK;
  ssize_t n = receive(in, buffer, peek);

  if (n == -1 && errno == EAGAIN) {
    clear(in, READABLE);
    return WAIT;
  }
  if (n == -1)
    return RESET;
  if (n == 0) {
    in->src.bits |= EOF_SEEN;
    return MORE;
  }
  note_length(in, n, peek);
  ssize_t m = pass(in, out, buffer, n);
  if (m == -1)
    return broken(r, in, out);
  if (m < n)
    blocked(r, out);
  if (m && peek)
    consume(r, in, (size_t)m);
  count(c, in, (size_t)m, budget);
  if (m == n)
    return MORE;
  return peek ? WAIT : hold(r, in, buffer + m, (size_t)(n - m));
}

/* All that came from this side was passed on. */
static enum verdict finish(struct side *in, struct side const *out)
{
  in->src.bits |= DONE;
  if (in->src.bits & BROKEN)
    return RESET;
  if (!(out->src.bits & DONE))
    shutdown(out->src.fd, SHUT_WR);
  return WAIT;
}

/* Move bytes from a side to the other. MORE: the budget is used up. */
static enum verdict pump(struct relay *r, struct conn *c, struct side *in)
{
  struct side *out = &c->side[!in->src.which];
  size_t budget = BUDGET;

  for (;;) {
    enum verdict v;
    if (in->src.bits & DONE)
      return WAIT;
    if (in->src.bits & EOF_SEEN && !in->held)
      return finish(in, out);
    if (!(out->src.bits & WRITABLE))
      return WAIT;
    if (in->held)
      v = empty(r, c, in, &budget);
    else if (!(in->src.bits & READABLE))
      return WAIT;
    else if (!budget)
      return MORE;
    else if (in->src.bits & BULK && pool_ready(&r->tcp.pool))
      v = bulk(r, in, out);
    else
      v = copy(r, c, in, &budget);
    if (v != MORE)
      return v;
  }
}

/* The second direction may have found the client broken: what it had sent goes first. */
static int has_more_to_send(struct conn const *c)
{
  uint16_t client = c->side[0].src.bits;

  return (client & (BROKEN | READABLE | DONE)) == (BROKEN | READABLE) &&
         c->side[1].src.bits & WRITABLE;
}

/* What an event or a turn has made possible, both ways. */
static void run_conn(struct relay *r, struct conn *c)
{
  int again = 0;

  for (int i = 0; i < 2; i++) {
    struct side *s = &c->side[i];
    if (s->src.bits & DONE || !(s->src.bits & (READABLE | EOF_SEEN) || s->held))
      continue;
    enum verdict v = pump(r, c, s);
    if (v == RESET)
      return reset(r, c);
    if (v == MORE)
      again = 1;
  }
  if (c->side[0].src.bits & c->side[1].src.bits & DONE) {
    if ((c->side[0].src.bits | c->side[1].src.bits) & BROKEN)
      return reset(r, c);
    return end(r, c);
  }
  if ((again || has_more_to_send(c)) && !c->ready) {
    c->ready = 1;
    c->queue = r->tcp.ready;
    r->tcp.ready = c;
  }
}

static void refused(struct relay *r, struct conn *c)
{
  c->from->target->port->stat.refused++;
  listener_suspect(r, c->from);
  reset(r, c);
}

/* The client has gone. If the backend is there, though it has not been seen yet, it gets what the
   client had sent. */
static int unanswered(struct conn const *c)
{
  struct tcp_info info = {.tcpi_state = 0};
  socklen_t len = sizeof info;

  return getsockopt(c->side[1].src.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
         info.tcpi_state == TCP_SYN_SENT;
}

int tcp_begin(struct relay *r, struct conn *c, struct listener *from, int const fds[2],
              struct client *client)
{
  struct port *p = from->target->port;

  c->from = from;
  c->client = client;
  c->phase = CONNECTING;
  for (int i = 0; i < 2; i++) {
    struct source *src = &c->side[i].src;
    *src = (struct source){
      .fd = fds[i],
      .kind = KIND_SIDE,
      .which = (uint8_t)i,
    };
    if (relay_watch(r, src, EVENTS | EPOLLOUT) == -1)
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
  r->tcp.n++;
  return 0;
}

/* What an event tells about the side. */
static void note(struct source *src, uint32_t events)
{
  if (events & EPOLLOUT)
    src->bits |= WRITABLE;
  if (events & (EPOLLERR | EPOLLPRI))
    src->bits |= FAILED; /* an RST sets EPOLLRDHUP as well */
  else if (events & EPOLLRDHUP)
    src->bits |= CLOSING;
  if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
    src->bits |= READABLE | FRESH;
}

/* An event before the backend has answered. */
static void connecting(struct relay *r, struct conn *c, int which, uint32_t events)
{
  if (!which) {
    if (events & EPOLLERR && unanswered(c))
      reset(r, c);
    return;
  }
  if (events & (EPOLLERR | EPOLLHUP))
    return refused(r, c);
  if (!(events & EPOLLOUT))
    return;
  c->phase = RUNNING;
  run_conn(r, c);
}

void tcp_event(struct relay *r, struct source *src, uint32_t events)
{
  struct side *s = (struct side *)src;
  struct conn *c = (struct conn *)(s - src->which);

  if (c->phase == DEAD)
    return;
  note(src, events);
  if (c->phase == CONNECTING)
    connecting(r, c, src->which, events);
  else
    run_conn(r, c);
}

int tcp_ready(struct relay *r)
{
  struct conn *todo = r->tcp.ready;

  r->tcp.ready = NULL;
  while (todo) {
    struct conn *c = todo;
    todo = c->queue;
    c->ready = 0;
    if (c->phase == DEAD)
      queue_dead(r, c);
    else
      run_conn(r, c);
  }
  return r->tcp.ready != NULL;
}

/* An event of the same batch may still name one that has ended, so memory is freed after the
   batch. */
void tcp_free_dead(struct relay *r)
{
  while (r->tcp.dead) {
    struct conn *c = r->tcp.dead;
    r->tcp.dead = c->queue;
    tcp_free(r, c);
  }
}

void tcp_reset_all(struct relay *r, struct port *p)
{
  while (p->conns)
    reset(r, p->conns);
}
