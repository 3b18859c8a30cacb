/* SPDX-License-Identifier: ISC
   Which nameservers a chain's resolv.conf lists (resolv.conf(5)). Pure. */
#ifndef OUTSIDE_RESOLV_H
#define OUTSIDE_RESOLV_H

#include <stddef.h>
#include <stdint.h>

#include <rk/ctl.h>
#include "report.h"

struct nameserver {
  uint8_t six;      /* boolean: addr has 16 bytes, not 4 */
  uint8_t zone;     /* boolean: it had one (fe80::1%eth0) */
  uint8_t addr[16]; /* network order */
};

/* RESOLV_HOST: of the host's as many are looked at; RESOLV_MAX: as many are used by libc
   (MAXNS). */
enum { RESOLV_HOST = 8, RESOLV_MAX = 3 };
struct resolv {
  struct nameserver host[RESOLV_HOST];
  unsigned int n;
};

/* One more of the host's: the value of a line "nameserver". What is no address is passed over. */
void resolv_add(struct resolv *r, char const *value);

/* Those to list, in this order; returns how many. The driver's resolver comes first: its address
   stays when the host's resolvers change. Then those of the host that can be reached from inside,
   but for the one that the driver asks. A driver that cannot pass on TCP comes after them,
   unless the host's first one cannot be reached without it. */
unsigned int resolv_choose(struct resolv const *r, struct rk_net_plan const *plan,
                           struct report const *report, struct nameserver list[RESOLV_MAX]);

#endif
