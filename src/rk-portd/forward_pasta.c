/* SPDX-License-Identifier: ISC
   -P implicit: pasta publishes by itself whatever listens inside, under the same number. Nothing to
   do but to look: does the host listen there? (sock_diag(7), for which nobody needs a privilege) */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>

#include <rk/text.h>
#include "portd.h"

enum { LOOK_MS = 1000 };

static int diag = -1;

/* Is there a socket of the host that a datagram or connection to this port would reach? */
static int open_at(int family, int protocol, int64_t port)
{
  struct {
    struct nlmsghdr head;
    struct inet_diag_req_v2 ask;
  } q = {{.nlmsg_len = sizeof q, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST},
         {0}};
  union {
    struct nlmsghdr head;
    char buf[1024];
  } a;

  q.ask.sdiag_family = (uint8_t)family;
  q.ask.sdiag_protocol = (uint8_t)protocol;
  q.ask.idiag_states = ~0U;
  q.ask.id.idiag_sport = htons((uint16_t)port);
  q.ask.id.idiag_cookie[0] = q.ask.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  if (family == AF_INET)
    q.ask.id.idiag_src[0] = q.ask.id.idiag_dst[0] = htonl(INADDR_LOOPBACK);
  else
    q.ask.id.idiag_src[3] = q.ask.id.idiag_dst[3] = htonl(1);
  if (send(diag, &q, sizeof q, 0) < 0 || recv(diag, &a, sizeof a, 0) < (ssize_t)sizeof a.head)
    return 0;
  return a.head.nlmsg_type == SOCK_DIAG_BY_FAMILY;
}

static int open_anywhere(struct published const *p)
{
  struct rk_portspec const *s = &p->file.spec;
  int protocol = rk_proto_is_tcp(s->proto) ? IPPROTO_TCP : IPPROTO_UDP;
  int four = s->proto != RK_PROTO_TCP6 && s->proto != RK_PROTO_UDP6,
      six = s->proto != RK_PROTO_TCP4 && s->proto != RK_PROTO_UDP4;

  for (uint32_t k = 0; k < s->count; k++)
    if ((four && open_at(AF_INET, protocol, s->parentport + k)) ||
        (six && open_at(AF_INET6, protocol, s->parentport + k)))
      return 1;
  return 0;
}

static int pasta_open(struct published *p, char *err, size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);
  struct rk_portspec const *s = &p->file.spec;
  struct sockaddr_storage sa;
  int v6only, any;

  if (!rk_proto_is_tcp(s->proto) && !rk_proto_is_udp(s->proto)) {
    rk_text_str(&t, "unsupported port protocol ");
    rk_text_str(&t, rk_proto_name(s->proto));
    return -1;
  }
  if (rk_portspec_listen(s, 0, &sa, &v6only, err, errsize) < 0)
    return -1;
  any = sa.ss_family == AF_INET ? !((struct sockaddr_in *)&sa)->sin_addr.s_addr
                                : IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&sa)->sin6_addr);
  if (!any)
    rk_text_str(&t, "pasta publishes on all addresses, not on one");
  else if (s->parentport != s->childport || s->childip[0])
    rk_text_str(&t, "pasta cannot change the number of a port or its address inside");
  else if (p->file.listenfd[0] || p->file.refuse_backend || p->file.idle ||
           p->file.srcip == RK_SRCIP_NO || p->file.srcip == RK_SRCIP_PLAIN)
    rk_text_str(&t, "pasta does not support listen-fd=, refuse=, idle=, srcip=no or srcip=plain");
  else {
    p->forwarded = portd.chain && open_anywhere(p);
    return p->forwarded ? PORTD_LISTENING : PORTD_WAITING;
  }
  return -1;
}

static void pasta_close(struct published *p)
{
  p->forwarded = 0;
}

static void pasta_change(struct published *p)
{
  (void)p;
}

static int pasta_up(char *err, size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);

  if (diag < 0)
    diag = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (diag >= 0) {
    for (struct published *p = portd.ports; p; p = p->next)
      portd_status_dirty(p);
    return 0;
  }
  rk_text_str(&t, "unable to ask the kernel for sockets: ");
  rk_text_str(&t, portd_errtext(errno));
  return -1;
}

static void pasta_down(void)
{
  for (struct published *p = portd.ports; p; p = p->next) {
    p->forwarded = 0;
    if (p->state == PORTD_LISTENING)
      p->state = PORTD_WAITING;
  }
}

static int pasta_tick(void)
{
  for (struct published *p = portd.ports; p; p = p->next) {
    int there;
    if (p->state == PORTD_ERROR)
      continue;
    there = open_anywhere(p);
    if (there != (p->state == PORTD_LISTENING)) {
      p->state = there ? PORTD_LISTENING : PORTD_WAITING;
      p->forwarded = there != 0;
      portd_status_dirty(p);
    }
  }
  return LOOK_MS;
}

struct forwarder const forward_pasta = {
  .name = "implicit",
  .waiting = "pasta listens there once a program inside does; a pasta of 2023 never",
  .open = pasta_open,
  .close = pasta_close,
  .change = pasta_change,
  .up = pasta_up,
  .down = pasta_down,
  .tick = pasta_tick,
};
