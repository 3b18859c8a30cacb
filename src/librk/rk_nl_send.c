/* SPDX-License-Identifier: ISC */
#include <rk/netlink.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <rk/clock.h>
#include <rk/fail.h>

#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

int rk_nl_open(int protocol)
{
  int on = 1;
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

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

/* Sequence numbers that no earlier batch on this socket had: NUMBERS a microsecond. */
enum { NUMBERS = 64 };

static uint32_t first_number(void)
{
  return (uint32_t)((uint64_t)rk_clock_us() * NUMBERS);
}

/* first: added to the sequence numbers of the batch. */
static int post(int fd, struct rk_nl *batch, uint16_t flags, uint32_t first)
{
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  uint32_t n = 0;

  if (batch->full)
    return rk_fail(EMSGSIZE);
  for (size_t at = 0; at < batch->len;) {
    struct nlmsghdr head;
    memcpy(&head, batch->buf.b + at, sizeof head);
    head.nlmsg_flags = (uint16_t)(head.nlmsg_flags | flags);
    head.nlmsg_seq = first + n;
    n++;
    memcpy(batch->buf.b + at, &head, sizeof head);
    at += NLMSG_ALIGN(head.nlmsg_len);
  }
  if (sendto(fd, batch->buf.b, batch->len, MSG_NOSIGNAL, (struct sockaddr const *)&kernel,
             sizeof kernel) == -1)
    return -1;
  return 0;
}

void const *rk_nl_find(struct nlmsghdr const *msg, size_t bodylen, uint16_t type, size_t *len)
{
  size_t at = NLMSG_SPACE(bodylen);
  struct nlattr head;

  while (at + sizeof head <= msg->nlmsg_len) {
    char const *attr = (char const *)msg + at;
    memcpy(&head, attr, sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > msg->nlmsg_len - at)
      return NULL;
    if ((head.nla_type & NLA_TYPE_MASK) == type) {
      if (len)
        *len = head.nla_len - sizeof head;
      return attr + sizeof head;
    }
    at += NLMSG_ALIGN((size_t)head.nla_len);
  }
  return NULL;
}

/* The kernel's own words follow the error; NETLINK_CAP_ACK keeps the request itself out. */
static void explain(struct nlmsghdr const *msg, char *text, size_t size)
{
  size_t len;
  char const *s;

  text[0] = 0;
  if (!(msg->nlmsg_flags & NLM_F_ACK_TLVS))
    return;
  s = rk_nl_find(msg, sizeof(struct nlmsgerr), NLMSGERR_ATTR_MSG, &len);
  if (!s)
    return;
  if (len >= size)
    len = size - 1;
  memcpy(text, s, len);
  text[len] = 0;
}

static int give_up(struct rk_nl_error *error, int e)
{
  error->error = e;
  error->local = 1;
  return rk_fail(e);
}

int rk_nl_send(int fd, struct rk_nl *batch, struct rk_nl_error *error)
{
  struct rk_nl_error scratch;
  union {
    struct nlmsghdr head;
    char b[1024];
  } answer;

  uint32_t first = first_number();

  if (!error)
    error = &scratch;
  *error = (struct rk_nl_error){.what = "send"};
  if (post(fd, batch, NLM_F_ACK, first) == -1)
    return give_up(error, errno);
  for (unsigned int acks = 0; acks < batch->n;) {
    struct nlmsgerr verdict;
    ssize_t r = receive(fd, answer.b, sizeof answer);
    if (r == -1)
      return give_up(error, errno);
    if (!NLMSG_OK(&answer.head, (size_t)r) || answer.head.nlmsg_type != NLMSG_ERROR)
      continue;
    if (answer.head.nlmsg_seq - first >= batch->n)
      continue; /* of an earlier batch */
    if ((size_t)r < NLMSG_LENGTH(sizeof verdict))
      return give_up(error, EPROTO);
    memcpy(&verdict, answer.b + NLMSG_HDRLEN, sizeof verdict);
    acks++;
    if (!verdict.error || error->error)
      continue;
    error->error = -verdict.error;
    error->n = answer.head.nlmsg_seq - first;
    error->what = error->n < batch->n ? batch->what[error->n] : "?";
    explain(&answer.head, error->text, sizeof error->text);
  }
  if (error->error)
    return rk_fail(error->error);
  return 0;
}

/* How a dump ended: the error in its last message (0: none), or EINTR: what it lists has changed
   meanwhile. */
static int dump_error(struct nlmsghdr const *last, int changed)
{
  int e = 0;

  if (last->nlmsg_len >= NLMSG_LENGTH(sizeof e))
    memcpy(&e, NLMSG_DATA(last), sizeof e);
  if (!e && changed)
    return EINTR;
  return -e;
}

int rk_nl_dump(int fd, struct rk_nl *batch, int (*each)(struct nlmsghdr const *, void *),
               void *data)
{
  union {
    struct nlmsghdr head;
    char b[16384];
  } answer;
  int changed = 0;
  uint32_t first = first_number();

  if (post(fd, batch, NLM_F_DUMP, first) == -1)
    return -1;
  for (;;) {
    size_t left;
    int stop;
    ssize_t r = receive(fd, answer.b, sizeof answer);
    if (r == -1)
      return -1;
    left = (size_t)r;
    for (struct nlmsghdr const *m = &answer.head; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
      if (m->nlmsg_seq != first)
        continue; /* of an earlier request */
      if (m->nlmsg_flags & NLM_F_DUMP_INTR)
        changed = 1;
      if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR) {
        int e = dump_error(m, changed);
        return e ? rk_fail(e) : 0;
      }
      stop = each(m, data);
      if (stop)
        return stop;
    }
  }
}
