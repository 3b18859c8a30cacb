/* SPDX-License-Identifier: ISC
   -P slirp4netns: ask the chain's slirp4netns, by its API socket, to publish. One request a
   connection, JSON both ways. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>

#include <skalibs/types.h>

#include "api.h"
#include "errtext.h"
#include "forward.h"

enum { TEXT_MAX = 600 };

/* The answers have one of two fixed shapes: {"return":{"id":1}} and {"error":{"desc":"..."}}. */
static int understand(char const *answer, unsigned int *id, struct rk_text *why)
{
  char const *at = strstr(answer, "\"error\"");

  if (at) {
    at = strstr(at, "\"desc\":");
    if (at)
      at = strchr(at + 7, '"');
    rk_text_str(why, "slirp4netns: ");
    if (at)
      rk_text_quote(why, at + 1, strcspn(at + 1, "\""));
    return -1;
  }
  at = strstr(answer, "\"id\":");
  if (!at || !uint_scan(at + 5 + strspn(at + 5, " "), id)) {
    rk_text_str(why, "slirp4netns gave no id");
    return -1;
  }
  return 0;
}

static void quoted(struct rk_text *t, char const *key, char const *value)
{
  rk_text_add(t, key, ":");
  rk_text_json(t, value, strlen(value));
}

/* One port of the range. */
static enum forwarded add(struct forward const *f, struct published *p, uint32_t k,
                          char const *guest, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  char buf[TEXT_MAX];
  char answer[TEXT_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_str(&t, "{\"execute\":\"add_hostfwd\",\"arguments\":{");
  quoted(&t, "\"proto\"", rk_proto_is_tcp(s->proto) ? "tcp" : "udp");
  quoted(&t, ",\"host_addr\"", s->parentip[0] ? s->parentip : "0.0.0.0");
  rk_text_str(&t, ",\"host_port\":");
  rk_text_num(&t, s->parentport + k);
  quoted(&t, ",\"guest_addr\"", guest);
  rk_text_str(&t, ",\"guest_port\":");
  rk_text_num(&t, s->childport + k);
  rk_text_str(&t, "}}");
  if (api_call(f, &t, answer, sizeof answer) != -1)
    return understand(answer, p->remote + k, why) == 0 ? FORWARD_LISTENING : FORWARD_REFUSED;
  if (errno == ENOENT || errno == ECONNREFUSED)
    rk_text_str(why, "slirp4netns has no API socket: set RK_PORT_DRIVER=slirp4netns before the "
                     "chain starts");
  else
    rk_text_add(why, "slirp4netns does not answer: ", errtext(errno));
  return FORWARD_LOST;
}

static void del(struct rk_text *t, struct published const *p, uint32_t k)
{
  rk_text_str(t, "{\"execute\":\"remove_hostfwd\",\"arguments\":{\"id\":");
  rk_text_num(t, p->remote[k]);
  rk_text_str(t, "}}");
}

static struct api_words const WORDS = {.add = add, .del = del};

static void slirp_detach(struct forward *f, struct published *p)
{
  api_detach(f, p, &WORDS);
  free(p->remote);
  p->remote = NULL;
}

static enum forwarded slirp_attach(struct forward *f, struct published *p, struct rk_text *why)
{
  char guest[RK_PORTSPEC_IPMAX] = "";
  enum forwarded r;

  if (api_inside_address(f, p, guest, sizeof guest, why) == -1)
    return FORWARD_REFUSED;
  p->remote = malloc(p->file.spec.count * sizeof *p->remote);
  if (!p->remote) {
    rk_text_str(why, "cannot allocate memory");
    return FORWARD_REFUSED;
  }
  r = api_attach(f, p, &WORDS, guest, why);
  if (r != FORWARD_LISTENING)
    slirp_detach(f, p);
  return r;
}

/* What slirp4netns cannot do is refused whether there is a chain or not. */
static enum forwarded slirp_check(struct published const *p, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  struct in6_addr addr = {0};
  enum rk_proto proto = s->proto;
  int parent = AF_INET;
  int child = AF_INET;

  if (s->parentip[0])
    parent = rk_ip_parse(s->parentip, strlen(s->parentip), &addr);
  addr = (struct in6_addr){0};
  if (s->childip[0])
    child = rk_ip_parse(s->childip, strlen(s->childip), &addr);

  if (proto != RK_PROTO_TCP && proto != RK_PROTO_TCP4 && proto != RK_PROTO_UDP &&
      proto != RK_PROTO_UDP4) {
    rk_text_str(why, "unsupported protocol ");
    rk_text_quote(why, rk_proto_name(proto), strlen(rk_proto_name(proto)));
  } else if (parent != AF_INET) {
    rk_text_add(why, "slirp4netns publishes IPv4 addresses only, not ", s->parentip);
  } else if (child != AF_INET) {
    rk_text_add(why, "unsupported IP (v6?): ", s->childip);
  } else if (addr.s6_addr[12] == 127) {
    rk_text_add(why, "slirp4netns does not reach the loopback address inside: ", s->childip);
  } else if (!s->parentport) {
    rk_text_str(why, "slirp4netns cannot choose a port of the host: give its number");
  } else if (p->file.listenfd[0]) {
    rk_text_str(why, "listen-fd= cannot be handed to slirp4netns");
  } else if (rk_portfile_needs_relay(&p->file)) {
    rk_text_str(why, "slirp4netns does not support refuse=, wait=, idle=, srcip=no or srcip=plain");
  } else {
    return FORWARD_LISTENING;
  }
  return FORWARD_REFUSED;
}

struct forwarder const forward_slirp = {
  .name = "slirp4netns",
  .socket = ".s4nn.sock",
  .half_closes = 1,
  .check = slirp_check,
  .up = api_up,
  .down = api_down,
  .attach = slirp_attach,
  .detach = slirp_detach,
  .stale = api_stale,
};
