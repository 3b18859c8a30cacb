/* SPDX-License-Identifier: ISC
   rk-portd's side of the relay: rk/relay.h. A request is read only when the reply to the last one
   has gone, so one buffer is enough and nobody waits for anybody. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>

#include <skalibs/strerr.h>
#include <rk/exit.h>

#include "relay.h"

struct request {
  union {
    struct rk_relay_head head;
    struct rk_relay_add add;
    struct rk_relay_del del;
  } message;
  size_t len;
  int fds[RK_RELAY_FDS_MAX];
  size_t nfds;
  int cut; /* not all fds have arrived */
};

void control_start(struct relay *r)
{
  r->control.src = (struct source){
    .fd = RK_RELAY_CONTROL_FD,
    .kind = KIND_CONTROL,
  };
  if (relay_watch(r, &r->control.src, EPOLLIN) == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch the control socket");
}

static void gone(struct relay *r)
{
  relay_unwatch(r, &r->control.src);
  close(r->control.src.fd);
  r->draining = 1;
  port_close_listeners(r);
}

static void stats(struct relay *r)
{
  struct rk_relay_stats *s = &r->control.reply.stats;

  s->head = (struct rk_relay_head){RK_RELAY_VERSION, RK_RELAY_STATS};
  s->n = (uint32_t)port_stats(r, s->stat, RK_RELAY_STATS_MAX, &r->control.more);
  s->more = (uint32_t)r->control.more;
  r->control.pending = sizeof *s;
}

/* 1: all replies have gone; 0: not yet, or rk-portd has. */
static int flush(struct relay *r)
{
  while (r->control.pending || r->control.more) {
    if (!r->control.pending)
      stats(r);
    ssize_t n = send(r->control.src.fd, &r->control.reply, r->control.pending,
                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != -1) {
      r->control.pending = 0;
    } else if (errno == EAGAIN) {
      relay_rewatch(r, &r->control.src, EPOLLOUT);
      return 0;
    } else if (errno != EINTR) {
      gone(r);
      return 0;
    }
  }
  relay_rewatch(r, &r->control.src, EPOLLIN);
  return 1;
}

/* error: 0 or an errno */
static void say(struct relay *r, enum rk_relay_op op, uint32_t id, int error)
{
  struct rk_relay_say *say = &r->control.reply.say;

  memset(say, 0, sizeof *say);
  say->head = (struct rk_relay_head){RK_RELAY_VERSION, op};
  say->id = id;
  say->error = error;
  r->control.pending = sizeof *say;
}

static void bad(void)
{
  strerr_dief(RK_EXIT_BUG, "control message of another version or size");
}

static void add(struct relay *r, struct request const *q)
{
  uint32_t id = q->message.add.id;

  if (!q->cut) {
    int e = port_add(r, &q->message.add, q->fds, q->nfds);
    static char const outside[] = "the destination is no address of the chain";
    int error = e == -1 ? errno : 0;
    say(r, RK_RELAY_ADD, id, error);
    if (error == EHOSTUNREACH)
      memcpy(r->control.reply.say.text, outside, sizeof outside);
    r->control.reply.say.loopback = e == 0 && port_on_loopback(r, id);
    return;
  }
  for (size_t i = 0; i < q->nfds; i++)
    close(q->fds[i]);
  say(r, RK_RELAY_ADD, id, EMFILE);
}

static void answer(struct relay *r, struct request const *q)
{
  struct rk_relay_head const *head = &q->message.head;

  if (q->len < sizeof *head || head->version != RK_RELAY_VERSION)
    bad();
  if (head->op == RK_RELAY_ADD && q->len == sizeof q->message.add)
    return add(r, q);
  if (head->op == RK_RELAY_AIM && q->len == sizeof q->message.del && q->nfds == 1) {
    int e = port_aim(r, q->message.del.id, q->fds[0]);
    return say(r, RK_RELAY_AIM, q->message.del.id, e == -1 ? errno : 0);
  }
  if (q->nfds)
    bad();
  if (head->op == RK_RELAY_DEL && q->len == sizeof q->message.del) {
    int e = port_del(r, q->message.del.id);
    return say(r, RK_RELAY_DEL, q->message.del.id, e == -1 ? errno : 0);
  }
  if (head->op != RK_RELAY_STATS || q->len != sizeof *head)
    bad();
  stats(r);
}

/* Returns what recvmsg does. */
static ssize_t receive(int fd, struct request *q)
{
  union {
    struct cmsghdr align;
    char room[CMSG_SPACE(RK_RELAY_FDS_MAX * sizeof(int))];
  } ancillary;
  struct iovec v = {&q->message, sizeof q->message};
  struct msghdr m = {
    .msg_iov = &v,
    .msg_iovlen = 1,
    .msg_control = ancillary.room,
    .msg_controllen = sizeof ancillary.room,
  };
  ssize_t r = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

  if (r <= 0)
    return r;
  q->len = (size_t)r;
  q->nfds = 0;
  /* the kernel makes one of all fds, and nothing else was asked for */
  struct cmsghdr *h = CMSG_FIRSTHDR(&m);
  if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
    q->nfds = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(q->fds, CMSG_DATA(h), q->nfds * sizeof(int));
  }
  if (m.msg_flags & MSG_TRUNC)
    bad();
  q->cut = (m.msg_flags & MSG_CTRUNC) != 0;
  return r;
}

void control_event(struct relay *r, uint32_t events)
{
  struct request q;

  if (events & EPOLLOUT && !flush(r))
    return;
  for (;;) {
    ssize_t n = receive(r->control.src.fd, &q);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1 && (errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS))
      return; /* it is asked again: the socket stays readable */
    if (n <= 0)
      return gone(r);
    answer(r, &q);
    if (!flush(r))
      return;
  }
}
