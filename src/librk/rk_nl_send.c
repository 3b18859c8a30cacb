/* SPDX-License-Identifier: ISC */
#include <rk/netlink.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <rk/fail.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

int rk_nl_open(int protocol)
{
  int on = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

  /* Both options are from Linux 4.12 and 4.2; without them errors only lose their text. */
  if (fd != -1) {
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  }
  return fd;
}

static ssize_t receive(int fd, void *buf, size_t size)
{
  for (;;) {
    ssize_t r = recv(fd, buf, size, MSG_TRUNC);
    if (r == -1 && errno == EINTR)
      continue;
    if (r > (ssize_t)size)
      return rk_fail(EMSGSIZE);
    return r;
  }
}

static int post(int fd, struct rk_nl *batch, uint16_t flags)
{
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

  if (batch->full)
    return rk_fail(EMSGSIZE);
  for (size_t at = 0; at < batch->len;) {
    struct nlmsghdr head;
    memcpy(&head, batch->buf.b + at, sizeof head);
    head.nlmsg_flags = (uint16_t)(head.nlmsg_flags | flags);
    memcpy(batch->buf.b + at, &head, sizeof head);
    at += NLMSG_ALIGN(head.nlmsg_len);
  }
  return sendto(fd, batch->buf.b, batch->len, MSG_NOSIGNAL, (struct sockaddr const *)&kernel,
                sizeof kernel) == -1
           ? -1
           : 0;
}

void const *rk_nl_find(struct nlmsghdr const *msg, size_t bodylen, uint16_t type, size_t *len)
{
  size_t at = NLMSG_SPACE(bodylen);

  while (at + sizeof(struct nlattr) <= msg->nlmsg_len) {
    struct nlattr head;
    memcpy(&head, (char const *)msg + at, sizeof head);
    if (head.nla_len < sizeof(struct nlattr) || head.nla_len > msg->nlmsg_len - at)
      return 0;
    if ((head.nla_type & NLA_TYPE_MASK) == type) {
      if (len)
        *len = head.nla_len - sizeof(struct nlattr);
      return (char const *)msg + at + sizeof(struct nlattr);
    }
    at += NLMSG_ALIGN((size_t)head.nla_len);
  }
  return 0;
}

/* The kernel's own words stand behind the error; NETLINK_CAP_ACK keeps the request itself out. */
static void explain(struct nlmsghdr const *msg, char *text, size_t size)
{
  size_t len = 0;
  char const *s = msg->nlmsg_flags & NLM_F_ACK_TLVS
                    ? rk_nl_find(msg, sizeof(struct nlmsgerr), NLMSGERR_ATTR_MSG, &len)
                    : 0;

  if (!s)
    len = 0;
  if (len >= size)
    len = size - 1;
  if (s && len)
    memcpy(text, s, len);
  text[len] = 0;
}

int rk_nl_send(int fd, struct rk_nl *batch, struct rk_nl_error *error)
{
  struct rk_nl_error scratch;
  union {
    struct nlmsghdr head;
    char b[1024];
  } answer;

  if (!error)
    error = &scratch;
  *error = (struct rk_nl_error){.what = "send"};
  if (post(fd, batch, NLM_F_ACK) == -1)
    return error->error = errno, -1;
  for (unsigned int acks = 0; acks < batch->n;) {
    ssize_t r = receive(fd, answer.b, sizeof answer);
    if (r == -1)
      return error->error = errno, -1;
    if (!NLMSG_OK(&answer.head, (size_t)r) || answer.head.nlmsg_type != NLMSG_ERROR)
      continue;
    struct nlmsgerr verdict;
    if ((size_t)r < NLMSG_LENGTH(sizeof verdict)) {
      error->error = EPROTO;
      return rk_fail(EPROTO);
    }
    memcpy(&verdict, answer.b + NLMSG_HDRLEN, sizeof verdict);
    acks++;
    if (!verdict.error || error->error)
      continue;
    error->error = -verdict.error;
    error->n = answer.head.nlmsg_seq - 1;
    error->what = error->n < batch->n ? batch->what[error->n] : "?";
    explain(&answer.head, error->text, sizeof error->text);
  }
  if (error->error)
    return rk_fail(error->error);
  return 0;
}

int rk_nl_dump(int fd, struct rk_nl *batch, int (*each)(struct nlmsghdr const *, void *),
               void *data)
{
  union {
    struct nlmsghdr head;
    char b[16384];
  } answer;
  int changed = 0;

  if (post(fd, batch, NLM_F_DUMP) == -1)
    return -1;
  for (;;) {
    ssize_t r = receive(fd, answer.b, sizeof answer);
    if (r == -1)
      return -1;
    size_t left = (size_t)r;
    for (struct nlmsghdr const *m = &answer.head; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_flags & NLM_F_DUMP_INTR)
        changed = 1;
      if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) {
        int e = 0;
        if (m->nlmsg_len >= NLMSG_LENGTH(sizeof e))
          memcpy(&e, NLMSG_DATA(m), sizeof e);
        if (e)
          return rk_fail(-e);
        return changed ? rk_fail(EINTR) : 0;
      }
      int stop = each(m, data);
      if (stop)
        return stop;
    }
  }
}
