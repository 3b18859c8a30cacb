/* SPDX-License-Identifier: ISC */
#include <rk/diag.h>

#include <errno.h>
#include <string.h>
#include <netinet/in.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>

#include <rk/fail.h>
#include <rk/netlink.h>

static struct inet_diag_req_v2 question(int protocol, struct sockaddr const *dest)
{
  struct inet_diag_req_v2 req = {
    .sdiag_family = (uint8_t)dest->sa_family,
    .sdiag_protocol = (uint8_t)protocol,
    .idiag_states = ~0U,
    .id.idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE},
  };
  struct sockaddr_in const *four = (struct sockaddr_in const *)dest;
  struct sockaddr_in6 const *six = (struct sockaddr_in6 const *)dest;
  /* The socket's own address is src for TCP, and dst for UDP: udp_dump_one (net/ipv4/udp_diag.c)
     has them swapped. */
  int udp = protocol == IPPROTO_UDP;
  void *addr = udp ? req.id.idiag_dst : req.id.idiag_src;
  __be16 *port = udp ? &req.id.idiag_dport : &req.id.idiag_sport;

  if (dest->sa_family == AF_INET) {
    memcpy(addr, &four->sin_addr, sizeof four->sin_addr);
    *port = four->sin_port;
  } else {
    memcpy(addr, &six->sin6_addr, sizeof six->sin6_addr);
    *port = six->sin6_port;
  }
  return req;
}

int rk_diag_listens(int fd, int protocol, struct sockaddr const *dest)
{
  struct inet_diag_req_v2 req = question(protocol, dest);
  struct rk_nl batch;
  union {
    struct nlmsghdr head;
    char room[1024];
  } answer;
  ssize_t r;
  int error;

  if (dest->sa_family != AF_INET && dest->sa_family != AF_INET6)
    return rk_fail(EAFNOSUPPORT);
  rk_nl_init(&batch);
  rk_nl_msg(&batch, SOCK_DIAG_BY_FAMILY, 0, &req, sizeof req, "find a listener");
  do
    r = send(fd, batch.buf.b, batch.len, 0);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return -1;
  do
    r = recv(fd, &answer, sizeof answer, 0);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return -1;
  if ((size_t)r < NLMSG_HDRLEN)
    return rk_fail(EPROTO);
  if (answer.head.nlmsg_type == SOCK_DIAG_BY_FAMILY)
    return 1;
  if (answer.head.nlmsg_type != NLMSG_ERROR || (size_t)r < NLMSG_LENGTH(sizeof error))
    return rk_fail(EPROTO);
  memcpy(&error, NLMSG_DATA(&answer.head), sizeof error);
  return error == -ENOENT ? 0 : rk_fail(-error);
}
