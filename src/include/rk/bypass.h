/* SPDX-License-Identifier: ISC
   What rk-outside, rk-bypassd and rk-portd know of one another. All three come from one build, so
   native byte order and alignment are right.

   Start. rk-outside executes libexec/rk/rk-bypassd with the state directory as its argument and
     fd 3   the listener of the chain's seccomp filter (seccomp_unotify(2))
     fd 4   struct rk_bypass_page, a memfd
     fd 5   the hub: each message of this SOCK_SEQPACKET socket brings one fd, a new connection
     fd 6   pidfd of the chain's process
     fd 7   the user namespace of the chain's program
     fd 8...  the listeners of programs that rk-enter has brought in, RK_BYPASS_MORE at most
   rk-outside keeps all of them, and starts another when one ends: calls that wait for an answer are
   in the page, connections that nobody has taken wait in the hub.

   Life. It ends with the chain, or when nothing is left that the filter applies to.

   Connections. Who asks at .child (rk/chain.h) is given one. rk-portd says which ports it publishes
   (OFFER, DROP, then READY once); when the program binds one of them, rk-bypassd asks for the
   socket (TAKE), and rk-portd gives it, or an error (GIVE). FREE: nothing in the chain has it any
   more. rk-enter hands in the listener of another filter (LISTEN), and rk-bypassd gives rk-outside
   a duplicate to keep, by the hub. Whoever connects may be root inside: what it offers reaches only
   the chain's own programs, and no host socket is made or connected for its sake. */
#ifndef RK_BYPASS_H
#define RK_BYPASS_H

#include <stdint.h>
#include <linux/seccomp.h>

#include <rk/relay.h>

enum { RK_BYPASS_VERSION = 1 };
enum {
  RK_BYPASS_NOTIFY_FD = 3,
  RK_BYPASS_PAGE_FD = 4,
  RK_BYPASS_HUB_FD = 5,
  RK_BYPASS_CHAIN_FD = 6,
  RK_BYPASS_USERNS_FD = 7,
  RK_BYPASS_MORE_FD = 8
};
enum { RK_BYPASS_MORE = 24 };

/* One call that waits for its answer. The kernel writes it here in the moment in which it counts as
   received: a successor finds every call that is to be answered. */
struct rk_bypass_slot {
  struct seccomp_notif call; /* id 0: free */
  uint32_t blocking;         /* boolean: O_NONBLOCK was set for the time of the call */
  uint32_t swapped;          /* boolean: the program's fd may be the host's socket already */
  uint32_t listener;         /* by which one it came: 0 is fd 3, 1 is fd 8 */
  uint32_t pad;
};
enum { RK_BYPASS_SLOTS = 1024 };
struct rk_bypass_page {
  uint32_t first_port; /* net.ipv4.ip_unprivileged_port_start of the program's network namespace */
  uint32_t
    used; /* slots below this number have been used: memory that is not touched is not there */
  uint64_t netns; /* and its cookie: only there a port is published */
  struct rk_bypass_slot slot[RK_BYPASS_SLOTS];
};

enum rk_bypass_op {
  RK_BYPASS_OFFER = 1, /* portd: port id leads to dest; with a socket: it was taken before */
  RK_BYPASS_DROP = 2,  /* portd: it does no longer */
  RK_BYPASS_READY = 3, /* portd: all that is published has been offered */
  RK_BYPASS_GIVE = 4,  /* portd: the answer to TAKE: a socket, or error */
  RK_BYPASS_KEPT = 7, /* bypassd: a socket that the program has, of a port that nobody offers: of an
                          rk-portd that ended */
  RK_BYPASS_LISTEN = 8, /* rk-enter: a listener */
  RK_BYPASS_TAKE = 5,   /* bypassd: port id is being bound */
  RK_BYPASS_FREE = 6    /* bypassd: nothing has its socket any more */
};
struct rk_bypass_say {
  uint32_t version;
  uint32_t op;
  uint32_t id;               /* of the port, as in struct rk_relay_add */
  int32_t error;             /* GIVE: 0, or an errno */
  uint64_t call;             /* TAKE, GIVE: which */
  uint32_t family;           /* TAKE: of the program's socket, AF_INET or AF_INET6 */
  uint32_t v6only;           /* TAKE: boolean, IPV6_V6ONLY of it */
  struct rk_relay_dest dest; /* OFFER */
};

#endif
