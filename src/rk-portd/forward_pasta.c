/* SPDX-License-Identifier: ISC
   -P implicit: pasta publishes by itself whatever listens inside, under the same number. Nothing to
   do but to look: does the host listen there? */
#include <errno.h>
#include <arpa/inet.h>
#include <linux/netlink.h>

#include <rk/diag.h>
#include <rk/netlink.h>
#include "errtext.h"
#include "forward.h"

enum { LOOK_MS = 1000 };

static enum forwarded pasta_check(struct published const *p, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  struct sockaddr_storage sa;
  struct sockaddr_in const *four = (void const *)&sa;
  struct sockaddr_in6 const *six = (void const *)&sa;
  char err[RK_PORTSPEC_ERRMAX];
  int v6only;
  int any;

  if (!rk_proto_is_tcp(s->proto) && !rk_proto_is_udp(s->proto)) {
    rk_text_add(why, "unsupported port protocol ", rk_proto_name(s->proto));
    return FORWARD_REFUSED;
  }
  if (rk_portspec_listen(s, 0, &sa, &v6only, err, sizeof err) == -1) {
    rk_text_str(why, err);
    return FORWARD_REFUSED;
  }
  if (sa.ss_family == AF_INET)
    any = four->sin_addr.s_addr == htonl(INADDR_ANY);
  else
    any = IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr);
  if (!any) {
    rk_text_str(why, "pasta publishes on all addresses, not on one");
  } else if (s->parentport != s->childport || s->childip[0]) {
    rk_text_str(why, "pasta cannot change the number of a port or its address inside");
  } else if (p->file.listenfd[0] || rk_portfile_needs_relay(&p->file)) {
    rk_text_str(why, "pasta does not support listen-fd=, refuse=, wait=, idle=, srcip=no or "
                     "srcip=plain");
  } else {
    return FORWARD_LISTENING;
  }
  return FORWARD_REFUSED;
}

static enum forwarded trouble(struct rk_text *why)
{
  rk_text_add(why, "unable to ask the kernel for sockets: ", errtext(errno));
  return FORWARD_LOST;
}

static enum forwarded pasta_up(struct forward *f, struct rk_text *why)
{
  if (f->diag == -1)
    f->diag = rk_nl_open(NETLINK_SOCK_DIAG);
  return f->diag == -1 ? trouble(why) : FORWARD_LISTENING;
}

/* Is there a socket of the host that a datagram or connection to this port of the loopback address
   would reach? 1, 0, or -1 with errno. */
static int listens4(struct forward const *f, int protocol, uint16_t port)
{
  struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port)};

  sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return rk_diag_listens(f->diag, protocol, (struct sockaddr *)&sa);
}

static int listens6(struct forward const *f, int protocol, uint16_t port)
{
  struct sockaddr_in6 sa = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

  sa.sin6_addr = in6addr_loopback;
  return rk_diag_listens(f->diag, protocol, (struct sockaddr *)&sa);
}

/* A range is there when one port of it is. */
static enum forwarded pasta_attach(struct forward *f, struct published *p, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  int protocol = rk_proto_is_tcp(s->proto) ? IPPROTO_TCP : IPPROTO_UDP;
  int four = s->proto != RK_PROTO_TCP6 && s->proto != RK_PROTO_UDP6;
  int six = s->proto != RK_PROTO_TCP4 && s->proto != RK_PROTO_UDP4;

  for (uint32_t k = 0; k < s->count; k++) {
    uint16_t port = (uint16_t)(s->parentport + k);
    int r = four ? listens4(f, protocol, port) : 0;
    if (r == 0 && six)
      r = listens6(f, protocol, port);
    if (r == -1)
      return trouble(why);
    if (r == 1)
      return FORWARD_LISTENING;
  }
  return FORWARD_WAITING;
}

struct forwarder const forward_pasta = {
  .name = "implicit",
  .waiting = "pasta listens there once a program inside does; a pasta of 2023 never",
  .look_ms = LOOK_MS,
  .check = pasta_check,
  .up = pasta_up,
  .attach = pasta_attach,
};
