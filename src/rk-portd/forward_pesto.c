/* SPDX-License-Identifier: ISC
   -P pesto: ask the chain's pasta to publish, by the driver, which runs pesto(1). One line a
   connection, one line back. */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>

#include "api.h"
#include "errtext.h"
#include "forward.h"

enum { TEXT_MAX = 600 };

/* "add tcp 0.0.0.0 8080 80", or "del": the k-th port of the range. */
static void compose(struct rk_text *t, char const *verb, struct published const *p, uint32_t k)
{
  struct rk_portspec const *s = &p->file.spec;
  int six = s->proto == RK_PROTO_TCP6 || s->proto == RK_PROTO_UDP6;
  char const *ip = s->parentip;

  if (!*ip)
    ip = six ? "::" : "0.0.0.0";
  rk_text_add(t, verb, rk_proto_is_tcp(s->proto) ? " tcp " : " udp ", ip, " ");
  rk_text_num(t, s->parentport + k);
  rk_text_str(t, " ");
  rk_text_num(t, s->childport + k);
  rk_text_str(t, "\n");
}

static enum forwarded add(struct forward const *f, struct published *p, uint32_t k,
                          char const *inside, struct rk_text *why)
{
  char buf[TEXT_MAX];
  char answer[TEXT_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  (void)inside; /* pasta's own */
  compose(&t, "add", p, k);
  if (api_call(f, &t, answer, sizeof answer) == -1) {
    if (errno == ENOENT || errno == ECONNREFUSED)
      rk_text_str(why, "pasta has no socket for pesto: set RK_PORT_DRIVER=pesto before the chain "
                       "starts");
    else
      rk_text_add(why, "pasta's driver does not answer: ", errtext(errno));
    return FORWARD_LOST;
  }
  if (!strcmp(answer, "ok\n"))
    return FORWARD_LISTENING;
  rk_text_str(why, "pesto: ");
  rk_text_quote(why, answer, strcspn(answer, "\n"));
  return FORWARD_REFUSED;
}

static void del(struct rk_text *t, struct published const *p, uint32_t k)
{
  compose(t, "del", p, k);
}

static struct api_words const WORDS = {.add = add, .del = del};

static void pesto_detach(struct forward *f, struct published *p)
{
  api_detach(f, p, &WORDS);
}

static enum forwarded pesto_attach(struct forward *f, struct published *p, struct rk_text *why)
{
  char inside[RK_PORTSPEC_IPMAX] = "";
  struct published usual = *p;

  usual.file.spec.childip[0] = 0;
  if (api_inside_address(f, &usual, inside, sizeof inside, why) == -1)
    return FORWARD_REFUSED;
  if (p->file.spec.childip[0] && strcmp(p->file.spec.childip, inside)) {
    rk_text_add(why, "unsupported ChildIP \"", p->file.spec.childip,
                "\": the pesto port driver only supports the namespace address \"", inside, "\"");
    return FORWARD_REFUSED;
  }
  return api_attach(f, p, &WORDS, inside, why);
}

/* What pesto cannot do is refused whether there is a chain or not. */
static enum forwarded pesto_check(struct published const *p, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  struct in6_addr unused;
  int four = s->proto == RK_PROTO_TCP4 || s->proto == RK_PROTO_UDP4;
  int six = s->proto == RK_PROTO_TCP6 || s->proto == RK_PROTO_UDP6;
  int family = rk_ip_parse(s->parentip, strlen(s->parentip), &unused);

  if (!rk_proto_is_tcp(s->proto) && !rk_proto_is_udp(s->proto)) {
    rk_text_add(why, "unsupported protocol: ", rk_proto_name(s->proto));
  } else if ((four && family == AF_INET6) || (six && family == AF_INET)) {
    rk_text_add(why, "unsupported IP: ", s->parentip);
  } else if (p->file.listenfd[0] || rk_portfile_needs_relay(&p->file)) {
    rk_text_str(why, "pesto does not support unix sockets, listen-fd=, ifname=, group=, refuse=, "
                     "wait=, idle=, srcip=no or srcip=plain");
  } else if (!s->parentport) {
    rk_text_str(why, "pesto does not tell which free port it has chosen: give one");
  } else {
    return FORWARD_LISTENING;
  }
  return FORWARD_REFUSED;
}

struct forwarder const forward_pesto = {
  .name = "pesto",
  .socket = ".pesto",
  .check = pesto_check,
  .up = api_up,
  .down = api_down,
  .attach = pesto_attach,
  .detach = pesto_detach,
  .stale = api_stale,
};
