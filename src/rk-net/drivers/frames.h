/* SPDX-License-Identifier: ISC
   Ethernet frames between a tap and a user-mode network stack that runs outside, over a stream
   socket on which each frame follows its length (16 bits, little endian): the protocol of VPNKit,
   which gvproxy speaks too. */
#ifndef FRAMES_H
#define FRAMES_H

#include <stddef.h>
#include <stdint.h>

/* Which frames the stack outside gets to see. */
struct frame_rules {
  unsigned char gateway[4]; /* the stack's own address, network order */
  int gateway_is_host;      /* boolean: it stands for the host's loopback, as asked for (rk-net
                               -l) */
  int publishes;            /* boolean: the stack begins connections, for published ports */
};

/* May this frame leave the namespace? Both stacks open a socket of the host for whatever address
   root inside writes into a packet, and have services of their own at the gateway's address. So:
   IPv4 and ARP only; nothing to addresses that Linux takes for its own loopback (0.0.0.0/8,
   127.0.0.0/8: RFC 1122 3.2.1.3), to multicast and above; and of the gateway only DNS, ping and, if
   it publishes, answers to what it has begun. By HTTP on port 80 gvproxy lets anybody bind ports
   and unix sockets of the host. A fragment to the gateway could hide the port: dropped. Pure. */
int frame_may_pass(struct frame_rules const *rules, unsigned char const *frame, size_t len);

struct pump {
  int tap;    /* non-blocking */
  int server; /* the stream socket, non-blocking */
  int leave;  /* readable: end */
  int pidfd;  /* of the process at the other end of server: readable: it is gone */
  int paced;  /* boolean: the server opens few connections at a time (pace.h) */
  struct frame_rules rules;
};

/* Move frames both ways. 0: leave is readable. 1: the server or the tap is gone. -1 with errno: of
   read(2), send(2) or poll(2); EPROTO: the server sent a frame of no length. A frame that the
   kernel refuses (the interface is down) is lost, as on a wire. */
int pump_run(struct pump const *p);

/* Ask the gateway for its hardware address (RFC 826), as ip with address mac, and wait for the
   answer, without looking at the tap: then the stack outside is at work. 0: it is. Else as
   pump_run; 1 also if leave is readable. */
int pump_greet(struct pump const *p, unsigned char const ip[4], unsigned char const mac[6]);

#endif
