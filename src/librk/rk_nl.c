/* SPDX-License-Identifier: ISC */
#include <rk/netlink.h>

#include <string.h>

void rk_nl_init(struct rk_nl *batch)
{
  batch->len = 0;
  batch->last = 0;
  batch->n = 0;
  batch->full = 0;
}

/* Room for len bytes, rounded up and zeroed, at the end; NULL if there is none. */
static void *room(struct rk_nl *batch, size_t len)
{
  size_t whole = NLMSG_ALIGN(len);
  void *p = batch->buf.b + batch->len;

  if (len > RK_NL_SIZE || whole > RK_NL_SIZE - batch->len)
    batch->full = 1;
  if (batch->full)
    return NULL;
  memset(p, 0, whole);
  batch->len += whole;
  return p;
}

/* Every addition lengthens the message begun last. */
static void lengthen(struct rk_nl *batch)
{
  uint32_t len = (uint32_t)(batch->len - batch->last);
  char *head = batch->buf.b + batch->last;

  memcpy(head + offsetof(struct nlmsghdr, nlmsg_len), &len, sizeof len);
}

void rk_nl_msg(struct rk_nl *batch, uint16_t type, uint16_t flags, void const *body, size_t bodylen,
               char const *what)
{
  size_t begin = batch->len;
  struct nlmsghdr head = {
    .nlmsg_type = type,
    .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
  };
  char *p;

  if (batch->n == RK_NL_MAX)
    batch->full = 1;
  p = room(batch, NLMSG_HDRLEN + bodylen);
  if (!p)
    return;
  memcpy(p, &head, sizeof head);
  memcpy(p + NLMSG_HDRLEN, body, bodylen);
  batch->last = begin;
  batch->what[batch->n++] = what;
  lengthen(batch);
}

void rk_nl_attr(struct rk_nl *batch, uint16_t type, void const *value, size_t len)
{
  struct nlattr head = {
    .nla_len = (uint16_t)(sizeof head + len),
    .nla_type = type,
  };
  char *p = room(batch, sizeof head + len);

  if (!p)
    return;
  memcpy(p, &head, sizeof head);
  if (len)
    memcpy(p + sizeof head, value, len);
  lengthen(batch);
}

void rk_nl_u32(struct rk_nl *batch, uint16_t type, uint32_t value)
{
  rk_nl_attr(batch, type, &value, sizeof value);
}

size_t rk_nl_nest(struct rk_nl *batch, uint16_t type)
{
  size_t nest = batch->len;

  rk_nl_attr(batch, (uint16_t)(type | NLA_F_NESTED), NULL, 0);
  return nest;
}

void rk_nl_end(struct rk_nl *batch, size_t nest)
{
  uint16_t len = (uint16_t)(batch->len - nest);

  if (!batch->full)
    memcpy(batch->buf.b + nest, &len, sizeof len);
}
