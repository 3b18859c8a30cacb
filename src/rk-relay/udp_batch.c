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

static ssize_t put(struct batch *r, struct iovec *v, size_t n, size_t segment)
{
  struct session *s = r->session;
  union {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
  } c;
  struct msghdr m = {.msg_iov = v};
  size_t used = 0;
  struct cmsghdr *h;

  m.msg_iovlen = (__typeof__(m.msg_iovlen))n;
  memset(&c, 0, sizeof c);
  if (r->back) {
    m.msg_name = &s->peer;
    m.msg_namelen = s->peer.sa.sa_family == AF_INET ? sizeof s->peer.v4 : sizeof s->peer.v6;
    if (!IN6_IS_ADDR_UNSPECIFIED(&s->asked)) {
      h = (struct cmsghdr *)c.room;
      if (s->peer.sa.sa_family == AF_INET) {
        struct in_pktinfo info = {.ipi_ifindex = 0};
        memcpy(&info.ipi_spec_dst, s->asked.s6_addr + 12, 4);
        h->cmsg_level = IPPROTO_IP;
        h->cmsg_type = IP_PKTINFO;
        h->cmsg_len = (socklen_t)CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(h), &info, sizeof info);
        used = CMSG_SPACE(sizeof info);
      } else {
        struct in6_pktinfo info = {.ipi6_addr = s->asked};
        h->cmsg_level = IPPROTO_IPV6;
        h->cmsg_type = IPV6_PKTINFO;
        h->cmsg_len = (socklen_t)CMSG_LEN(sizeof info);
        memcpy(CMSG_DATA(h), &info, sizeof info);
        used = CMSG_SPACE(sizeof info);
      }
    }
  }
  if (segment) {
    uint16_t size = (uint16_t)segment;
    h = (struct cmsghdr *)(c.room + used);
    h->cmsg_level = IPPROTO_UDP;
    h->cmsg_type = UDP_SEGMENT;
    h->cmsg_len = (socklen_t)CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(h), &size, sizeof size);
    used += CMSG_SPACE(sizeof size);
  }
  if (used) {
    m.msg_control = c.room;
    m.msg_controllen = (__typeof__(m.msg_controllen))used;
  }
  int fd = r->back ? s->from->src.fd : s->src.fd;
  for (int again = 0;; again++) {
    ssize_t x = sendmsg(fd, &m, MSG_NOSIGNAL);
    /* An ICMP error of an earlier datagram is reported instead of sending: it is over with that. */
    if (x == -1 && !again && errno != EAGAIN && errno != EINVAL && errno != EMSGSIZE &&
        errno != EIO)
      continue;
    return x;
  }
}

void batch_flush(struct batch *r)
{
  struct port *p;
  size_t sent = 0;
  uint64_t lost = 0;

  if (!r->n)
    return;
  p = r->session->from->target->port;
  if (r->n > 1 || r->size < r->total) {
    if (r->session->src.bits & NO_SEGMENTS || put(r, r->v, r->n, r->size) == -1) {
      /* Larger than the route's MTU, or a device that cannot: one by one. A super-packet has one
         vector for all. */
      if (errno != EAGAIN)
        r->session->src.bits |= NO_SEGMENTS;
      for (unsigned int i = 0; i < r->n; i++)
        for (size_t at = 0; at < r->v[i].iov_len; at += r->size) {
          struct iovec one = {(char *)r->v[i].iov_base + at,
                              r->v[i].iov_len - at < r->size ? r->v[i].iov_len - at : r->size};
          if (put(r, &one, 1, 0) == -1)
            lost++;
          else
            sent += one.iov_len;
        }
    } else
      sent = r->total;
  } else if (put(r, r->v, 1, 0) == -1)
    lost++;
  else
    sent = r->total;
  if (r->back)
    p->stat.out += sent;
  else
    p->stat.in += sent;
  p->stat.dropped += lost;
  port_touch(p);
  r->n = 0;
}

void batch_add(struct batch *r, struct session *s, int back, char *data, size_t len, size_t segment)
{
  if (r->n && (r->session != s || r->closed || segment || !len || len > r->size ||
               r->n == SEGMENTS || r->total + len > TOTAL))
    batch_flush(r);
  if (!r->n) {
    r->session = s;
    r->back = back;
    r->total = 0;
    r->size = segment && segment < len ? segment : len;
    r->closed = !len || (segment && segment < len);
  } else if (len < r->size)
    r->closed = 1;
  r->v[r->n++] = (struct iovec){data, len};
  r->total += len;
}
