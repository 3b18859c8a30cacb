/* SPDX-License-Identifier: ISC
   Which process has asked for a port. An engine inside that asks by itself (dockerd from version 28
   on) and is killed leaves its ports; its successor asks for the same ones, and gets them. */
#ifndef APID_OWNER_H
#define APID_OWNER_H

#include <stdint.h>

struct apid_owners {
  struct apid_owner *first;
  unsigned int n;
  int fd; /* readable when one of them has ended; -1: nobody is followed */
};

/* 0, or -1 with errno. */
int apid_owners_open(struct apid_owners *all);

/* The process that has connected this socket (unix(7), SO_PEERCRED), if it is inside: in another
   user namespace than this one. now: rk_clock_ms(). To be dropped once. NULL: it is outside, or
   cannot be followed. */
struct apid_owner *apid_owner_of(struct apid_owners *all, int sock, int64_t now);

/* Once for each apid_owner_of. NULL is allowed. */
void apid_owner_drop(struct apid_owner *o);

/* Take in who has ended. */
void apid_owners_settle(struct apid_owners *all, int64_t now);

/* Has it ended, and was it more than a command that asks and ends? 1 or 0; of NULL 0. */
int apid_owner_left(struct apid_owner const *o);

#endif
