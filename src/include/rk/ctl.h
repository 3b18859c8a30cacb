/* SPDX-License-Identifier: ISC
   The wire between a chain and its rk-outside: fixed structs over a SOCK_SEQPACKET pair, one
   message a request, one a reply, at most one fd with each. A message of another length or version
   is refused and the control socket closed. Both ends come from the same build, so native byte
   order and alignment are right. */
#ifndef RK_OUTSIDE_H
#define RK_OUTSIDE_H

#include <stdint.h>
#include <netinet/in.h>

#include <rk/host.h>

enum { RK_OUTSIDE_VERSION = 5 };

/* In place of the version, in a struct rk_reply that nobody has asked for: rk-outside could not
   start, and has ended; text says why. */
enum { RK_OUTSIDE_FAILED = 0 };

/* Each is served at most once. */
enum rk_op {
  RK_OP_IDMAP = 1,      /* struct rk_req_idmap -> struct rk_reply_idmap: map the chain's ids */
  RK_OP_NET = 2,        /* struct rk_req_net + netns fd: start one driver; not answered, RK_OP_AWAIT
                           is */
  RK_OP_NET_VERIFY = 3, /* struct rk_req_net_verify + fd of the program's netns -> struct rk_reply:
                           the inside is configured, the nonces of the loopback test are sent;
                           resolv.conf and hosts are then written. error EEXIST: a nonce arrived,
                           text says where */
  RK_OP_READY = 4,      /* struct rk_req -> struct rk_reply: everything is set; write child_pid */
  RK_OP_AWAIT = 5,   /* struct rk_req -> struct rk_reply_net: answered when that driver is ready, or
                       has failed */
  RK_OP_CONFINE = 6, /* struct rk_req + fd of a Landlock ruleset -> struct rk_reply: the chain is
                        confined by it; .child gives it to rk-enter */
  RK_OP_PROGRAM_NETNS = 7, /* struct rk_req + fd of the program's netns: before RK_OP_NET, for a
                              driver that configures it although it works in the hop; not
                              answered */
  RK_OP_BYPASS = 8 /* struct rk_req_bypass + listener of a seccomp filter -> struct rk_reply: start
                      rk-bypassd (rk/bypass.h) */
};

struct rk_req {
  uint32_t version;
  uint32_t op;
};
struct rk_reply {
  uint32_t version;
  int32_t error;  /* 0, or an errno */
  char text[240]; /* what failed, for people; zero-terminated */
};

/* uid_map(5): user_namespaces(7) allows 340 lines. */
enum { RK_MAP_MAX = 340 };
struct rk_idrange {
  uint32_t inside, outside, count;
};
/* Bits: the rungs that may be tried, in this order. One request, for it is served once. */
enum rk_rung {
  RK_RUNG_SUBIDS = 1, /* newuidmap and newgidmap, with the ranges given */
  RK_RUNG_DIRECT = 2  /* rk-outside writes the maps itself: all ids of its own namespace, one to
                         one */
};
struct rk_req_idmap {
  struct rk_req head;
  uint32_t rungs;
  uint32_t nuid, ngid;
  struct rk_idrange uid[RK_MAP_MAX], gid[RK_MAP_MAX];
};

struct rk_reply_idmap {
  struct rk_reply head; /* error: none of the rungs did it; the first reason stands here: */
  uint32_t rung;        /* the one that did, 0: none */
  uint32_t half;        /* boolean: one of the two maps was written, so nothing else can be tried */
  uint32_t ids;         /* how many uids or gids are mapped, whichever are fewer (direct only) */
  struct rk_cause why;  /* what prevents the subids rung, or else the direct one */
};

/* How the inner /etc/resolv.conf and /etc/hosts are kept. */
enum rk_etc {
  RK_ETC_NONE = 0,    /* not at all (detached) */
  RK_ETC_REPLACE = 1, /* /etc is the chain's own: a new file, renamed over the old */
  RK_ETC_INPLACE = 2  /* each is a file of the chain's own, mounted over the old one: rewritten */
};
enum { RK_NONCE = 16, RK_NET_LOG = 1024 };

/* What a driver's connections leave the host by (rk-net -o); all zero: as the host's routes say. */
struct rk_net_out {
  struct in_addr ip;   /* source address, network order */
  struct in6_addr ip6; /* likewise */
  char ifname[16];     /* an interface */
};

/* The plan of a network: what rk-net configures, and what the driver is to serve. */
struct rk_net_plan {
  char driver[64]; /* a name in libexec/rk/net or RK_NET_PATH; "none": nothing is started */
  char ifname[16];
  struct in_addr network, ip, gateway, dns; /* network order */
  struct in6_addr ip6, gateway6, dns6;      /* all zero: none; the prefix is always 64 */
  struct rk_net_out out;
  uint32_t prefix;
  uint32_t mtu;
  uint32_t host_loopback; /* boolean */
  uint32_t detached;      /* boolean */
  uint32_t wall;          /* boolean: the netns fd is that of the hop, not of the program */
};
/* Whereto the loopback test sends: the gateway, the loopback address, the driver's resolver, each
   of IPv4 and of IPv6. */
enum { RK_NET_TARGETS = 6 };

/* Is the address one of the plan's network? */
static inline int rk_net_in_plan(struct rk_net_plan const *plan, struct in_addr addr)
{
  uint32_t mask = plan->prefix ? ~(uint32_t)0 << (32 - plan->prefix) : 0;

  return !((ntohl(addr.s_addr) ^ ntohl(plan->network.s_addr)) & mask);
}

struct rk_req_net {
  struct rk_req head;
  struct rk_net_plan plan;
};
/* head.error: errno; the driver's status and stderr say more. */
struct rk_reply_net {
  struct rk_reply head;
  int32_t status;          /* wait(2) status of a driver that ended, -1: it did not */
  char log[RK_NET_LOG];    /* what it wrote to stderr, terminated */
  struct rk_net_plan plan; /* as it was asked for; what the driver reported otherwise is that */
  uint16_t tcp4, udp4, tcp6, udp6; /* loopback test: ports listened on outside, host byte order, 0:
                                      not made */
  uint8_t nonce[RK_NONCE];
};

struct rk_req_net_verify {
  struct rk_req head;
  uint32_t etc; /* enum rk_etc */
};

struct rk_req_bypass {
  struct rk_req head;
  uint32_t first_port; /* the lowest that the program may bind without a capability */
  uint32_t pad;
  uint64_t netns; /* cookie of the program's network namespace (SO_NETNS_COOKIE) */
};

/* Outside, rk-outside listens at the socket .child (SOCK_SEQPACKET) of the state directory and
   tells which process is the chain's. It says this twice to everybody who connects: at once, so
   that the process that speaks can be looked at (SCM_CREDENTIALS), and once more after a message of
   any content, then with a pidfd of the chain's process (SCM_RIGHTS) unless there is an error, and
   after it, if the chain is confined, with the fd of its Landlock ruleset. If the first byte of
   that message is 'b' and the chain has a rk-bypassd, a socket connected to it (rk/bypass.h) is the
   last.
   rk/chain.h asks. */
struct rk_reply_child {
  uint32_t version;
  int32_t error;     /* 0, or EAGAIN: the program has not been started yet */
  uint64_t dev, ino; /* the state directory it speaks for, as in stat(2) */
  uint32_t confined; /* boolean: RK_OP_CONFINE was made */
  uint32_t bypass;   /* boolean: a socket to rk-bypassd comes with this message */
};

#endif
