/* SPDX-License-Identifier: ISC
   What a network driver reports on its fd 5 (rk-net-drivers(7)): bytes become a plan. It opens and
   writes nothing. */
#ifndef OUTSIDE_REPORT_H
#define OUTSIDE_REPORT_H

#include <stddef.h>

#include <rk/ctl.h>

struct report {
  struct rk_net_plan *plan; /* where it differs from what was asked for, it is changed */
  int configured;           /* the driver has configured the interface itself */
  int resident;             /* its process must run on */
  int cleanup;              /* it leaves something outside if its end is not awaited */
  int resolver_fixed;       /* it goes on asking the host's resolver of its start */
  int resolver_family;      /* it asks the host's first resolver of dns's family only */
  int resolver_udp;         /* it does not pass on TCP to that */
  char line[128];           /* what has come of the present line */
  size_t len;
};

/* A driver is started: forget half a line, and what it may say anew. */
void report_begin(struct report *report);

/* Take a piece. 1: a report ended in it; 0: more must come; -1: it is nonsense, and report->line
   the offending line. */
int report_take(struct report *report, char const *s, size_t n);

#endif
