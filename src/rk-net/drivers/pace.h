/* SPDX-License-Identifier: ISC
   Connections that are being opened, a few at a time. gvproxy opens at most ten (maxInFlight of its
   forwarder/tcp.go) and drops the SYN of every other, which the client's kernel repeats after 1, 3,
   7, ... seconds, all of a burst in step: 100 connections at once took 36 seconds. Here a SYN waits
   until one of those before it is answered. Pure but for the caller's clock. */
#ifndef PACE_H
#define PACE_H

#include <stddef.h>
#include <stdint.h>

enum {
  PACE_MOST = 8,        /* opened at a time */
  PACE_WAITING = 1024,  /* of more, the client's kernel tries again */
  PACE_FRAME_MAX = 134, /* Ethernet, IPv4 and TCP headers with all options */
  PACE_PATIENCE = 2000  /* ms: an opening without an answer counts no longer than that */
};

struct pace {
  struct {
    unsigned char flow[12];
    int64_t until; /* ms of the caller's clock; 0: free */
  } opening[PACE_MOST];
  struct {
    unsigned char flow[12];
    unsigned char frame[PACE_FRAME_MAX];
    size_t len;
  } waiting[PACE_WAITING];
  size_t first, count; /* of waiting, a ring */
};

/* A frame on its way to the stack: 1: send it; 0: it is kept until its turn comes, or is dropped,
   since it is kept already or there is no room. */
int pace_out(struct pace *p, unsigned char const *frame, size_t len, int64_t now);

/* A frame from the stack: an answer ends the opening that it is for. */
void pace_in(struct pace *p, unsigned char const *frame, size_t len);

/* The next frame whose turn has come, copied to frame (PACE_FRAME_MAX bytes): its length, or 0. */
size_t pace_next(struct pace *p, unsigned char *frame, int64_t now);

/* ms until pace_next() is worth asking though nothing has come in, -1: for ever. */
int pace_timeout(struct pace const *p, int64_t now);

#endif
