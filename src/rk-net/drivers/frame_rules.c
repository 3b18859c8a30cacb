/* SPDX-License-Identifier: ISC */
#include "frames.h"

#include <string.h>

/* Offsets into a frame: Ethernet II, then IPv4 (RFC 791 3.1). */
enum {
  TYPE = 12,
  IP = 14,
  FRAGMENT = IP + 6,
  PROTOCOL = IP + 9,
  DESTINATION = IP + 16,
  IP_END = IP + 20,
  IP_TYPE = 0x0800,
  ARP_TYPE = 0x0806,
  ARP_END = IP + 28,
  MORE_OR_OFFSET = 0x3fff, /* of the flags and fragment offset */
  ICMP = 1,
  TCP = 6,
  UDP = 17,
  FLAGS = 13, /* into a TCP header (RFC 9293 3.1) */
  SYN = 0x02,
  ACK = 0x10,
  DNS = 53,
  HTTP = 80,
  EPHEMERAL = 16000 /* the first that gVisor chooses for a connection of its own */
};

static unsigned int word(unsigned char const *s)
{
  return (unsigned int)s[0] << 8 | s[1];
}

/* An answer to what the stack itself has begun, for a published port. No SYN: that would begin a
   connection. */
static int answers(struct frame_rules const *rules, unsigned char const *frame, size_t len,
                   size_t payload)
{
  if (!rules->publishes || word(frame + payload + 2) < EPHEMERAL)
    return 0;
  if (frame[PROTOCOL] == UDP)
    return 1;
  return len > payload + FLAGS && (frame[payload + FLAGS] & (SYN | ACK)) != SYN;
}

static int to_gateway(struct frame_rules const *rules, unsigned char const *frame, size_t len)
{
  unsigned int protocol = frame[PROTOCOL], port;
  size_t payload = IP + (size_t)(frame[IP] & 15) * 4;

  if (protocol == ICMP)
    return 1;
  if (word(frame + FRAGMENT) & MORE_OR_OFFSET)
    return 0;
  if (payload < IP_END || len < payload + 4)
    return 0;
  port = word(frame + payload + 2);
  if ((protocol == TCP || protocol == UDP) && answers(rules, frame, len, payload))
    return 1;
  if (protocol == TCP)
    return port == DNS || (rules->gateway_is_host && port != HTTP);
  if (protocol == UDP)
    return port == DNS || rules->gateway_is_host;
  return 0;
}

int frame_may_pass(struct frame_rules const *rules, unsigned char const *frame, size_t len)
{
  unsigned char const *to = frame + DESTINATION;
  unsigned int type;

  if (len < IP)
    return 0;
  type = word(frame + TYPE);
  if (type == ARP_TYPE)
    return len >= ARP_END;
  if (type != IP_TYPE || len < IP_END || frame[IP] >> 4 != 4)
    return 0;
  if (to[0] == 0 || to[0] == 127 || to[0] >= 224)
    return 0;
  return memcmp(to, rules->gateway, 4) != 0 || to_gateway(rules, frame, len);
}
