/* SPDX-License-Identifier: ISC */
#include "resolv.h"

#include <string.h>
#include <arpa/inet.h>

#include <skalibs/fmtscan.h>

void resolv_add(struct resolv *r, char const *value)
{
  struct nameserver ns = {.six = 0};
  char raw[16];
  size_t len;

  value += strspn(value, " \t");
  if (r->n == RESOLV_HOST)
    return;
  ns.six = strchr(value, ':') != NULL;
  len = ns.six ? ip6_scan(value, raw) : ip4_scan(value, raw);
  if (!len || (value[len] && !strchr(" \t%", value[len])))
    return;
  ns.zone = value[len] == '%';
  memcpy(ns.addr, raw, ns.six ? 16 : 4);
  r->host[r->n] = ns;
  r->n++;
}

static int in_plan4(struct rk_net_plan const *plan, uint32_t addr)
{
  uint32_t mask = plan->prefix ? 0xffffffffU << (32 - plan->prefix) : 0;

  return plan->dns.s_addr && !((addr ^ ntohl(plan->network.s_addr)) & mask);
}

/* Loopback and link-local addresses (RFC 1122, RFC 3927) mean another machine inside. */
static int reachable4(struct nameserver const *ns, struct rk_net_plan const *plan)
{
  uint32_t addr = (uint32_t)ns->addr[0] << 24 | (uint32_t)ns->addr[1] << 16 |
                  (uint32_t)ns->addr[2] << 8 | ns->addr[3];

  if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 16 == 0xa9fe)
    return 0;
  return !in_plan4(plan, addr);
}

/* Likewise ::/96 and ::ffff:0:0/96, which hold ::, ::1 and 127.0.0.1, and fe80::/10 (RFC 4291). */
static int reachable6(struct nameserver const *ns, struct rk_net_plan const *plan)
{
  static uint8_t const zero[10];
  uint8_t const *a = ns->addr;

  if (!plan->ip6.s6_addr[0] || ns->zone)
    return 0;
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80)
    return 0;
  if (!memcmp(a, zero, sizeof zero))
    return 0;
  return memcmp(a, plan->ip6.s6_addr, 8) != 0;
}

static int reachable(struct nameserver const *ns, struct rk_net_plan const *plan)
{
  return ns->six ? reachable6(ns, plan) : reachable4(ns, plan);
}

/* The first of the host's of that family, which a driver of that kind asks; NULL: there is none. A
   driver that has read its address once took it without a zone. */
static struct nameserver const *asked(struct resolv const *r, int six, struct report const *report)
{
  for (unsigned int i = 0; i < r->n; i++)
    if (r->host[i].six == six && !(r->host[i].zone && report->resolver_fixed))
      return &r->host[i];
  return NULL;
}

struct chosen {
  struct nameserver *list;
  unsigned int n;
};

static void list_one(struct chosen *c, int six, void const *addr)
{
  struct nameserver *ns = &c->list[c->n];

  if (c->n == RESOLV_MAX)
    return;
  *ns = (struct nameserver){.six = (uint8_t)six};
  memcpy(ns->addr, addr, six ? 16 : 4);
  c->n++;
}

static void list_host(struct chosen *c, struct resolv const *r, struct rk_net_plan const *plan,
                      struct nameserver const *not4, struct nameserver const *not6)
{
  for (unsigned int i = 0; i < r->n; i++) {
    struct nameserver const *ns = &r->host[i];
    if (ns != not4 && ns != not6 && reachable(ns, plan))
      list_one(c, ns->six, ns->addr);
  }
}

unsigned int resolv_choose(struct resolv const *r, struct rk_net_plan const *plan,
                           struct report const *report, struct nameserver list[RESOLV_MAX])
{
  struct chosen c = {.list = list};
  struct nameserver const *four = asked(r, 0, report);
  struct nameserver const *six = asked(r, 1, report);
  int any = !report->resolver_family || !r->n;
  int use4 = plan->dns.s_addr && (any || four);
  int use6 = plan->dns6.s6_addr[0] && (any || six);

  int direct = report->resolver_udp && r->n && reachable(&r->host[0], plan);

  if (direct)
    list_host(&c, r, plan, NULL, NULL);
  if (use4)
    list_one(&c, 0, &plan->dns);
  if (use6)
    list_one(&c, 1, &plan->dns6);
  if (!direct)
    list_host(&c, r, plan, use4 ? four : NULL, use6 ? six : NULL);
  return c.n;
}
