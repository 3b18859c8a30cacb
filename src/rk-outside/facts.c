/* SPDX-License-Identifier: ISC */
#include "facts.h"

#include <errno.h>
#include <string.h>

#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/state.h>
#include <rk/text.h>

/* The directory is opened once, before the program runs: root inside may then put what it likes in
   the place of net/. path: as readers of the state directory have it, net/NAME. 0, or -1 with
   errno. */
static int write_fact(struct facts *facts, char const *path, char const *text, size_t n)
{
  char out[256];

  if (facts->state == -1)
    return 0;
  if (facts->dir == -1)
    facts->dir = rk_state_sub(facts->state, "net", 1);
  if (facts->dir == -1)
    return -1;
  memcpy(out, text, n);
  out[n] = '\n';
  return rk_fact_write(facts->dir, path + sizeof "net/" - 1, out, n + 1, 0644);
}

static int write_text(struct facts *facts, char const *path, char const *text)
{
  return write_fact(facts, path, text, strlen(text));
}

static int write_address(struct facts *facts, char const *path, struct in_addr const *a)
{
  char text[IP4_FMT];

  if (!a->s_addr)
    return 0;
  return write_fact(facts, path, text, ip4_fmt(text, (char const *)a));
}

static int write_number(struct facts *facts, char const *path, uint32_t u)
{
  char text[UINT_FMT];

  if (!u)
    return 0;
  return write_fact(facts, path, text, uint_fmt(text, u));
}

/* Keep the first error of several calls. */
static void keep_error(int *error, int r)
{
  if (r == -1 && !*error)
    *error = errno;
}

void facts_plan(struct facts *facts, struct rk_net_plan const *plan)
{
  int error = 0;

  keep_error(&error, write_text(facts, "net/driver", plan->driver));
  keep_error(&error, write_text(facts, "net/ifname", plan->ifname));
  keep_error(&error, write_address(facts, "net/ip", &plan->ip));
  keep_error(&error, write_number(facts, "net/prefix", plan->ip.s_addr ? plan->prefix : 0));
  keep_error(&error, write_address(facts, "net/gateway", &plan->gateway));
  keep_error(&error, write_address(facts, "net/dns", &plan->dns));
  keep_error(&error, write_number(facts, "net/mtu", plan->mtu));
  if (!error)
    return;
  errno = error;
  strerr_warnwusys("write net/ in the state directory");
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
  if (write_text(facts, "net/status", text) == -1)
    strerr_warnwusys("write net/status");
}
