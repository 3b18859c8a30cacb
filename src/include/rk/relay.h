/* SPDX-License-Identifier: ISC
   The wire between rk-portd and rk-relay: fixed structs over a SOCK_SEQPACKET pair, one message a
   request, one (STATS: one or more) a reply, in order. The relay never speaks first. Both ends come
   from the same build, so native byte order and alignment are right; a message of another length or
   version ends the relay (101).

   Start. rk-portd forks and execs libexec/rk/rk-relay with the state directory as its argument (for
   messages and ps(1)) and
     fd 2   where its lines go (it may write one when it runs out of fds)
     fd 3   the control socket (SOCK_SEQPACKET)
     fd 4   the network namespace of the chain, attached or detached (its user namespace is found by
            NS_GET_USERNS)
     fd 5   something that becomes readable or ends when the chain has ended: the pidfd of the
            chain's process
     fd 6   an eventfd, which it rings when nobody listens at a destination that is a unix socket:
            there may be another file of that name by now (AIM); it need not be there
   and nothing else open but 0 and 1. It raises RLIMIT_NOFILE to the hard limit itself. rk-portd
   must have raised its own before it sends many fds: the kernel counts fds in flight against the
   sender's limit (unix(7), ETOOMANYREFS). Joining, the empty root and the filter are over when the
   reply to RK_RELAY_START arrives; a host where that fails gives error and text in that reply, then
   exit. The relay must stay a direct child: death by SIGSYS is a violation of its filter and is
   rk-portd's to report.

   Life. It ends at once when fd 5 says that the chain has ended, so it never keeps a dead
   namespace, whatever became of rk-portd. When the control socket is closed it closes its listeners
   and UDP sessions at once (a new rk-portd can bind the same ports), lets the TCP connections that
   it has go on, and leaves with the last one. Kill it to be rid of both. Two relays of one
   namespace do not disturb one another. When a relay dies, start another, START, ADD everything,
   and listen() on every TCP socket: the old one may have left it not listening (refuse, below).

   Sockets. rk-portd binds (and listens); the relay sets every other option by itself: O_NONBLOCK
   (shared with rk-portd's own fd), TCP_NODELAY, keep-alive, IP_PKTINFO, UDP_GRO, buffers. It needs
   no privilege for any of it. */
#ifndef RK_RELAY_H
#define RK_RELAY_H

#include <stdint.h>
#include <netinet/in.h>

enum { RK_RELAY_VERSION = 6 };
enum {
  RK_RELAY_CONTROL_FD = 3,
  RK_RELAY_NETNS_FD = 4,
  RK_RELAY_CHAIN_FD = 5,
  RK_RELAY_ALARM_FD = 6
};
enum { RK_RELAY_FDS_MAX = 250 }; /* with one message; the kernel's SCM_MAX_FD is 253 */

enum rk_relay_op {
  RK_RELAY_START = 1, /* struct rk_relay_start -> struct rk_relay_say; first, once */
  RK_RELAY_ADD = 2,   /* struct rk_relay_add + 1 ... RK_RELAY_FDS_MAX fds -> struct rk_relay_say */
  RK_RELAY_DEL = 3,   /* struct rk_relay_del -> struct rk_relay_say: the fds are closed, the
                         connections reset; error ENOENT: no such id */
  RK_RELAY_AIM = 5,   /* struct rk_relay_del + 1 fd -> struct rk_relay_say: the unix socket that id
                         leads to is this one from now on; its connections go on */
  RK_RELAY_STATS = 4  /* struct rk_relay_head -> struct rk_relay_stats, until one has more = 0: the
                         ids that changed since the last time */
};
struct rk_relay_head {
  uint32_t version;
  uint32_t op;
};

/* The namespace's side. gateway: shown to a backend instead of a client of the host itself
   (127.0.0.1...), and instead of one whose address cannot be kept. Unspecified (all zero): 10.0.2.2
   and fd00::2. ifname: the interface to the outside, for local routes; "" or one that does not
   exist: lo. */
struct rk_relay_start {
  struct rk_relay_head head;
  struct in_addr gateway4;
  struct in6_addr gateway6;
  struct in_addr
    dns4; /* the driver's name server. Unspecified: none. A client from outside with this address,
             or with the gateway's, is not shown as itself */
  struct in6_addr dns6;
  char ifname[16];
  uint32_t patience; /* ms from now in which clients of a port with RK_WAIT_START (not a long
                        range, not behind DNAT) whose backend does not listen yet wait for it: the
                        chain is starting. After that, and once it has listened, who finds no
                        backend is refused */
  uint32_t six;      /* it will be given destinations of IPv6, or UDP sockets bound to an address of
                        IPv6 that are to refuse: its filter then lets longer addresses through.
                        Without it, such an ADD has the error EAFNOSUPPORT: start another relay */
  uint32_t sockets;  /* likewise, it will be given destinations that are unix sockets */
};

