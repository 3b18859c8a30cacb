/* SPDX-License-Identifier: ISC
   The parts of rk-net. Each dies with a clear line if it fails. */
#ifndef NET_H
#define NET_H

#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <rk/ctl.h>
#include "plan.h"

struct net {
  struct rk_net_plan ask;  /* the plan (-w: none) */
  struct rk_reply_net say; /* what rk-outside made of it: all that -w knows */
  struct driver const *driver;
  uint32_t txqlen; /* of the tap, 0: the kernel's */
  uint32_t etc;    /* enum rk_etc */
  int ipv6, keep;
  int netns;      /* fd of the new namespace */
  int rtnl;       /* rtnetlink socket in it */
  int tcp[4];     /* sockets of the loopback test, -1: none */
  char ports[24]; /* ephemeral ports inside, "LOW HIGH"; empty: as they are */
};

/* drivers.c */
struct driver {
  char const *name;
  char const *binary;   /* what it needs in PATH, null: nothing */
  char const *fix;      /* how to get that */
  char const *ifname;   /* default name of the interface */
  int tap;              /* wants a persistent tap */
  uint32_t mtu, txqlen; /* defaults */
  uint32_t rto_min;     /* of TCP to it, milliseconds; 0: the kernel's */
  int ipv6;             /* serves IPv6 */
  unsigned int longest; /* longest prefix it can serve */
};
/* The driver of that name; null name: the best one installed. */
struct driver const *driver_choose(char const *name);

/* hostnet.c: what the host uses. Both in the outer network namespace. */
void hostnet_plan(struct net *n, char const *cidr);
void hostnet_ports(struct net *n);

/* netns.c */
void netns_refuse_second(void);
/* Run fn in the new network namespace, which the first call makes: in this very process, or (-D) in
   a child sharing its memory. */
void netns_do(struct net *n, void (*fn)(struct net *));
void netns_make(struct net *n);
void netns_configure(struct net *n);

/* mounts.c: all in a mount namespace of our own, which mounts_own makes sure of */
enum { RK_NET_PATH_MAX = 4096 };
void mounts_own(void);
void mounts_sysfs(void);
void mounts_etc(struct net *n);
void mounts_netns(char const *path);

/* leaktest_send.c */
void probe_send(struct net *n);

/* finish.c: wait for the driver; have the loopback test judged, resolv.conf and hosts written */
void finish_await(struct net *n);
void net_verify(struct net *n);

#endif
