/* SPDX-License-Identifier: ISC */
#include "pace.h"

#include <string.h>

/* Offsets into a frame (RFC 791 3.1; RFC 9293 3.1: into the TCP header). */
enum {
  TYPE = 12,
  IP = 14,
  FRAGMENT = IP + 6,
  PROTOCOL = IP + 9,
  SOURCE = IP + 12,
  DESTINATION = IP + 16,
  IP_SIZE = 20,
  TCP_SIZE = 20,
  FLAGS = 13,
  TCP = 6,
  FIN = 1,
  SYN = 2,
  RST = 4,
  ACK = 16
};

/* The TCP header of an IPv4 frame, null: it has none, or not the first part of it. */
static unsigned char const *tcp_header(unsigned char const *frame, size_t len)
{
  size_t at;

  if (len < IP + IP_SIZE + TCP_SIZE || frame[TYPE] != 8 || frame[TYPE + 1] ||
      frame[PROTOCOL] != TCP)
    return NULL;
  if ((frame[FRAGMENT] & 0x1f) || frame[FRAGMENT + 1])
    return NULL;
  at = IP + (size_t)(frame[IP] & 15) * 4;
  return len < at + TCP_SIZE ? NULL : frame + at;
}

static void flow_of(unsigned char flow[12], unsigned char const *frame, unsigned char const *tcp,
                    int answer)
{
  memcpy(flow, frame + (answer ? DESTINATION : SOURCE), 4);
  memcpy(flow + 4, frame + (answer ? SOURCE : DESTINATION), 4);
  memcpy(flow + 8, tcp + (answer ? 2 : 0), 2);
  memcpy(flow + 10, tcp + (answer ? 0 : 2), 2);
}

/* The opening of that flow, else one that is free, else PACE_MOST. */
static size_t slot(struct pace const *p, unsigned char const flow[12], int64_t now)
{
  size_t free_slot = PACE_MOST;

  for (size_t i = 0; i < PACE_MOST; i++) {
    if (p->opening[i].until <= now)
      free_slot = i;
    else if (!memcmp(p->opening[i].flow, flow, 12))
      return i;
  }
  return free_slot;
}

static int start(struct pace *p, unsigned char const flow[12], int64_t now)
{
  size_t i = slot(p, flow, now);

  if (i == PACE_MOST)
    return 0;
  memcpy(p->opening[i].flow, flow, 12);
  p->opening[i].until = now + PACE_PATIENCE;
  return 1;
}

static void keep(struct pace *p, unsigned char const flow[12], unsigned char const *frame,
                 size_t len)
{
  size_t at;

  for (size_t i = 0; i < p->count; i++)
    if (!memcmp(p->waiting[(p->first + i) % PACE_WAITING].flow, flow, 12))
      return;
  if (p->count == PACE_WAITING)
    return;
  at = (p->first + p->count) % PACE_WAITING;
  memcpy(p->waiting[at].flow, flow, 12);
  memcpy(p->waiting[at].frame, frame, len);
  p->waiting[at].len = len;
  p->count++;
}

int pace_out(struct pace *p, unsigned char const *frame, size_t len, int64_t now)
{
  unsigned char const *tcp = tcp_header(frame, len);
  unsigned char flow[12];

  if (!tcp || (tcp[FLAGS] & (SYN | ACK | RST | FIN)) != SYN || len > PACE_FRAME_MAX)
    return 1;
  flow_of(flow, frame, tcp, 0);
  if (!p->count && start(p, flow, now))
    return 1;
  keep(p, flow, frame, len);
  return 0;
}

void pace_in(struct pace *p, unsigned char const *frame, size_t len)
{
  unsigned char const *tcp = tcp_header(frame, len);
  unsigned char flow[12];

  if (!tcp || !(tcp[FLAGS] & (SYN | RST)))
    return;
  flow_of(flow, frame, tcp, 1);
  for (size_t i = 0; i < PACE_MOST; i++)
    if (p->opening[i].until && !memcmp(p->opening[i].flow, flow, 12))
      p->opening[i].until = 0;
}

size_t pace_next(struct pace *p, unsigned char *frame, int64_t now)
{
  size_t at = p->first, len;

  if (!p->count || !start(p, p->waiting[at].flow, now))
    return 0;
  len = p->waiting[at].len;
  memcpy(frame, p->waiting[at].frame, len);
  p->first = (at + 1) % PACE_WAITING;
  p->count--;
  return len;
}

int pace_timeout(struct pace const *p, int64_t now)
{
  int64_t first = now + PACE_PATIENCE;

  if (!p->count)
    return -1;
  for (size_t i = 0; i < PACE_MOST; i++)
    if (p->opening[i].until < first)
      first = p->opening[i].until;
  return first <= now ? 0 : (int)(first - now);
}
