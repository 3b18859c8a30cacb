/* SPDX-License-Identifier: ISC
   -P gvisor-tap-vsock: ask the chain's gvproxy, by its API socket, to publish. HTTP, one request a
   connection. */
#include <errno.h>
#include <string.h>
#include <netinet/in.h>

#include "api.h"
#include "errtext.h"
#include "forward.h"

enum { TEXT_MAX = 800 };

static void address(struct rk_text *t, char const *ip, int64_t port)
{
  int six = strchr(ip, ':') != NULL;

  rk_text_add(t, six ? "[" : "", ip, six ? "]:" : ":");
  rk_text_num(t, port);
}

/* POST /services/forwarder/VERB for the k-th port of the range. Nothing in an address that was
   parsed needs escaping in JSON. */
static void compose(struct rk_text *t, char const *verb, struct published const *p, uint32_t k,
                    char const *inside)
{
  struct rk_portspec const *s = &p->file.spec;
  int four = s->proto == RK_PROTO_TCP4 || s->proto == RK_PROTO_UDP4;
  char body[TEXT_MAX / 2];
  struct rk_text b = rk_text_in(body, sizeof body);

  rk_text_add(&b, "{\"protocol\":\"", rk_proto_is_tcp(s->proto) ? "tcp" : "udp", "\",\"local\":\"");
  address(&b, !s->parentip[0] && four ? "0.0.0.0" : s->parentip, s->parentport + k);
  rk_text_str(&b, "\",\"remote\":\"");
  address(&b, inside, s->childport + k);
  rk_text_str(&b, "\"}");
  rk_text_add(t, "POST /services/forwarder/", verb,
              " HTTP/1.1\r\nHost: gvproxy\r\nConnection: close\r\n"
              "Content-Type: application/json\r\nContent-Length: ");
  rk_text_num(t, (int64_t)b.len);
  rk_text_str(t, "\r\n\r\n");
  rk_text_mem(t, b.s, b.len);
}

/* "HTTP/1.1 200 OK", or another status and a line of text. */
static enum forwarded understand(char const *answer, struct rk_text *why)
{
  char const *body = strstr(answer, "\r\n\r\n");

  if (!strncmp(answer, "HTTP/1.1 200 ", 13))
    return FORWARD_LISTENING;
  rk_text_str(why, "gvproxy: ");
  if (!body)
    rk_text_str(why, "no answer in HTTP");
  else
    rk_text_quote(why, body + 4, strcspn(body + 4, "\r\n"));
  return FORWARD_REFUSED;
}

static enum forwarded add(struct forward const *f, struct published *p, uint32_t k,
                          char const *inside, struct rk_text *why)
{
  char buf[TEXT_MAX];
  char answer[TEXT_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  compose(&t, "expose", p, k, inside);
  if (api_call(f, &t, answer, sizeof answer) != -1)
    return understand(answer, why);
  if (errno == ENOENT || errno == ECONNREFUSED)
    rk_text_str(why, "gvproxy has no API socket: set RK_PORT_DRIVER=gvisor-tap-vsock before the "
                     "chain starts");
  else
    rk_text_add(why, "gvproxy does not answer: ", errtext(errno));
  return FORWARD_LOST;
}

static void del(struct rk_text *t, struct published const *p, uint32_t k)
{
  compose(t, "unexpose", p, k, "");
}

static struct api_words const WORDS = {.add = add, .del = del};

static void gvproxy_detach(struct forward *f, struct published *p)
{
  api_detach(f, p, &WORDS);
}

static enum forwarded gvproxy_attach(struct forward *f, struct published *p, struct rk_text *why)
{
  char inside[RK_PORTSPEC_IPMAX] = "";

  if (api_inside_address(f, p, inside, sizeof inside, why) == -1)
    return FORWARD_REFUSED;
  return api_attach(f, p, &WORDS, inside, why);
}

/* What gvproxy cannot do is refused whether there is a chain or not. */
static enum forwarded gvproxy_check(struct published const *p, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  struct rk_portfile other = p->file;
  struct in6_addr addr = {0};
  int child = AF_INET;

  other.srcip = RK_SRCIP_PREFER; /* it shows its gateway, whatever is asked for */
  if (s->childip[0])
    child = rk_ip_parse(s->childip, strlen(s->childip), &addr);
  if (s->proto != RK_PROTO_TCP && s->proto != RK_PROTO_TCP4 && s->proto != RK_PROTO_UDP &&
      s->proto != RK_PROTO_UDP4) {
    rk_text_str(why, "unsupported protocol ");
    rk_text_quote(why, rk_proto_name(s->proto), strlen(rk_proto_name(s->proto)));
  } else if (child != AF_INET) {
    rk_text_add(why, "unsupported IP (v6?): ", s->childip);
  } else if (addr.s6_addr[12] == 127) {
    rk_text_add(why, "gvproxy does not reach the loopback address inside: ", s->childip);
  } else if (p->file.listenfd[0] || rk_portfile_needs_relay(&other)) {
    rk_text_str(why, "gvproxy does not support unix sockets, listen-fd=, ifname=, group=, refuse=, "
                     "wait= or idle=");
  } else if (!s->parentport) {
    rk_text_str(why, "gvproxy does not tell which free port it has chosen: give one");
  } else if (p->file.srcip == RK_SRCIP_REQUIRE) {
    rk_text_str(why, "gvproxy shows clients as its gateway: srcip=require is impossible");
  } else {
    return FORWARD_LISTENING;
  }
  return FORWARD_REFUSED;
}

struct forwarder const forward_gvproxy = {
  .name = "gvisor-tap-vsock",
  .socket = ".gvp.sock",
  .check = gvproxy_check,
  .up = api_up,
  .down = api_down,
  .attach = gvproxy_attach,
  .detach = gvproxy_detach,
  .stale = api_stale,
};
