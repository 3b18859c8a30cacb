/* SPDX-License-Identifier: ISC
   -P relay: bind here, hand the listening sockets to rk-relay, and read its counters. */
#include <string.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>

#include <rk/text.h>
#include "portd.h"

enum { STATS_MIN = 1000, STATS_MAX = 8000 };

static int pace = STATS_MIN;

void portd_relay_lost(void)
{
  for (struct published *p = portd.ports; p; p = p->next) {
    p->sum.total += p->stat.total;
    p->sum.in += p->stat.in;
    p->sum.out += p->stat.out;
    p->sum.refused += p->stat.refused;
    p->sum.kept += p->stat.kept;
    p->sum.dropped += p->stat.dropped;
    memset(&p->stat, 0, sizeof p->stat);
    if (p->forwarded)
      portd_status_dirty(p);
    p->forwarded = 0;
  }
}

static void fail(struct published *p, struct rk_relay_say const *say)
{
  char text[300];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "rk-relay: ");
  rk_text_mem(&t, say->text, strnlen(say->text, sizeof say->text));
  rk_text_str(&t, say->text[0] ? ": " : "");
  rk_text_str(&t, portd_errtext(say->error));
  portd.driver->close(p);
  p->state = PORTD_ERROR;
  portd_port_fail(p, text, 1);
}

static int needs_six(struct published const *p)
{
  struct sockaddr_storage sa;

  if (p->state != PORTD_LISTENING)
    return 0;
  portd_target(p, &sa);
  if (sa.ss_family == AF_INET6)
    return 1;
  return p->file.refuse_backend && rk_proto_is_udp(p->file.spec.proto) &&
         strchr(p->file.spec.parentip, ':');
}

int portd_forward_six(void)
{
  for (struct published *p = portd.ports; p; p = p->next) {
    if (needs_six(p))
      return 1;
  }
  return 0;
}

/* Hand one port's sockets over. 0; -1: the relay is lost, or will not have them (the port is then
   in error). */
static int add(struct published *p)
{
  struct rk_relay_add add = {.head = {RK_RELAY_VERSION, RK_RELAY_ADD}};
  struct rk_relay_say say;
  struct sockaddr_storage sa;

  if (p->forwarded)
    return 0;
  portd_target(p, &sa);
  add.id = p->id;
  add.proto = rk_proto_is_tcp(p->file.spec.proto) ? IPPROTO_TCP : IPPROTO_UDP;
  add.srcip = (uint8_t)p->file.srcip;
  add.refuse = (uint8_t)p->file.refuse_backend;
  add.idle = p->file.idle;
  add.dest.family = sa.ss_family;
  if (sa.ss_family == AF_INET) {
    add.dest.addr.v4 = ((struct sockaddr_in *)&sa)->sin_addr;
    add.dest.port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
  } else {
    add.dest.addr.v6 = ((struct sockaddr_in6 *)&sa)->sin6_addr;
    add.dest.port = ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
  }
  portd_listen_again(p);
  for (add.index = 0; add.index < p->nfds; add.index += RK_RELAY_FDS_MAX) {
    size_t n = p->nfds - add.index;
    if (n > RK_RELAY_FDS_MAX)
      n = RK_RELAY_FDS_MAX;
    if (portd_relay_ask(&add, sizeof add, p->fds + add.index, n, &say, sizeof say) < 0)
      return -1;
    if (say.error) {
      if (add.index) {
        struct rk_relay_del del = {{RK_RELAY_VERSION, RK_RELAY_DEL}, p->id};
        struct rk_relay_say ignored;
        portd_relay_ask(&del, sizeof del, 0, 0, &ignored, sizeof ignored);
      }
      fail(p, &say);
      return -1;
    }
  }
  p->forwarded = 1;
  portd_status_dirty(p);
  return 0;
}

static void del(struct published *p)
{
  struct rk_relay_del d = {{RK_RELAY_VERSION, RK_RELAY_DEL}, p->id};
  struct rk_relay_say say;

  if (p->forwarded)
    portd_relay_ask(&d, sizeof d, 0, 0, &say, sizeof say);
  p->forwarded = 0;
}

static int relay_up(char *err, size_t errsize)
{
  if (!portd_relay_there())
    pace = STATS_MIN;
  /* a chain that publishes nothing needs no relay: the first port brings it */
  if (!portd.ports)
    return 0;
  if (portd_relay_start(err, errsize) < 0)
    return -1;
  for (struct published *p = portd.ports; p; p = p->next)
    /* its death is on its way by SIGCHLD */
    if (p->state == PORTD_LISTENING && add(p) < 0 && !portd_relay_there())
      break;
  return 0;
}

