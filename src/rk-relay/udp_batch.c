/* SPDX-License-Identifier: ISC
   Datagrams of one size leave in one call (UDP_SEGMENT, udp(7)), singly where the route or the
   device cannot. */
#include <errno.h>
#include <string.h>
#include <netinet/udp.h>

#include "udp.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum { TOTAL = 65000 };

/* Ancillary data of one message. */
struct ancillary {
  _Alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) +
                                     CMSG_SPACE(sizeof(uint16_t))];
  size_t used;
};

static void append(struct ancillary *a, int level, int type, void const *data, size_t len)
{
  struct cmsghdr *h = (struct cmsghdr *)(a->room + a->used);

  h->cmsg_level = level;
  h->cmsg_type = type;
  h->cmsg_len = (__typeof__(h->cmsg_len))CMSG_LEN(len);
  memcpy(CMSG_DATA(h), data, len);
  a->used += CMSG_SPACE(len);
}

/* An answer goes to the client, from the address that it has asked. */
static void address(struct msghdr *m, struct session *s, struct ancillary *a)
{
  int four = s->peer.sa.sa_family == AF_INET;

  m->msg_name = &s->peer;
  m->msg_namelen = four ? sizeof s->peer.v4 : sizeof s->peer.v6;
  if (IN6_IS_ADDR_UNSPECIFIED(&s->asked))
    return;
  if (four) {
    struct in_pktinfo info = {.ipi_ifindex = 0};
    memcpy(&info.ipi_spec_dst, s->asked.s6_addr + 12, 4);
    append(a, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
  } else {
    struct in6_pktinfo info = {.ipi6_addr = s->asked};
    append(a, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
  }
}

static int lasting(int e)
{
  return e == EAGAIN || e == EINVAL || e == EMSGSIZE || e == EIO;
}

/* An ICMP error of an earlier datagram is reported instead of sending: it is over with that. */
static ssize_t send_twice(int fd, struct msghdr const *m)
{
  ssize_t n = sendmsg(fd, m, MSG_NOSIGNAL);

  if (n == -1 && !lasting(errno))
    n = sendmsg(fd, m, MSG_NOSIGNAL);
  return n;
}

/* segment: 0: it is one datagram */
static ssize_t put(struct batch const *r, struct iovec *v, size_t n, size_t segment)
{
  struct session *s = r->session;
  struct ancillary a;
  struct msghdr m = {.msg_iov = v};

  memset(&a, 0, sizeof a);
  m.msg_iovlen = (__typeof__(m.msg_iovlen))n;
  if (r->back)
    address(&m, s, &a);
  if (segment) {
    uint16_t size = (uint16_t)segment;
    append(&a, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof size);
  }
  if (a.used) {
    m.msg_control = a.room;
    m.msg_controllen = (__typeof__(m.msg_controllen))a.used;
  }
  return send_twice(r->back ? s->from->src.fd : s->src.fd, &m);
}

/* One by one; a super-packet has one vector for all. Returns the bytes that were sent. */
static size_t put_singly(struct batch const *r, uint64_t *lost)
{
  size_t sent = 0;

  for (unsigned int i = 0; i < r->n; i++)
    for (size_t at = 0; at < r->v[i].iov_len; at += r->size) {
      size_t left = r->v[i].iov_len - at;
      struct iovec one = {(char *)r->v[i].iov_base + at, left < r->size ? left : r->size};
      if (put(r, &one, 1, 0) == -1)
        ++*lost;
      else
        sent += one.iov_len;
    }
  return sent;
}

static size_t put_all(struct batch *r, uint64_t *lost)
{
  struct source *src = &r->session->src;

  if (r->n == 1 && r->size == r->total) {
    if (put(r, r->v, 1, 0) != -1)
      return r->total;
    ++*lost;
    return 0;
  }
  if (src->bits & NO_SEGMENTS)
    return put_singly(r, lost);
  if (put(r, r->v, r->n, r->size) != -1)
    return r->total;
  if (errno != EAGAIN)
    src->bits |= NO_SEGMENTS; /* larger than the route's MTU, or a device that cannot */
  return put_singly(r, lost);
}

void batch_flush(struct batch *r)
{
  uint64_t lost = 0;

  if (!r->n)
    return;
  struct port *p = r->session->from->target->port;
  size_t sent = put_all(r, &lost);
  if (r->back)
    p->stat.out += sent;
  else
    p->stat.in += sent;
  p->stat.dropped += lost;
  port_touch(p);
  r->n = 0;
}

/* Does the datagram belong to the run? */
static int fits(struct batch const *r, struct session const *s, size_t len, size_t segment)
{
  if (r->session != s || r->closed || segment)
    return 0;
  return len && len <= r->size && r->n < SEGMENTS && r->total + len <= TOTAL;
}

void batch_add(struct batch *r, struct session *s, int back, char *data, size_t len, size_t segment)
{
  int super = segment && segment < len;

  if (r->n && !fits(r, s, len, segment))
    batch_flush(r);
  if (!r->n) {
    r->session = s;
    r->back = back;
    r->total = 0;
    r->size = super ? segment : len;
    r->closed = !len || super;
  } else if (len < r->size) {
    r->closed = 1;
  }
  r->v[r->n] = (struct iovec){data, len};
  r->n++;
  r->total += len;
}