struct rk_relay_say {
  struct rk_relay_head head; /* op: the one that is answered */
  uint32_t id;
  int32_t error;          /* 0, or an errno */
  uint32_t loopback;      /* ADD, boolean: it leads to the loopback address instead of dest */
  int32_t srcip4, srcip6; /* START: 0, or why clients' addresses of that family cannot be kept in
                             this namespace (errno) */
  char text[200];         /* what failed, for people; zero-terminated */
};

/* What a backend sees of a client. */
enum rk_relay_srcip {
  RK_SRCIP_PREFER = 0,  /* its address and port; else its address; else the gateway */
  RK_SRCIP_REQUIRE = 1, /* its address; a client whose address cannot be kept is reset (clients of
                           the host itself: the gateway) */
  RK_SRCIP_NO = 2,      /* the gateway, always */
  RK_SRCIP_PLAIN = 3,   /* whatever the kernel chooses, mostly 127.0.0.1: as RootlessKit before
                           3.0 */
  RK_SRCIP_LOOPBACK = 4 /* as prefer, but a client on the host's loopback as loopback: as
                           RootlessKit since 3.0 */
};

/* How long a client waits, in the queue of its listening socket, for a backend that does not
   listen. Nothing is known of one behind DNAT or in another namespace: there nobody waits. */
enum rk_relay_wait {
  RK_WAIT_START = 0, /* while the chain starts (patience) */
  RK_WAIT_FOR = 1,   /* at most wait_s; 0: not at all */
  RK_WAIT_EVER = 2   /* as long as it takes */
};

/* One socket or a run of them. The k-th fd of the message leads to port dest.port + index + k: a
   range is as many messages with growing index as it needs. The same id again adds to it (another
   family, another address); only its first message sets srcip, refuse, idle and wait.
   Errors: EINVAL (a field or a socket of another type), EMFILE (not all fds arrived),
   EPROTONOSUPPORT; nothing of that message is then kept. */
struct rk_relay_dest {
  uint16_t family; /* AF_INET, AF_INET6; AF_UNIX: of TCP, one socket, no address */
  uint16_t port;   /* host byte order; AF_UNIX: 1: the last fd of the message is the socket's file
                      (O_PATH); 0: there is none yet (AIM) */
  union {
    struct in_addr v4;
    struct in6_addr v6;
  } addr; /* unspecified: the loopback address */
};
struct rk_relay_add {
  struct rk_relay_head head;
  uint32_t id;     /* rk-portd's own number, not 0 */
  uint8_t proto;   /* IPPROTO_TCP or IPPROTO_UDP */
  uint8_t srcip;   /* enum rk_relay_srcip */
  uint8_t refuse;  /* refuse=backend: the port does not listen while its backend does not. Its TCP
                     socket must be bound with SO_REUSEADDR, to a port that was named (tcp_set_state
                     gives a chosen one back); the relay takes that option off while the port
                     refuses, so that nobody else can take it */
  uint8_t wait;    /* enum rk_relay_wait; not with refuse */
  uint8_t host;    /* boolean: dest is an address of the host, for want of another. If the chain has
                      not got it, its loopback address is meant. Without this, an address that is
                      reached through the network driver only has the error EHOSTUNREACH */
  uint32_t wait_s; /* seconds */
  uint32_t idle;   /* UDP: seconds without a datagram until a session ends; 0: 90 */
  uint32_t index;
  struct rk_relay_dest dest;
};
struct rk_relay_del {
  struct rk_relay_head head;
  uint32_t id;
};

/* Counters of one id since this relay's first ADD of it. in: from clients to the backend. */
enum {
  RK_RELAY_PAUSED = 1 /* out of fds or memory: clients wait */,
  RK_RELAY_REFUSING = 2 /* some socket of it does not listen */,
  RK_RELAY_WAITING = 4 /* clients of some socket wait for the backend */,
  RK_RELAY_STRAY = 8 /* no interface of the namespace has the address of some destination, and no
                        DNAT may lead it elsewhere */
};
struct rk_relay_stat {
  uint32_t id;
  uint32_t state;    /* bits above */
  uint32_t now, pad; /* connections or UDP sessions at this moment */
  uint64_t total;    /* ... in all */
  uint64_t in, out;  /* bytes of payload */
  uint64_t refused;  /* by the backend, or because the address could not be kept */
  uint64_t kept;     /* clients shown with their own address */
  uint64_t dropped;  /* UDP: datagrams that could not be passed on */
};
enum { RK_RELAY_STATS_MAX = 32 };
struct rk_relay_stats {
  struct rk_relay_head head;
  uint32_t n, more;
  struct rk_relay_stat stat[RK_RELAY_STATS_MAX];
};

#endif
