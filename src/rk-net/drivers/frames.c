/* SPDX-License-Identifier: ISC
   The pump. A tap hands over one frame a call, so batches are made on the other side: what the tap
   holds is read into one buffer, each frame behind room for its length, and leaves by one send(2);
   what the socket holds comes by one read(2), and each frame goes to the tap from where it lies. No
   frame is copied by us, but for the part of one at a buffer's end. */
#include "frames.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <rk/clock.h>
#include "pace.h"

enum { HEAD = 2, FRAME_MAX = 65535, BUFFER = 4 * (HEAD + FRAME_MAX), FRAME_MIN = 14 };

struct stream {
  unsigned char *buf; /* of BUFFER bytes */
  size_t from, to;    /* what is in it */
};

static size_t room(struct stream const *s)
{
  return BUFFER - s->to;
}

static void taken(struct stream *s, size_t n)
{
  s->from += n;
  if (s->from == s->to)
    s->from = s->to = 0;
}

/* Room for one more frame at the end. */
static void close_up(struct stream *s)
{
  if (room(s) >= HEAD + FRAME_MAX || !s->from)
    return;
  memmove(s->buf, s->buf + s->from, s->to - s->from);
  s->to -= s->from;
  s->from = 0;
}

static int transient(int e)
{
  return e == EAGAIN || e == EINTR;
}

/* The frame that lies behind room for its length. */
static void add(struct stream *up, size_t len)
{
  unsigned char *at = up->buf + up->to;

  at[0] = (unsigned char)(len & 255);
  at[1] = (unsigned char)(len >> 8);
  up->to += HEAD + len;
}

/* All that the tap holds, as far as there is room. 1: it is gone. */
static int collect(struct pump const *p, struct stream *up, struct pace *pace)
{
  while (room(up) >= HEAD + FRAME_MAX) {
    unsigned char *at = up->buf + up->to;
    ssize_t r = read(p->tap, at + HEAD, FRAME_MAX);
    if (r == -1)
      return transient(errno) ? 0 : -1;
    if (!r)
      return 1;
    if (!frame_may_pass(&p->rules, at + HEAD, (size_t)r))
      continue;
    if (p->paced && !pace_out(pace, at + HEAD, (size_t)r, rk_clock_ms()))
      continue;
    add(up, (size_t)r);
  }
  return 0;
}

/* What has waited for its turn. */
static void collect_waiting(struct stream *up, struct pace *pace)
{
  while (room(up) >= HEAD + FRAME_MAX) {
    size_t len = pace_next(pace, up->buf + up->to + HEAD, rk_clock_ms());
    if (!len)
      return;
    add(up, len);
  }
}

/* 1: the server has closed. */
static int send_up(struct pump const *p, struct stream *up)
{
  ssize_t r;

  if (up->from == up->to)
    return 0;
  r = send(p->server, up->buf + up->from, up->to - up->from, MSG_NOSIGNAL);
  if (r == -1) {
    if (errno == EPIPE || errno == ECONNRESET)
      return 1;
    return transient(errno) ? 0 : -1;
  }
  taken(up, (size_t)r);
  return 0;
}

static int receive(struct pump const *p, struct stream *down)
{
  ssize_t r;

  close_up(down);
  r = read(p->server, down->buf + down->to, room(down));
  if (r == -1) {
    if (errno == ECONNRESET)
      return 1;
    return transient(errno) ? 0 : -1;
  }
  if (!r)
    return 1;
  down->to += (size_t)r;
  return 0;
}

/* The length of the frame that s begins with: 0: it is not whole yet; -1: EPROTO. */
static ssize_t first_frame(struct stream const *s)
{
  unsigned char const *at = s->buf + s->from;
  size_t have = s->to - s->from, len;

  if (have < HEAD)
    return 0;
  len = (size_t)at[0] | (size_t)at[1] << 8;
  if (len < FRAME_MIN) {
    errno = EPROTO;
    return -1;
  }
  return have < HEAD + len ? 0 : (ssize_t)len;
}

