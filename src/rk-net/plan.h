/* SPDX-License-Identifier: ISC
   The address plan, as numbers in host byte order. Pure. */
#ifndef PLAN_H
#define PLAN_H

#include <stddef.h>
#include <stdint.h>

enum { PLAN_SHORTEST = 8, PLAN_LONGEST = 29, PLAN_TEXT = 19 /* "255.255.255.255/32" */ };

struct plan {
  uint32_t network, ip, gateway, dns;
  unsigned int prefix;
};

enum plan_error {
  PLAN_OK,
  PLAN_SYNTAX,   /* no A.B.C.D/N */
  PLAN_HOSTBITS, /* the network is another one, now in plan->network */
  PLAN_PREFIX,   /* not /8 to /29 */
  PLAN_RANGE     /* no network for hosts: 0/8, 127/8, 224/3 */
};

/* Read "10.0.2.0/24". address = network + 100 (+ 4 in networks smaller than /25), gateway + 2, dns
   + 3. */
enum plan_error plan_parse(char const *cidr, struct plan *plan);
void plan_fill(struct plan *plan);

/* Do two networks share addresses? */
int plan_overlap(uint32_t a, unsigned int aprefix, uint32_t b, unsigned int bprefix);

/* The i-th /24 that "auto" tries: 10.0.2.0 first, then the rest of 10/8, 172.16/12, 192.168/16 in
   steps. 0: no more. */
uint32_t plan_candidate(unsigned int i);

/* "10.0.2.0/24", terminated. */
void plan_text(char *s, uint32_t network, unsigned int prefix);

#endif