static void relay_down(void)
{
  portd_relay_end();
}

static int relay_open(struct published *p, char *err, size_t errsize)
{
  if (portd_bind(p, err, errsize) < 0)
    return -1;
  p->state = PORTD_LISTENING;
  int renewed = needs_six(p) && portd_relay_renew();
  if (!portd_relay_there() && portd.chain && !portd.trouble[0]) {
    char why[sizeof portd.trouble];
    if (portd_relay_start(why, sizeof why) < 0)
      portd_chain_failed(why);
    else if (renewed && relay_up(why, sizeof why) < 0)
      portd_chain_failed(why);
  }
  if (portd_relay_there() && add(p) < 0 && p->state == PORTD_ERROR) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, p->error ? p->error : "rk-relay refused it");
    return -1;
  }
  return PORTD_LISTENING;
}

static void relay_close(struct published *p)
{
  del(p);
  portd_unbind(p);
}

static void relay_change(struct published *p)
{
  char why[sizeof portd.trouble];

  del(p);
  if (needs_six(p) && portd_relay_renew()) {
    if (relay_up(why, sizeof why) < 0)
      portd_chain_failed(why);
    return;
  }
  if (portd_relay_there())
    add(p);
}

void portd_relay_stats(void)
{
  static struct rk_relay_stats s;
  struct rk_relay_head ask_stats = {RK_RELAY_VERSION, RK_RELAY_STATS};
  int changed = 0;
  /* answers: each names a port at least, and a relay that was taken over must not keep us for
     ever */
  size_t left = 1;

  if (!portd_relay_there())
    return;
  for (struct published *p = portd.ports; p; p = p->next)
    left++;
  if (portd_relay_ask(&ask_stats, sizeof ask_stats, 0, 0, &s, sizeof s) < 0)
    return;
  for (;;) {
    for (uint32_t i = 0; i < s.n && i < RK_RELAY_STATS_MAX; i++) {
      struct published *p = portd_port_id(s.stat[i].id);
      s.stat[i].id = 0;
      if (!p || !memcmp(&p->stat, &s.stat[i], sizeof p->stat))
        continue;
      p->stat = s.stat[i];
      portd_status_dirty(p);
      changed = 1;
    }
    if (!s.more)
      break;
    if (!--left) {
      strerr_warnw("rk-relay answers without end: it is replaced");
      portd_relay_replace();
      break;
    }
    if (portd_relay_more(&s, sizeof s) < 0)
      break;
  }
  pace = changed ? STATS_MIN : pace * 2 > STATS_MAX ? STATS_MAX : pace * 2;
}

static int relay_tick(void)
{
  portd_relay_stats();
  return pace;
}

void portd_relay_srcip(struct published const *p, struct rk_text *t)
{
  int e = portd_relay_srcip4 ? portd_relay_srcip4 : portd_relay_srcip6;

  if (portd.driver != &forward_relay) {
    if (p->forwarded)
      rk_text_str(t, "srcip=kept\n"); /* both do, by their nature */
    return;
  }
  if (p->file.srcip == RK_SRCIP_NO || p->file.srcip == RK_SRCIP_PLAIN) {
    rk_text_str(t, p->file.srcip == RK_SRCIP_NO ? "srcip=gateway\n" : "srcip=plain\n");
    return;
  }
  if (!p->forwarded)
    return;
  rk_text_str(t, !e                                  ? "srcip=kept\n"
                 : p->file.srcip == RK_SRCIP_REQUIRE ? "srcip=refused"
                                                     : "srcip=gateway");
  if (!e)
    return;
  rk_text_str(t, portd_relay_srcip4 && portd_relay_srcip6 ? "\nsrcip-reason="
                 : portd_relay_srcip4                     ? " for IPv4\nsrcip-reason="
                                                          : " for IPv6\nsrcip-reason=");
  rk_text_str(t, portd_errtext(e));
  rk_text_str(t, "\n");
}

struct forwarder const forward_relay = {
  .name = "relay",
  .open = relay_open,
  .close = relay_close,
  .change = relay_change,
  .up = relay_up,
  .down = relay_down,
  .tick = relay_tick,
};
