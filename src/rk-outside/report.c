/* SPDX-License-Identifier: ISC
   A driver's report: key=value lines and an empty line. A driver may work inside the namespaces (a
   DHCP client), so this is read with suspicion: fixed keys, checked values, bounded lines. */
#include "report.h"

#include <string.h>

#include <skalibs/fmtscan.h>
#include <skalibs/types.h>

#include <rk/netlink.h>

void report_begin(struct report *report)
{
  report->len = 0;
  report->resident = 1;
  report->cleanup = 1;
}

static int number(char const *s, unsigned int max, uint32_t *u)
{
  unsigned int v;

  if (!uint0_scan(s, &v) || v > max)
    return 0;
  *u = v;
  return 1;
}

static int boolean(char const *s, int *b)
{
  if (strcmp(s, "yes") && strcmp(s, "no"))
    return 0;
  *b = *s == 'y';
  return 1;
}

static int ifname(char const *s, char name[16])
{
  if (!rk_ifname_ok(s))
    return 0;
  memset(name, 0, 16);
  memcpy(name, s, strlen(s));
  return 1;
}

static int address(char const *s, struct in_addr *a)
{
  char raw[4];

  if (ip4_scan(s, raw) != strlen(s))
    return 0;
  memcpy(a, raw, 4);
  return 1;
}

static int resolver(char const *s, int *fixed)
{
  if (strcmp(s, "fixed"))
    return !strcmp(s, "followed");
  *fixed = 1;
  return 1;
}

static int family(char const *s, int *same)
{
  if (strcmp(s, "same"))
    return !strcmp(s, "any");
  *same = 1;
  return 1;
}

static int tcp(char const *s, int *udp)
{
  int passed;

  if (!boolean(s, &passed))
    return 0;
  *udp = !passed;
  return 1;
}

static int starts(char const *line, char const *key)
{
  return !strncmp(line, key, strlen(key));
}

/* One line KEY=VALUE. 0: it is none that a driver may write. */
static int assign(struct report *r)
{
  size_t n = strcspn(r->line, "=");
  char const *v = r->line + n + 1;

  if (!r->line[n])
    return 0;
  if (starts(r->line, "ifname="))
    return ifname(v, r->plan->ifname);
  if (starts(r->line, "ip="))
    return address(v, &r->plan->ip);
  if (starts(r->line, "gateway="))
    return address(v, &r->plan->gateway);
  if (starts(r->line, "dns="))
    return address(v, &r->plan->dns);
  if (starts(r->line, "prefix="))
    return number(v, 32, &r->plan->prefix);
  if (starts(r->line, "mtu="))
    return number(v, 65535, &r->plan->mtu);
  if (starts(r->line, "configured="))
    return boolean(v, &r->configured);
  if (starts(r->line, "resident="))
    return boolean(v, &r->resident);
  if (starts(r->line, "cleanup="))
    return boolean(v, &r->cleanup);
  if (starts(r->line, "resolver="))
    return resolver(v, &r->resolver_fixed);
  if (starts(r->line, "resolver-family="))
    return family(v, &r->resolver_family);
  if (starts(r->line, "resolver-tcp="))
    return tcp(v, &r->resolver_udp);
  return 0;
}

/* One line. 1: it ends the report, 0, or -1: nonsense. A number is a readiness signal too: what
   slirp4netns -r writes, or the pid that pasta -P does. */
static int take_line(struct report *r)
{
  if (!r->line[strspn(r->line, "0123456789")])
    return 1;
  return assign(r) ? 0 : -1;
}

int report_take(struct report *r, char const *s, size_t n)
{
  int done = 0;

  for (size_t i = 0; i < n; i++) {
    int end = s[i] == '\n', got;

    if (!end) {
      if (s[i] < ' ' || r->len == sizeof r->line - 1) {
        r->line[r->len] = 0;
        return -1;
      }
      r->line[r->len++] = s[i];
    }
    /* slirp4netns ends its 1 by nothing at all; a pipe hands over whole writes */
    if (!end && !(i + 1 == n && r->len == 1 && r->line[0] == '1'))
      continue;
    r->line[r->len] = 0;
    r->len = 0;
    got = take_line(r);
    if (got == -1)
      return -1;
    done |= got;
  }
  return done;
}
