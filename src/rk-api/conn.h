/* SPDX-License-Identifier: ISC
   The connections of rk-apid, and a bound on what they hold: who is slow or silent makes room for
   others. */
#ifndef APID_CONN_H
#define APID_CONN_H

#include <stddef.h>
#include <stdint.h>
#include <microhttpd.h>

enum {
  APID_CONN_MAX = 512,     /* libmicrohttpd accepts no more */
  APID_CONN_SERVED = 448,  /* beyond that the one that began its last request first is cut off,
                              unless it waits for us */
  APID_HELD_MAX = 8 << 20, /* bytes of bodies and answers of all; then those that began first are
                              cut off */
  APID_BODY_MS = 30000     /* for a request to be complete */
};

struct apid_conns {
  struct apid_conn *first, *last; /* in the order in which their last requests began */
  unsigned int n;
  unsigned int closed; /* how many have ended, ever */
  size_t held;
};

/* One connection. Allocated by apid_conn_notify, freed by it. */
struct apid_conn {
  struct apid_conns *all;
  struct apid_conn *next, *prev;
  int fd;
  size_t held;
  int64_t since; /* of an incomplete request: when it began, milliseconds; 0: none */
  int busy;      /* suspended: it waits for us */
  int gone;      /* cut off; libmicrohttpd closes it at its next turn */
  int odd;       /* the path of its request has a control character */
};

/* MHD_OPTION_NOTIFY_CONNECTION; cls: struct apid_conns. */
void apid_conn_notify(void *cls, struct MHD_Connection *c, void **context,
                      enum MHD_ConnectionNotificationCode code);

/* MHD_OPTION_UNESCAPE_CALLBACK: as libmicrohttpd's own, but a control character (%00 would end the
   path) stays escaped and is noted. */
size_t apid_conn_unescape(void *cls, struct MHD_Connection *c, char *s);

/* NULL: there was no memory for it, or it is none of a daemon's. */
struct apid_conn *apid_conn_of(struct MHD_Connection *c);

/* A request begins (now: CLOCK_MONOTONIC, milliseconds), is complete, is over. */
void apid_conn_begin(struct apid_conn *k, int64_t now);
void apid_conn_complete(struct apid_conn *k);
void apid_conn_over(struct apid_conn *k);

/* It holds that many bytes now, instead of what it did. k: NULL, or one. */
void apid_conn_hold(struct apid_conn *k, size_t bytes);

/* Cut off requests that take too long. Milliseconds until the next one will, -1: none. */
int apid_conns_late(struct apid_conns *all, int64_t now);

/* Are there too many, and all of them wait for us? */
int apid_conns_crowded(struct apid_conns const *all);

#endif
