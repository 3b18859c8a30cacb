/* SPDX-License-Identifier: ISC
   An interface of the hop (net.h): it forwards, and answers for what is on the other side. Each of
   these adds messages to a batch for a socket in the hop. */
#ifndef HOP_IF_H
#define HOP_IF_H

#include <rk/netlink.h>

/* Of the end of the veth pair in the hop; and of its other end, the program's, where that cannot be
   looked up by its name, which root inside may change. Any number that no interface has there; so
   one batch can make the interface and use it. */
enum { HOP_VETH_INDEX = 1000 };

/* Settings for IPv4. */
void hop_interface(struct rk_nl *b, int index);

/* A proxy's answers, and questions to a neighbour, come without a pause. table: arp_cache or
   ndisc_cache. */
void hop_answer_at_once(struct rk_nl *b, char const *table, int index);

#endif
