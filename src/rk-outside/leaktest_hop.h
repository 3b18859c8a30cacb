/* SPDX-License-Identifier: ISC */
#ifndef OUTSIDE_LEAKTEST_HOP_H
#define OUTSIDE_LEAKTEST_HOP_H

#include <rk/ctl.h>

/* All in the hop, with every capability there. begin returns a rtnetlink socket for the others, or
   -1 with errno. socket: a non-blocking one of SOCK_STREAM or SOCK_DGRAM with the program's address
   and a port of its own, or -1 with errno. end removes the rules. */
int leaktest_hop_begin(struct rk_net_plan const *plan);
int leaktest_hop_socket(int rtnl, struct rk_net_plan const *plan, int family, int type);
void leaktest_hop_end(int rtnl);

#endif
