/* SPDX-License-Identifier: ISC */
#include "plan.h"

#include <skalibs/types.h>

static uint32_t mask(unsigned int prefix)
{
  return prefix ? 0xffffffffU << (32 - prefix) : 0;
}

/* Four decimal bytes without leading zeros (which some read as octal). Length, or 0. */
static size_t address(char const *s, uint32_t *addr)
{
  size_t at = 0;

  *addr = 0;
  for (int i = 0; i < 4; i++) {
    unsigned int byte;
    if (i && s[at++] != '.')
      return 0;
    size_t n = uint_scan(s + at, &byte);
    if (!n || n > 3 || byte > 255 || (n > 1 && s[at] == '0'))
      return 0;
    *addr = *addr << 8 | byte;
    at += n;
  }
  return at;
}

void plan_fill(struct plan *plan)
{
  /* network + 100 is RootlessKit's address; a network smaller than /25 has no such host. */
  plan->ip = plan->network + (plan->prefix <= 25 ? 100 : 4);
  plan->gateway = plan->network + 2;
  plan->dns = plan->network + 3;
}

enum plan_error plan_parse(char const *cidr, struct plan *plan)
{
  uint32_t addr;
  size_t at = address(cidr, &addr);

  if (!at || cidr[at] != '/' || !uint0_scan(cidr + at + 1, &plan->prefix) || plan->prefix > 32 ||
      (cidr[at + 1] == '0' && cidr[at + 2]))
    return PLAN_SYNTAX;
  plan->network = addr & mask(plan->prefix);
  if (plan->prefix < PLAN_SHORTEST || plan->prefix > PLAN_LONGEST)
    return PLAN_PREFIX;
  if (addr != plan->network)
    return PLAN_HOSTBITS;
  if (addr >> 24 == 0 || addr >> 24 == 127 || addr >> 29 == 7)
    return PLAN_RANGE;
  plan_fill(plan);
  return PLAN_OK;
}

int plan_overlap(uint32_t a, unsigned int aprefix, uint32_t b, unsigned int bprefix)
{
  return !((a ^ b) & mask(aprefix < bprefix ? aprefix : bprefix));
}

uint32_t plan_candidate(unsigned int i)
{
  if (i < 254)
    return 0x0a000200U + (i << 8); /* 10.0.2 ... 10.0.255 */
  i -= 254;
  if (i < 255)
    return 0x0a010200U + (i << 16); /* 10.1.2 ... 10.255.2 */
  i -= 255;
  if (i < 16)
    return 0xac100200U + (i << 16); /* 172.16.2 ... 172.31.2 */
  i -= 16;
  /* 192.168.255 ... 192.168.0: routers at home count up */
  if (i < 256)
    return 0xc0a80000U + ((255 - i) << 8);
  return 0;
}

void plan_text(char *s, uint32_t network, unsigned int prefix)
{
  size_t n = 0;

  for (int shift = 24; shift >= 0; shift -= 8) {
    n += uint_fmt(s + n, network >> shift & 255);
    s[n++] = shift ? '.' : '/';
  }
  n += uint_fmt(s + n, prefix);
  s[n] = 0;
}
