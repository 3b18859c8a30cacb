/* SPDX-License-Identifier: ISC
   What a driver reports on its fd 5: key=value lines and an empty line, doc/rk-net-drivers.7. A
   driver may work inside the namespaces (a DHCP client), so this is read with suspicion: fixed
   keys, checked values, bounded lines. */
#include "driver.h"

#include <errno.h>
#include <string.h>

#include <skalibs/fmtscan.h>
#include <skalibs/types.h>

#include <rk/netlink.h>
#include <rk/state.h>

static char line[128];
static size_t len;

void report_begin(void)
{
  len = 0;
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

static int name(char const *s)
{
  size_t n = strlen(s);

  if (!rk_ifname_ok(s))
    return 0;
  memset(netdriver.ask.ifname, 0, sizeof netdriver.ask.ifname);
  memcpy(netdriver.ask.ifname, s, n);
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

/* The value, if the line begins with that key. */
static char const *value_of(char const *key)
{
  size_t n = strlen(key);
  return !strncmp(line, key, n) ? line + n : 0;
}

static int take(void)
{
  char const *v;

  if ((v = value_of("ifname=")))
    return name(v);
  if ((v = value_of("ip=")))
    return address(v, &netdriver.ask.ip);
  if ((v = value_of("gateway=")))
    return address(v, &netdriver.ask.gateway);
  if ((v = value_of("dns=")))
    return address(v, &netdriver.ask.dns);
  if ((v = value_of("prefix=")))
    return number(v, 32, &netdriver.ask.prefix);
  if ((v = value_of("mtu=")))
    return number(v, 65535, &netdriver.ask.mtu);
  if ((v = value_of("configured=")))
    return boolean(v, &netdriver.configured);
  if ((v = value_of("resident=")))
    return boolean(v, &netdriver.resident);
  if ((v = value_of("resolver=")))
    return !strcmp(v, "fixed") ? netdriver.dnsfixed = 1 : !strcmp(v, "followed");
  return 0;
}

/* One line. 1: it ends the report, 0, or -1: nonsense. A number is a readiness signal too: what
   slirp4netns -r writes, or the pid that pasta -P does. */
static int complete(void)
{
  if (!line[strspn(line, "0123456789")])
    return 1;
  return take() ? 0 : -1;
}

int report_take(char const *s, size_t n, char const **bad)
{
  int done = 0;

  *bad = line;
  for (size_t i = 0; i < n; i++) {
    int end = s[i] == '\n', r;
    if (!end && s[i] >= ' ' && len < sizeof line - 1)
      line[len++] = s[i];
    else if (!end)
      return line[len] = 0, -1;
    /* slirp4netns ends its 1 by nothing at all; a pipe hands over whole writes */
    if (!end && !(i + 1 == n && len == 1 && line[0] == '1'))
      continue;
    line[len] = 0;
    len = 0;
    r = complete();
    if (r == -1)
      return -1;
    done |= r;
  }
  return done;
}

/* Opened once, before the program runs: root inside may then put what it likes in the place of
   net/. */
static int directory = -1;

int netup_fact(char const *name, char const *text, size_t n)
{
  if (outside.state == -1)
    return 0;
  if (directory == -1)
    directory = rk_state_sub(outside.state, "net", 1);
  return directory == -1 ? -1 : rk_fact_write(directory, name, text, n, 0644);
}

/* path: as readers of the state directory have it, net/NAME */
static int fact(char const *path, char const *text, size_t n)
{
  char out[128];

  memcpy(out, text, n);
  out[n] = '\n';
  return netup_fact(path + sizeof "net/" - 1, out, n + 1);
}

static int fact_address(char const *path, struct in_addr const *a)
{
  char text[IP4_FMT];

  return a->s_addr ? fact(path, text, ip4_fmt(text, (char const *)a)) : 0;
}

static int fact_number(char const *path, uint32_t u)
{
  char text[UINT_FMT];

  return u ? fact(path, text, uint_fmt(text, u)) : 0;
}

int report_facts(void)
{
  struct rk_net_plan const *a = &netdriver.ask;

  return fact("net/driver", a->driver, strlen(a->driver)) |
         fact("net/ifname", a->ifname, strlen(a->ifname)) | fact_address("net/ip", &a->ip) |
         fact_number("net/prefix", a->ip.s_addr ? a->prefix : 0) |
         fact_address("net/gateway", &a->gateway) | fact_address("net/dns", &a->dns) |
         fact_number("net/mtu", a->mtu);
}
