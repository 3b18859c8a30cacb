/* SPDX-License-Identifier: ISC
   UDP sessions (udp.c) and runs of datagrams on their way out (udp_batch.c). */
#ifndef RELAY_UDP_H
#define RELAY_UDP_H

#include <sys/uio.h>

#include "relay.h"

enum { NO_SEGMENTS = 1, ENDED = 2 };
enum age { AGE_PORT, AGE_SENDER, AGE_ALL, AGES };
struct session {
  struct source src;
  struct listener *from;
  struct session *next; /* of the bucket, or of the dead */
  struct {
    struct session *older;
    struct session *newer;
  } age[AGES]; /* by last use */
  struct sender *sender;
  uint64_t used;
  struct client *client;
  union address peer;
  union address shown;   /* what the backend sees; a rule brings its answers back if ruled */
  struct in6_addr asked; /* v4: mapped; unspecified: the listener's own */
  uint16_t batch;
  uint8_t ruled;
};

/* udp_share.c. Before a session of this peer may begin, end the one that this names, until none. */
struct session *share_victim(struct relay *r, union address const *peer);
/* the one that was silent longest; null: there is none */
struct session *share_oldest(struct relay const *r);
struct session *share_for_tcp(struct relay const *r); /* ... if UDP must give way to TCP */
/* with from and peer set. 0, or -1 with errno ENOMEM */
int share_add(struct relay *r, struct session *s);
void share_use(struct relay *r, struct session *s); /* now */
void share_remove(struct relay *r, struct session *s);

/* Neighbours of one session and one direction: equal sizes, the last one may be shorter. Begins
   with n = 0. */
enum { SEGMENTS = 60 };
struct batch {
  struct session *session;
  int back; /* to the client */
  unsigned int n;
  size_t size, total; /* of a segment; of all */
  int closed;
  struct iovec v[SEGMENTS];
};

/* Add a datagram; the run before it leaves if it does not fit. data must stay until the run has
   left. segment: of a super-packet (UDP_GRO), else 0. */
void batch_add(struct batch *r, struct session *s, int back, char *data, size_t len,
               size_t segment);
void batch_flush(struct batch *r); /* it leaves now */

#endif
