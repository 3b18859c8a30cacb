/* SPDX-License-Identifier: ISC
   The trapped calls: bind and connect. Landlock forbids both to the program for TCP, so whatever is
   not answered here but left to the kernel (SECCOMP_USER_NOTIF_FLAG_CONTINUE) can do nothing with a
   TCP socket, whatever became of the program's memory and fds meanwhile (seccomp_unotify(2)). What
   is done on the program's behalf is done with the socket and the address that were looked at. */
#include "bypassd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/landlock.h>

/* Linux 6.6: the caller is woken on our own CPU. Older ones refuse it. */
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, uint64_t)
#endif
enum { SYNC_WAKE_UP = 1 };

enum { PORTD_MS = 5000 /* rk-portd has to answer */ };

/* The end of a call. */

static void close_fd(int *fd)
{
  if (*fd != -1)
    close(*fd);
  *fd = -1;
}

static void set_nonblock(int fd, int on)
{
  int flags = fcntl(fd, F_GETFL);

  if (flags != -1)
    fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

/* ENOENT of the answer: the task was killed meanwhile. */
static void end(struct bypassd *b, unsigned int at, int error, uint32_t flags)
{
  struct rk_bypass_slot *slot = &b->page->slot[at];
  struct work *w = &b->work[at];
  struct seccomp_notif_resp say = {.id = slot->call.id, .error = -error, .flags = flags};

  if (slot->blocking && w->fd != -1)
    set_nonblock(w->fd, 0);
  notify(b->listener[slot->listener], SECCOMP_IOCTL_NOTIF_SEND, &say);
  if (w->state == WORK_CONNECTING)
    event_remove(b, w->fd);
  close_fd(&w->fd);
  close_fd(&w->pidfd);
  w->state = WORK_NONE;
  w->until = 0;
  memset(slot, 0, sizeof *slot);
  if (!b->full)
    return;
  b->full = 0;
  for (unsigned int i = 0; i <= RK_BYPASS_MORE; i++)
    if (b->listener[i] != -1)
      event_add(b, EVENT_CALL, i, b->listener[i], EPOLLIN);
}

/* error 0: it has worked. */
static void answer(struct bypassd *b, unsigned int at, int error)
{
  end(b, at, error, 0);
}

/* The kernel is to make the call as it is. */
static void leave(struct bypassd *b, unsigned int at)
{
  end(b, at, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

static void wait_for(struct bypassd *b, unsigned int at, enum work_state state, int ms)
{
  b->work[at].state = state;
  b->work[at].until = ms ? rk_clock_ms() + ms : 0;
  if (ms)
    b->waiting++;
}

/* Another socket takes the place of the program's, if that is still what it was. 0, or -1. */
static int swap(struct bypassd *b, unsigned int at, int socket)
{
  struct rk_bypass_slot *slot = &b->page->slot[at];
  struct work const *w = &b->work[at];
  struct seccomp_data const *data = &slot->call.data;
  struct seccomp_notif_addfd add = {
    .id = slot->call.id,
    .flags = SECCOMP_ADDFD_FLAG_SETFD,
    .srcfd = (uint32_t)socket,
    .newfd = (uint32_t)data->args[0],
  };
  int now = task_fd(w->pidfd, data->args[0]);
  int same = now != -1 && socket_cookie(now, SO_COOKIE) == socket_cookie(w->fd, SO_COOKIE);

  close_fd(&now);
  if (!same)
    return -1;
  if (task_cloexec(b, slot->call.pid, data->args[0]))
    add.newfd_flags = O_CLOEXEC;
  slot->swapped = 1;
  if (notify(b->listener[slot->listener], SECCOMP_IOCTL_NOTIF_ADDFD, &add) != -1)
    return 0;
  slot->swapped = 0;
  return -1;
}

/* A container inside has ports of its own. */
static int is_program_net(struct bypassd const *b, int fd)
{
  return b->page->netns && socket_cookie(fd, SO_NETNS_COOKIE) == b->page->netns;
}

/* connect */

static void send_time(int fd, int *ms)
{
  struct timeval time = {0};
  socklen_t len = sizeof time;

  *ms = 0;
  if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, &len) == 0)
    *ms = (int)(time.tv_sec * 1000 + time.tv_usec / 1000);
}

/* connect(2) has said so of the socket in work, which does not block. */
static void connecting(struct bypassd *b, unsigned int at, int error)
{
  struct work *w = &b->work[at];
  struct pollfd p = {.fd = w->fd, .events = POLLOUT};
  int ms;

  if (error != EINPROGRESS || !b->page->slot[at].blocking) {
    answer(b, at, error);
    return;
  }
  if (poll(&p, 1, 0) == 1) {
    answer(b, at, socket_option(w->fd, SOL_SOCKET, SO_ERROR));
    return;
  }
  send_time(w->fd, &ms);
  wait_for(b, at, WORK_CONNECTING, ms);
  if (event_add(b, EVENT_CONNECTED, at, w->fd, EPOLLOUT) == -1)
    answer(b, at, errno);
}

void calls_connected(struct bypassd *b, unsigned int at)
{
  if (b->work[at].state == WORK_CONNECTING)
    answer(b, at, socket_option(b->work[at].fd, SOL_SOCKET, SO_ERROR));
}

/* O_NONBLOCK belongs to the open file: it is the program's, too, and is put back before the
   answer. */
static void stop_blocking(struct bypassd *b, unsigned int at)
{
  int flags = fcntl(b->work[at].fd, F_GETFL);

  if (flags == -1 || (flags & O_NONBLOCK))
    return;
  b->page->slot[at].blocking = 1;
  set_nonblock(b->work[at].fd, 1);
}

/* Is the address the inside's own? Then its socket can be bound to it, which a connection to such
   an address does anyway. */
static int is_here(struct work const *w)
{
  struct address plain = address_plain(&w->address);
  struct address source = w->address;

  if (address_is_any(&plain) || address_is_loopback(&plain))
    return 1;
  source.u.v4.sin_port = 0; /* of IPv6 it has the same place */
  return bind(w->fd, &source.u.sa, source.len) == 0;
}

/* A client inside of a published port whose server has the host's socket. 1: it is dealt with. */
static int connect_to_port(struct bypassd *b, unsigned int at)
{
  struct work *w = &b->work[at];
  struct offer const *offer = ports_reached(b, &w->address);
  int error, s;

  if (!offer || !is_program_net(b, w->fd) || !is_here(w))
    return 0;
  s = socket_to_listener(b, w->fd, offer->socket, &error);
  if (s == -1 && errno == EAFNOSUPPORT)
    return 0;
  if (s == -1) {
    answer(b, at, errno);
    return 1;
  }
  stop_blocking(b, at);
  if (swap(b, at, s) == -1) {
    close(s);
    answer(b, at, EBADF);
    return 1;
  }
  close(w->fd);
  w->fd = s;
  connecting(b, at, error);
  return 1;
}

/* again: a predecessor may have begun it. */
static void connect_call(struct bypassd *b, unsigned int at, int again)
{
  struct work *w = &b->work[at];
  int error = 0;

  if (!again && connect_to_port(b, at))
    return;
  stop_blocking(b, at);
  if (connect(w->fd, &w->address.u.sa, w->address.len) == -1)
    error = errno;
  if (again && error == EISCONN)
    error = 0;
  if (again && error == EALREADY)
    error = EINPROGRESS;
  connecting(b, at, error);
}

/* bind */

/* In the program's own network namespace. */
static int bind_inside(struct bypassd *b, unsigned int at, int again)
{
  struct work *w = &b->work[at];
  struct address is = {.len = sizeof is.u};
  int e;

  if (bind(w->fd, &w->address.u.sa, w->address.len) == 0)
    return 0;
  e = errno;
  if (again && e == EINVAL && getsockname(w->fd, &is.u.sa, &is.len) == 0 &&
      address_port(&is) == address_port(&w->address))
    return 0;
  return e;
}

static int may_bind(struct bypassd *b, unsigned int at)
{
  struct work const *w = &b->work[at];
  unsigned int port = address_port(&w->address);
  struct netns const *netns = socket_netns(b, w->fd);

  if (!port || port >= b->page->first_port)
    return 1;
  return netns && task_may_bind(b, b->page->slot[at].call.pid, netns) == 1;
}

static struct offer *wanted(struct bypassd *b, struct work const *w)
{
  int family = socket_option(w->fd, SOL_SOCKET, SO_DOMAIN);
  int v6only = family == AF_INET6 && socket_option(w->fd, IPPROTO_IPV6, IPV6_V6ONLY);

  if (!is_program_net(b, w->fd))
    return NULL;
  return ports_bound(b, &w->address, family, v6only);
}

/* Several workers with SO_REUSEPORT get one socket, and share its queue. */
static int excluded(struct bypassd *b, struct work const *w, struct offer *offer)
{
  if (offer->socket == -1 || socket_option(w->fd, SOL_SOCKET, SO_REUSEPORT))
    return 0;
  return ports_held(b, offer);
}

/* What speaks against the bind inside speaks against the other, too: so that comes first. */
static void bind_call(struct bypassd *b, unsigned int at, int again)
{
  struct work *w = &b->work[at];
  struct rk_bypass_slot const *slot = &b->page->slot[at];
  struct rk_bypass_say say = {.op = RK_BYPASS_TAKE, .call = slot->call.id};
  struct offer *offer;
  int error;

  if (!b->impatient && ports_expected(b)) {
    wait_for(b, at, WORK_WAITING, PORTD_MS);
    return;
  }
  if (!may_bind(b, at)) {
    answer(b, at, EACCES);
    return;
  }
  offer = wanted(b, w);
  if (offer && excluded(b, w, offer)) {
    answer(b, at, EADDRINUSE);
    return;
  }
  error = bind_inside(b, at, again);
  if (error || !offer) {
    answer(b, at, error);
    return;
  }
  say.family = (uint32_t)socket_option(w->fd, SOL_SOCKET, SO_DOMAIN);
  say.v6only = say.family == AF_INET6 && socket_option(w->fd, IPPROTO_IPV6, IPV6_V6ONLY);
  if (ports_ask(b, offer, &say) == -1) {
    answer(b, at, 0); /* rk-portd is gone: bound inside, it is the relay's */
    return;
  }
  wait_for(b, at, WORK_ASKED, PORTD_MS);
}

/* The program has the socket from now on; or if that was in vain it keeps the one inside. */
static void bind_swap(struct bypassd *b, unsigned int at, struct offer *offer, int fd)
{
  struct work const *w = &b->work[at];
  int flags = fcntl(w->fd, F_GETFL);

  socket_copy(w->fd, fd);
  set_nonblock(fd, flags & O_NONBLOCK);
  if (swap(b, at, fd) == 0)
    ports_taken(b, offer, fd, task_process(b, b->page->slot[at].call.pid));
  else
    ports_taken(b, offer, fd, -1);
  answer(b, at, 0);
}

static void given(struct bypassd *b, struct offer *offer, struct rk_bypass_say const *say, int fd)
{
  for (unsigned int at = 0; at < b->page->used; at++) {
    struct rk_bypass_slot const *slot = &b->page->slot[at];
    if (b->work[at].state != WORK_ASKED || slot->call.id != say->call)
      continue;
    if (fd != -1 && socket_is_stream(fd)) {
      bind_swap(b, at, offer, fd);
      return;
    }
    answer(b, at, 0); /* bound inside */
    break;
  }
  if (fd != -1)
    ports_taken(b, offer, fd, -1); /* the call is over */
}

/* Any call. */

static void begin(struct bypassd *b, unsigned int at, int again)
{
  struct rk_bypass_slot *slot = &b->page->slot[at];
  struct seccomp_notif const *call = &slot->call;
  int is_bind = rk_trap_is_bind(call->data.arch, call->data.nr);
  struct work *w = &b->work[at];
  struct netns const *netns;

  w->fd = -1;
  w->pidfd = task_open(b, call->pid);
  if (w->pidfd != -1)
    w->fd = task_fd(w->pidfd, call->data.args[0]);
  /* from here on it is that task's, and none that got its number since */
  if (w->fd == -1 ||
      notify(b->listener[slot->listener], SECCOMP_IOCTL_NOTIF_ID_VALID, &slot->call.id) == -1 ||
      !socket_is_stream(w->fd)) {
    leave(b, at);
    return;
  }
  if (slot->swapped && is_bind) {
    answer(b, at, 0);
    return;
  }
  if (slot->swapped) {
    connecting(b, at, EINPROGRESS);
    return;
  }
  netns = socket_netns(b, w->fd);
  if (!netns || !netns->inner || task_address(call, &w->address) == -1 ||
      (w->address.u.sa.sa_family != AF_INET && w->address.u.sa.sa_family != AF_INET6)) {
    leave(b, at);
    return;
  }
  if (is_bind)
    bind_call(b, at, again);
  else
    connect_call(b, at, again);
}

int calls_listen(struct bypassd *b, unsigned int listener)
{
  int fd = b->listener[listener];

  notify(fd, SECCOMP_IOCTL_NOTIF_SET_FLAGS, (void *)(uintptr_t)SYNC_WAKE_UP);
  return b->full ? 0 : event_add(b, EVENT_CALL, listener, fd, EPOLLIN);
}

void calls_unused(struct bypassd *b, unsigned int listener)
{
  event_remove(b, b->listener[listener]);
  close_fd(&b->listener[listener]);
}

/* fd is ours. Without one that takes them, a filter's calls fail with ENOSYS. */
static void more(struct bypassd *b, int fd)
{
  if (!task_is_listener(b, fd)) {
    close_fd(&fd); /* root inside's: rk-outside gets none of it */
    return;
  }
  for (unsigned int i = 1; i <= RK_BYPASS_MORE; i++) {
    if (b->listener[i] != -1)
      continue;
    b->listener[i] = fd;
    ports_keep(fd);
    if (calls_listen(b, i) == -1)
      calls_unused(b, i);
    return;
  }
  strerr_warnw("more than 24 programs of rk-enter at a time: another cannot connect and bind");
  close_fd(&fd);
}

static void all_full(struct bypassd *b)
{
  b->full = 1;
  for (unsigned int i = 0; i <= RK_BYPASS_MORE; i++)
    if (b->listener[i] != -1)
      event_remove(b, b->listener[i]);
}

void calls_receive(struct bypassd *b, unsigned int listener)
{
  for (unsigned int at = 0; at < RK_BYPASS_SLOTS; at++) {
    struct rk_bypass_slot *slot = &b->page->slot[at];
    if (slot->call.id)
      continue;
    if (b->page->used <= at)
      b->page->used = at + 1;
    slot->listener = listener;
    if (notify(b->listener[listener], SECCOMP_IOCTL_NOTIF_RECV, &slot->call) == 0) {
      begin(b, at, 0);
      return;
    }
    memset(slot, 0, sizeof *slot);
    if (errno != ENOENT && errno != EINTR && listener) /* ENOENT: it was killed meanwhile */
      calls_unused(b, listener);
    return;
  }
  all_full(b);
}

/* Which listener is which number now? 0, or -1: the call is over. */
static int came_by(struct bypassd const *b, struct rk_bypass_slot *slot)
{
  for (unsigned int i = 0; i <= RK_BYPASS_MORE; i++) {
    slot->listener = i;
    if (b->listener[i] == -1)
      continue;
    if (notify(b->listener[i], SECCOMP_IOCTL_NOTIF_ID_VALID, &slot->call.id) == 0)
      return 0;
  }
  return -1;
}

void calls_redo(struct bypassd *b)
{
  for (unsigned int at = 0; at < b->page->used; at++) {
    struct rk_bypass_slot *slot = &b->page->slot[at];
    if (!slot->call.id)
      continue;
    if (came_by(b, slot) == -1)
      memset(slot, 0, sizeof *slot);
    else
      begin(b, at, 1);
  }
}

static void offered(struct bypassd *b)
{
  b->impatient = 0;
  for (unsigned int at = 0; at < b->page->used; at++) {
    if (b->work[at].state != WORK_WAITING)
      continue;
    b->work[at].state = WORK_NONE;
    bind_call(b, at, 1);
  }
}

/* Which client a bind had asked is not noted: bound inside all are, and the relay can serve
   them. */
static void lost(struct bypassd *b)
{
  for (unsigned int at = 0; at < b->page->used; at++)
    if (b->work[at].state == WORK_ASKED)
      answer(b, at, 0);
}

void calls_client(struct bypassd *b, unsigned int index)
{
  struct ports_heard heard;

  switch (ports_client(b, index, &heard)) {
    case PORTS_READY: offered(b); break;
    case PORTS_GIVEN: given(b, heard.offer, &heard.say, heard.fd); break;
    case PORTS_LISTEN: more(b, heard.fd); break;
    case PORTS_LOST: lost(b); break;
    case PORTS_NOTHING: break;
  }
}

/* Limits. */

int calls_wait_ms(struct bypassd const *b)
{
  int64_t first = 0;
  int64_t left;

  if (!b->waiting)
    return -1;
  for (unsigned int at = 0; at < b->page->used; at++) {
    struct work const *w = &b->work[at];
    if (w->state == WORK_NONE || !w->until)
      continue;
    if (!first || w->until < first)
      first = w->until;
  }
  if (!first)
    return -1;
  left = first - rk_clock_ms();
  return left > 0 ? (int)left : 0;
}

static void over(struct bypassd *b, unsigned int at)
{
  switch (b->work[at].state) {
    case WORK_CONNECTING: answer(b, at, EINPROGRESS); break; /* as SO_SNDTIMEO has it: socket(7) */
    case WORK_WAITING:
      strerr_warnw("rk-portd does not say which ports it publishes: programs bind without it");
      b->impatient = 1;
      b->work[at].state = WORK_NONE;
      bind_call(b, at, 1);
      break;
    case WORK_ASKED:
      strerr_warnw("rk-portd does not answer: a published port stays on rk-relay");
      answer(b, at, 0);
      break;
    case WORK_NONE: break;
  }
}

void calls_limits(struct bypassd *b)
{
  int64_t now = rk_clock_ms();
  unsigned int left = 0;

  if (!b->waiting)
    return;
  for (unsigned int at = 0; at < b->page->used; at++) {
    struct work const *w = &b->work[at];
    if (w->state != WORK_NONE && w->until && w->until <= now)
      over(b, at);
  }
  for (unsigned int at = 0; at < b->page->used; at++)
    if (b->work[at].state != WORK_NONE && b->work[at].until)
      left++;
  b->waiting = left;
}
