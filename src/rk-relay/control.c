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

static struct source control = {.fd = RK_RELAY_CONTROL_FD, .kind = KIND_CONTROL};
static union {
  struct rk_relay_head head;
  struct rk_relay_say say;
  struct rk_relay_stats stats;
} reply;
static size_t pending; /* bytes of it to send */
static int more;       /* STATS: some are left */

void control_start(void)
{
  if (relay_watch(&control, EPOLLIN) == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch the control socket");
}

static void gone(void)
{
  relay_unwatch(&control);
  close(control.fd);
  relay_draining = 1;
  port_close_listeners();
  relay_leave_when_idle();
}

static int flush(void)
{
  while (pending || more) {
    if (!pending) {
      reply.head.op = RK_RELAY_STATS;
      reply.stats.n = (uint32_t)port_stats(reply.stats.stat, RK_RELAY_STATS_MAX, &more);
      reply.stats.more = (uint32_t)more;
      pending = sizeof reply.stats;
    }
    if (send(control.fd, &reply, pending, MSG_DONTWAIT | MSG_NOSIGNAL) == -1) {
      if (errno == EINTR)
        continue;
      if (errno == EAGAIN)
        return relay_rewatch(&control, EPOLLOUT), 0;
      return gone(), 0;
    }
    pending = 0;
  }
  relay_rewatch(&control, EPOLLIN);
  return 1;
}

static void say(struct rk_relay_head const *head, uint32_t id, int r)
{
  memset(&reply.say, 0, sizeof reply.say);
  reply.head = *head;
  reply.say.id = id;
  reply.say.error = r == -1 ? errno : 0;
  pending = sizeof reply.say;
}

static void bad(void)
{
  strerr_dief(RK_EXIT_BUG, "control message of another version or size");
}

static void answer(void *message, size_t len, int const *fds, size_t n, int cut)
{
  struct rk_relay_head *head = message;
  struct rk_relay_add *add = message;
  struct rk_relay_del *del = message;
  size_t closed = 0;

  if (len < sizeof *head || head->version != RK_RELAY_VERSION)
    bad();
  if (head->op == RK_RELAY_ADD && len == sizeof *add) {
    if (!cut)
      say(head, add->id, port_add(add, fds, n));
    else {
      for (; closed < n; closed++)
        close(fds[closed]);
      errno = EMFILE;
      say(head, add->id, -1);
    }
  } else if (n)
    bad();
  else if (head->op == RK_RELAY_DEL && len == sizeof *del)
    say(head, del->id, port_del(del->id));
  else if (head->op == RK_RELAY_STATS && len == sizeof *head) {
    reply.head = *head;
    reply.stats.n = (uint32_t)port_stats(reply.stats.stat, RK_RELAY_STATS_MAX, &more);
    reply.stats.more = (uint32_t)more;
    pending = sizeof reply.stats;
  } else
    bad();
}

void control_event(uint32_t events)
{
  static union {
    struct rk_relay_head head;
    struct rk_relay_add add;
  } message;
  static union {
    struct cmsghdr align;
    char room[CMSG_SPACE(RK_RELAY_FDS_MAX * sizeof(int))];
  } ancillary;
  static int fds[RK_RELAY_FDS_MAX];

  if (events & EPOLLOUT && !flush())
    return;
  for (;;) {
    struct iovec v = {&message, sizeof message};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = ancillary.room,
                       .msg_controllen = sizeof ancillary.room};
    ssize_t r = recvmsg(control.fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1 && errno == EAGAIN)
      return;
    if (r <= 0)
      return gone();
    size_t n = 0;
    /* the kernel makes one of all fds, and nothing else was asked for */
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS) {
      n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      memcpy(fds, CMSG_DATA(h), n * sizeof(int));
    }
    if (m.msg_flags & MSG_TRUNC)
      bad();
    answer(&message, (size_t)r, fds, n, !!(m.msg_flags & MSG_CTRUNC));
    if (!flush())
      return;
  }
}
