/* SPDX-License-Identifier: ISC */
#include "facts.h"

#include <errno.h>
#include <string.h>

#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/state.h>
#include <rk/text.h>

/* A fact is written once, so what fails is tried again. */
enum { TRIES = 3 };

/* What cannot be written is noted in facts->error, if it is the first.

   The directory is opened once, before the program runs: root inside may then put what it likes in
   the place of net/. path: as readers of the state directory have it, net/NAME. */
static void write_fact(struct facts *facts, char const *path, char const *text, size_t n)
{
  char const *name = path + sizeof "net/" - 1;
  char line[256];
  int r = -1;

  if (facts->state == -1)
    return;
  memcpy(line, text, n);
  line[n] = '\n';
  for (int i = 0; i < TRIES && r == -1; i++) {
    if (facts->dir == -1)
      facts->dir = rk_state_sub(facts->state, "net", 1);
    r = facts->dir;
    if (r != -1)
      r = rk_fact_write(facts->dir, name, line, n + 1, 0644);
  }
  if (r == -1 && !facts->error)
    facts->error = errno;
}

static void write_text(struct facts *facts, char const *path, char const *text)
{
  write_fact(facts, path, text, strlen(text));
}

static void write_address(struct facts *facts, char const *path, struct in_addr const *a)
{
  char text[IP4_FMT];

  if (a->s_addr)
    write_fact(facts, path, text, ip4_fmt(text, (char const *)a));
}

static void write_address6(struct facts *facts, char const *path, struct in6_addr const *a)
{
  char text[IP6_FMT];

  if (!IN6_IS_ADDR_UNSPECIFIED(a))
    write_fact(facts, path, text, ip6_fmt(text, (char const *)a));
}

static void write_number(struct facts *facts, char const *path, uint32_t u)
{
  char text[UINT_FMT];

  if (u)
    write_fact(facts, path, text, uint_fmt(text, u));
}

static void warn_of_error(struct facts *facts, char const *what)
{
  if (!facts->error)
    return;
  errno = facts->error;
  facts->error = 0;
  strerr_warnwusys("write ", what);
}

void facts_plan(struct facts *facts, struct rk_net_plan const *plan)
{
  write_text(facts, "net/driver", plan->driver);
  write_text(facts, "net/ifname", plan->ifname);
  write_address(facts, "net/ip", &plan->ip);
  if (plan->ip.s_addr)
    write_number(facts, "net/prefix", plan->prefix);
  write_address(facts, "net/gateway", &plan->gateway);
  write_address(facts, "net/dns", &plan->dns);
  write_address6(facts, "net/ip6", &plan->ip6);
  write_address6(facts, "net/gateway6", &plan->gateway6);
  write_address6(facts, "net/dns6", &plan->dns6);
  write_number(facts, "net/mtu", plan->mtu);
  warn_of_error(facts, "net/ in the state directory");
}

void facts_status(struct facts *facts, char const *status, char const *why)
{
  char text[255];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, status);
  if (why) {
    rk_text_str(&t, ": ");
    rk_text_safe(&t, why, strlen(why)); /* it contains the driver's words */
  }
  write_text(facts, "net/status", text);
  warn_of_error(facts, "net/status");
}