/* *stuck: the tap takes no more for now. */
static int deliver(struct pump const *p, struct stream *down, struct pace *pace, int *stuck)
{
  ssize_t len;

  *stuck = 0;
  while ((len = first_frame(down)) > 0) {
    ssize_t r = write(p->tap, down->buf + down->from + HEAD, (size_t)len);
    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1 && errno == EAGAIN) {
      *stuck = 1;
      return 0;
    }
    if (r == -1 && errno == EBADFD)
      return 1;
    if (p->paced)
      pace_in(pace, down->buf + down->from + HEAD, (size_t)len);
    taken(down, HEAD + (size_t)len);
  }
  return len == -1 ? -1 : 0;
}

/* What both directions have to do. */
struct work {
  struct stream up, down;
  struct pace *pace;
  int stuck; /* the tap takes no more for now */
};

static int move(struct pump const *p, struct work *w, short tap, short server)
{
  int r = 0;

  if (tap & POLLIN)
    r = collect(p, &w->up, w->pace);
  if (!r && !w->stuck && server & (POLLIN | POLLHUP | POLLERR))
    r = receive(p, &w->down);
  if (!r)
    r = deliver(p, &w->down, w->pace, &w->stuck);
  if (!r && w->pace->count)
    collect_waiting(&w->up, w->pace);
  if (!r)
    r = send_up(p, &w->up);
  if (!r && tap & (POLLERR | POLLHUP | POLLNVAL))
    r = 1;
  return r;
}

int pump_run(struct pump const *p)
{
  static unsigned char upbuf[BUFFER], downbuf[BUFFER];
  static struct pace pace;
  struct work w = {.up = {.buf = upbuf}, .down = {.buf = downbuf}, .pace = &pace};
  int r = 0;

  while (!r) {
    struct pollfd x[] = {{.fd = p->tap},
                         {.fd = p->server},
                         {.fd = p->leave, .events = POLLIN},
                         {.fd = p->pidfd, .events = POLLIN}};
    int timeout = pace.count ? pace_timeout(&pace, rk_clock_ms()) : -1;
    if (w.up.from != w.up.to)
      x[1].events |= POLLOUT;
    else
      x[0].events |= POLLIN;
    if (w.stuck)
      x[0].events |= POLLOUT;
    else
      x[1].events |= POLLIN;
    if (poll(x, sizeof x / sizeof *x, timeout) == -1) {
      if (errno != EINTR)
        return -1;
      continue;
    }
    if (x[2].revents)
      return 0;
    if (x[3].revents)
      return 1;
    r = move(p, &w, x[0].revents, x[1].revents);
  }
  return r;
}

static int is_answer(unsigned char const *frame, size_t len, unsigned char const gateway[4])
{
  static unsigned char const reply[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 2};

  return len >= 42 && !memcmp(frame + 12, reply, sizeof reply) && !memcmp(frame + 28, gateway, 4);
}

int pump_greet(struct pump const *p, unsigned char const ip[4], unsigned char const mac[6])
{
  static unsigned char buf[BUFFER];
  struct stream in = {.buf = buf};
  unsigned char ask[HEAD + 42] = {42, 0, 255, 255, 255, 255, 255, 255};
  static unsigned char const request[] = {8, 6, 0, 1, 8, 0, 6, 4, 0, 1};
  ssize_t len;
  int r = 0;

  memcpy(ask + HEAD + 6, mac, 6);
  memcpy(ask + HEAD + 12, request, sizeof request);
  memcpy(ask + HEAD + 22, mac, 6);
  memcpy(ask + HEAD + 28, ip, 4);
  memcpy(ask + HEAD + 38, p->rules.gateway, 4);
  if (send(p->server, ask, sizeof ask, MSG_NOSIGNAL) != sizeof ask)
    return errno == EPIPE || errno == ECONNRESET ? 1 : -1;
  while (!r) {
    struct pollfd x[] = {{.fd = p->server, .events = POLLIN},
                         {.fd = p->leave, .events = POLLIN},
                         {.fd = p->pidfd, .events = POLLIN}};
    if (poll(x, sizeof x / sizeof *x, -1) == -1) {
      if (errno != EINTR)
        return -1;
      continue;
    }
    if (x[0].revents)
      r = receive(p, &in);
    else
      r = 1;
    while (!r && (len = first_frame(&in)) != 0) {
      if (len == -1)
        return -1;
      if (is_answer(in.buf + in.from + HEAD, (size_t)len, p->rules.gateway))
        return 0;
      taken(&in, HEAD + (size_t)len);
    }
  }
  return r;
}
