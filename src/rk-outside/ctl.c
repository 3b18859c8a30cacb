/* SPDX-License-Identifier: ISC
   Receive the chain's requests, see that they are what an rk link sends, and hand each to its
   handler. A request of another size or version, from a stranger, or for the second time closes the
   control socket: whatever sends one is no link of ours. */
#include "ctl.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>

#include <rk/proc.h>
#include <rk/sys.h>

/* How many generations below the chain's process a sender may be (rk_descends). */
enum { DEPTH = 8, TRIES = 3 };

/* By operation. Whatever has no handler is refused. */
static struct request {
  size_t size;
  int takes_fd; /* boolean: exactly one fd travels with it; otherwise none does */
  ctl_handler *handle;
} const requests[] = {
  [RK_OP_IDMAP] = {.size = sizeof(struct rk_req_idmap), .handle = req_idmap},
  [RK_OP_NET] = {.size = sizeof(struct rk_req_net), .takes_fd = 1, .handle = req_net},
  [RK_OP_NET_VERIFY] =
    {
      .size = sizeof(struct rk_req_net_verify),
      .takes_fd = 1,
      .handle = req_net_verify,
    },
  [RK_OP_READY] = {.size = sizeof(struct rk_req), .handle = req_ready},
  [RK_OP_CONFINE] = {.size = sizeof(struct rk_req), .takes_fd = 1, .handle = req_confine},
  [RK_OP_PROGRAM_NETNS] =
    {
      .size = sizeof(struct rk_req),
      .takes_fd = 1,
      .handle = req_program_netns,
    },
  [RK_OP_BYPASS] = {.size = sizeof(struct rk_req_bypass), .takes_fd = 1, .handle = req_bypass},
  [RK_OP_AWAIT] = {.size = sizeof(struct rk_req), .handle = req_net_await},
};
enum { REQUESTS = sizeof requests / sizeof *requests };

/* One message and what came with it. */
struct message {
  union {
    struct rk_req head;
    struct rk_req_idmap idmap;
    struct rk_req_net net;
    char bytes[sizeof(struct rk_req_idmap) + sizeof(struct rk_req_net)];
  } body;
  size_t len;
  struct ucred sender;
  int fd;  /* -1: none */
  int bad; /* boolean: there was more than a request may have */
};

/* What came with a message beside its bytes: the sender, and at most one fd. What fits no request
   is closed here: the kernel has installed every fd that the control buffer had room for (unix(7)),
   which alignment makes two where one is meant. */
static void take_rights(struct message *m, struct cmsghdr const *c)
{
  for (size_t at = 0; CMSG_LEN(at + sizeof m->fd) <= c->cmsg_len; at += sizeof m->fd) {
    int fd;

    memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
    if (m->fd == -1) {
      m->fd = fd;
    } else {
      close(fd);
      m->bad = 1;
    }
  }
}

static void take_ancillary(struct message *m, struct msghdr *msg)
{
  m->bad = (msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = rk_cmsg_next(msg, c)) {
    if (c->cmsg_level != SOL_SOCKET)
      continue;
    if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof m->sender)) {
      memcpy(&m->sender, CMSG_DATA(c), sizeof m->sender);
    } else if (c->cmsg_type == SCM_RIGHTS) {
      take_rights(m, c);
    } else {
      m->bad = 1;
    }
  }
}

/* 0, or -1 with errno. */
static int receive(int control, struct message *m)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
  } ancillary;
  struct iovec iov = {.iov_base = m->body.bytes, .iov_len = sizeof m->body};
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = ancillary.buf,
    .msg_controllen = sizeof ancillary.buf,
  };
  ssize_t r = recvmsg(control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

  if (r == -1)
    return -1;
  m->len = (size_t)r;
  m->sender = (struct ucred){0};
  m->fd = -1;
  take_ancillary(m, &msg);
  return 0;
}

/* What cannot be read may be readable a moment later; the sender waits. */
static int is_of_chain(struct chain const *chain, pid_t pid)
{
  int r = -1;

  for (int i = 0; i < TRIES && r == -1; i++)
    r = rk_descends(pid, chain->pid, DEPTH);
  return r == 1;
}

/* The table's entry for a message, or NULL if no rk link sends such a message. */
static struct request const *find_request(struct chain const *chain, struct message const *m)
{
  struct rk_req const *head = &m->body.head;
  struct request const *request;

  if (m->bad || m->len < sizeof *head || head->version != RK_OUTSIDE_VERSION)
    return NULL;
  if (head->op >= REQUESTS || (chain->served & 1U << head->op))
    return NULL;
  request = &requests[head->op];
  if (!request->handle || m->len != request->size || (m->fd != -1) != request->takes_fd)
    return NULL;
  return is_of_chain(chain, m->sender.pid) ? request : NULL;
}

static void refuse(struct chain *chain)
{
  strerr_warnw("refused a request that no rk link makes; the control socket is closed");
  ctl_close(chain);
}

static void serve(struct chain *chain, struct message const *m)
{
  struct request const *request = find_request(chain, m);
  union ctl_reply reply;
  ssize_t len;

  if (!request) {
    if (m->fd != -1)
      close(m->fd);
    refuse(chain);
    return;
  }
  chain->sender = m->sender.pid;
  chain->served |= 1U << m->body.head.op;
  memset(&reply, 0, sizeof reply);
  reply.head.version = RK_OUTSIDE_VERSION;
  len = request->handle(chain, &m->body, m->fd, &reply);
  if (len == -1)
    refuse(chain);
  else if (len > 0)
    ctl_send(chain, &reply, (size_t)len);
}

static void control_ready(void *ctx, short revents)
{
  struct chain *chain = ctx;
  struct message m;

  (void)revents;
  if (receive(chain->control.fd, &m) == -1) {
    if (errno == EAGAIN || errno == EINTR)
      return;
    if (errno != ECONNRESET)
      strerr_warnwusys("receive a request");
    ctl_close(chain);
    return;
  }
  /* An empty message may carry fds, too; without any it is the end. */
  if (m.len == 0 && m.fd == -1 && !m.bad)
    ctl_close(chain);
  else
    serve(chain, &m);
}

int ctl_serve(struct chain *chain)
{
  chain->control.events = POLLIN;
  chain->control.ready = control_ready;
  chain->control.ctx = chain;
  return rk_loop_add(&chain->loop, &chain->control);
}
