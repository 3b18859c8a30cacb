/* SPDX-License-Identifier: ISC
   The parts of rk-net. Each dies with a clear line if it fails. */
#ifndef NET_H
#define NET_H

#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/types.h>
#include <rk/ctl.h>
#include "plan.h"

struct net {
  struct rk_net_plan ask;  /* the plan (-w: none) */
  struct rk_reply_net say; /* what rk-outside made of it: all that -w knows */
  struct driver const *driver;
  uint32_t txqlen; /* of the tap, 0: the kernel's */
  uint32_t etc;    /* enum rk_etc */
  int ipv6, keep;
  int netns;    /* fd of the driver's network namespace */
  int inner;    /* fd of the program's; the same, unless there is a wall */
  int rtnl;     /* rtnetlink socket in the program's; in the hop's process, in the driver's */
  int hop;      /* socket to the process in the hop, -1: none */
  pid_t hoppid; /* our child, 0: not ours to wait for */
  int tcp[RK_NET_TARGETS]; /* sockets of the loopback test, -1: none */
};

/* drivers.c */
enum { DRIVER_OUT_ADDR = 1, DRIVER_OUT_IF = 2 };
struct driver {
  char const *name;
  char const *binary;   /* what it needs in PATH, null: nothing */
  char const *fix;      /* how to get that */
  char const *ifname;   /* default name of the interface */
  int tap;              /* wants a persistent tap */
  uint32_t mtu, txqlen; /* defaults */
  uint32_t rto_min;     /* of TCP to it, milliseconds; 0: the kernel's */
  int ipv6;             /* serves IPv6 */
  unsigned int out;     /* what its connections can be bound to: DRIVER_OUT_... */
  unsigned int longest; /* longest prefix it can serve */
  char const *network;  /* the only network it knows, null: any */
  /* The host numbers of the plan, where they are not those of plan_fill(): 0 */
  uint32_t ip, gateway, dns;
};
/* The driver of that name; null name: the best one installed. */
struct driver const *driver_choose(char const *name);

/* outbound.c: -o. Take an address or the name of an interface, which the host must have (in the
   outer network namespace); 0: it is neither. Was there one? Can the driver do it? */
int outbound_take(struct rk_net_out *out, char const *s);
int outbound_given(struct rk_net_out const *out);
void outbound_check(struct net const *n);

/* hostnet.c: what the host uses. Both in the outer network namespace. */
void hostnet_plan(struct net *n, char const *cidr);

/* netns.c */
void netns_refuse_second(void);
/* Run fn in the program's network namespace, if it exists, else where this process is: in this very
   process, or (-D) in a child sharing its memory. */
void netns_do(struct net *n, void (*fn)(struct net *));
/* The driver's network namespace, with its tap; without a wall it is the program's as well. */
void netns_make(struct net *n);
/* Mount the program's in the state directory, if it is detached. */
void netns_name(struct net *n);
/* The program's, if there is a wall: in its user namespace. */
void netns_make_inner(struct net *n);
/* Addresses and routes of the program's, and lo unless there is a wall. */
void netns_configure(struct net *n);
void netns_lo_up(struct net *n);
/* Write value to a file of /proc/sys/net/; one that is missing is a kernel without that feature. */
void netns_sysctl(char const *path, char const *value);
/* path: conf of an interface, "ipv4/conf/" + ifname + "/" + key. Returns path. */
enum { NETNS_CONF_MAX = 80 };
char *netns_conf(char path[NETNS_CONF_MAX], char const *family, char const *ifname,
                 char const *key);
/* Send the batch, or die. */
struct rk_nl;
void netns_send(int rtnl, struct rk_nl *b);

/* wall.c: behind it the program is in a user namespace below that of the network namespace with the
   tap, which is then called the hop. Root inside has no power over what is above: it can not
   configure the hop, and a driver that enters the hop's user namespace meets nobody there. */
/* Start the process in the hop, which sets that up. stays: it outlives this program, for rk-net
   -w. */
void wall_begin(struct net *n, int stays);
/* Meanwhile: go to the namespaces of the program, and have it tie them to the hop. */
void wall_make(struct net *n);
/* The process in the hop, which goes when the fd is closed. wall_keep: over exec, for wall_take of
   rk-net -w. */
void wall_keep(struct net *n);
int wall_take(struct net *n);
void wall_end(struct net *n);
/* Have it ask the driver for its gateway, rounds times, each time waiting for the answer. Returns
   whether all were answered. */
int wall_rounds(struct net *n, int rounds);

/* hop.c: that process. */
struct hop_question {
  struct in_addr gateway;
  int rounds;
};
void hop_run(struct net *n, int sock, int proc, int stays) __attribute__((noreturn));

/* neighbour.c: ask for the gateway with ARP on the interface, rounds times, by making the kernel
   forget it and use it again: the answers are news of the kernel's, which the socket hears. 1, 0:
   one of them was not answered, or -1 with errno: it could not be asked. */
int neighbour_listen(void);
int neighbour_rounds(int rtnl, int news, int index, struct in_addr const *who, int rounds);
/* An interface whose carrier has just come, because a driver has attached or the other end is up,
   drops what it is given until the kernel's link watch has run (net/core/link_watch.c), which a
   busy machine puts off. To ask for its state makes it ready now (ethtool_op_get_link(), Linux
   6.9). sock: any socket of its network namespace. */
void neighbour_link_ready(int sock, char const *ifname);
/* Wait until the kernel knows it, for at most ms: 1, 0, or -1 with errno. */
int neighbour_wait(int news, struct in_addr const *who, int ms);

/* mounts.c: all in a mount namespace of our own, which mounts_own makes sure of */
enum { RK_NET_PATH_MAX = 4096 };
void mounts_own(void);
/* Is the mount namespace the chain's own already? */
int mounts_are_own(void);
void mounts_sysfs(void);
void mounts_etc(struct net *n);
void mounts_netns(char const *path);

/* leaktest_send.c. With a wall it needs lo to be down, and leaves it so. */
void probe_send(struct net *n);

/* finish.c: ask for the driver, which configures the program's namespace itself if it makes its own
   interface; wait for it; have the loopback test judged, resolv.conf and hosts
   written, and do something else meanwhile */
void net_ask(struct net const *n);
void finish_await(struct net *n);
void net_verify(struct net *n, void (*meanwhile)(struct net *));

#endif
