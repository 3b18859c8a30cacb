/* SPDX-License-Identifier: ISC
   The process in the hop: it stays in the user namespace P and the network namespace with the tap,
   maps the ids of the user namespace behind the wall, ties the program's network namespace to the
   tap, and asks the driver for its gateway during the loopback test.

   The hop forwards, without translating: the program has the addresses of the plan. To the driver
   the hop answers for the program's address, and to the program for the driver's (proxy ARP,
   neighbour proxies). No address but those of lo leads to the hop itself, and what is sent to
   127.0.0.0/8 or ::1 the kernel drops here: a martian destination that came by another interface
   (ip_route_input_slow(), ip6_rcv_core()). */
#include "net.h"
#include "hop_if.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/veth.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/netlink.h>
#include <rk/proc.h>
#include <rk/sys.h>
#include <rk/text.h>

enum { LO_INDEX = 1, HOP_TABLE = 100, MAP_LINE = 34 };

/* The ids of our own user namespace one to one, line by line: a line that spans two lines of the
   parent's map is not allowed (user_namespaces(7)). */
static void map(int proc, char const *name)
{
  char in[RK_MAP_MAX * MAP_LINE + 1], out[4096];
  char path[32] = "/proc/self/";
  struct rk_text t = rk_text_in(out, sizeof out);
  unsigned int inside, count;
  int fd;

  strcat(path, name);
  if (rk_slurp(path, in, sizeof in) == -1)
    strerr_diefusys(RK_EXIT_SYS, "read ", path);
  for (char const *s = in; *s;) {
    s += strspn(s, " \n");
    s += uint_scan(s, &inside);
    s += strspn(s, " ");
    s += strspn(s, "0123456789");
    s += strspn(s, " ");
    s += uint_scan(s, &count);
    rk_text_num(&t, inside);
    rk_text_str(&t, " ");
    rk_text_num(&t, inside);
    rk_text_str(&t, " ");
    rk_text_num(&t, count);
    rk_text_str(&t, "\n");
  }
  fd = openat(proc, name, O_WRONLY | O_CLOEXEC);
  if (fd == -1 || write(fd, out, t.len) != (ssize_t)t.len)
    strerr_diefusys(RK_EXIT_SYS, "map the ids of the program: write its ", name);
  close(fd);
}

static void proxy6(struct rk_nl *b, int index, struct in6_addr const *who)
{
  struct ndmsg nd = {.ndm_family = AF_INET6,
                     .ndm_ifindex = index,
                     .ndm_state = NUD_PERMANENT,
                     .ndm_flags = NTF_PROXY};

  rk_nl_msg(b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &nd, sizeof nd,
            "answer for a neighbour");
  rk_nl_attr(b, NDA_DST, who, sizeof *who);
}

/* Of one queue from the start on: by default a veth gets one for each CPU, and is then brought down
   to one, at either end by a grace period of RCU (veth_init_queues() in drivers/net/veth.c). */
static void end_of_pair(struct net const *n, struct rk_nl *b, char const *name)
{
  rk_nl_attr(b, IFLA_IFNAME, name, strlen(name) + 1);
  rk_nl_u32(b, IFLA_MTU, n->ask.mtu);
  rk_nl_u32(b, IFLA_NUM_TX_QUEUES, 1);
  rk_nl_u32(b, IFLA_NUM_RX_QUEUES, 1);
}

static void veth(struct net const *n, struct rk_nl *b, char const *name, int inner)
{
  struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = HOP_VETH_INDEX};
  struct ifinfomsg peer = {.ifi_index = n->driver->tap ? 0 : HOP_VETH_INDEX};
  size_t info, data, end;

  rk_nl_msg(b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &link, sizeof link,
            "make the interfaces between the network driver and the program");
  end_of_pair(n, b, name);
  info = rk_nl_nest(b, IFLA_LINKINFO);
  rk_nl_attr(b, IFLA_INFO_KIND, "veth", 5);
  data = rk_nl_nest(b, IFLA_INFO_DATA);
  end = b->len;
  rk_nl_attr(b, VETH_INFO_PEER | NLA_F_NESTED, &peer, sizeof peer);
  end_of_pair(n, b, n->ask.ifname);
  rk_nl_u32(b, IFLA_NET_NS_FD, (uint32_t)inner);
  rk_nl_end(b, end);
  rk_nl_end(b, data);
  rk_nl_end(b, info);
}

static void four_tap(struct net const *n, struct rk_nl *b, int tap)
{
  struct rk_nl_route net = {.family = AF_INET,
                            .type = RTN_UNICAST,
                            .table = RT_TABLE_MAIN,
                            .index = tap,
                            .dst = &n->ask.network,
                            .dstlen = (uint8_t)n->ask.prefix};
  struct rk_nl_route all = {.family = AF_INET,
                            .type = RTN_UNICAST,
                            .table = RT_TABLE_MAIN,
                            .index = tap,
                            .gateway = &n->ask.gateway};

  hop_interface(b, tap);
  rk_nl_route(b, RTM_NEWROUTE, &net);
  rk_nl_route(b, RTM_NEWROUTE, &all);
}

static void four_veth(struct net const *n, struct rk_nl *b)
{
  struct rk_nl_route prog = {.family = AF_INET,
                             .type = RTN_UNICAST,
                             .table = RT_TABLE_MAIN,
                             .index = HOP_VETH_INDEX,
                             .dst = &n->ask.ip,
                             .dstlen = 32};

  rk_nl_route(b, RTM_NEWROUTE, &prog);
}

/* Not to be forwarded, for what a driver's connect(2) makes of it: :: is the host's loopback
   (ip6_datagram_connect(), tcp_v6_connect()), ::ffff:127.0.0.1 as well, and so may be the other
   forms that hold an IPv4 address: ::/96, ::ffff:0:0:0/96 (RFC 4291, RFC 2765). */
static void refuse6(struct rk_nl *b)
{
  static struct in6_addr const prefix[] = {
    {.s6_addr = {0}},
    {.s6_addr = {[10] = 0xff, [11] = 0xff}},
    {.s6_addr = {[8] = 0xff, [9] = 0xff}},
  };

  for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
    struct rk_nl_route r = {.family = AF_INET6,
                            .type = RTN_BLACKHOLE,
                            .table = RT_TABLE_MAIN,
                            .dst = prefix + i,
                            .dstlen = 96};
    rk_nl_route(b, RTM_NEWROUTE, &r);
  }
}

static void rule6(struct rk_nl *b, uint16_t type, uint32_t priority, uint8_t table)
{
  struct fib_rule_hdr rule = {.family = AF_INET6, .table = table, .action = FR_ACT_TO_TBL};

  rk_nl_msg(b, type, type == RTM_NEWRULE ? NLM_F_CREATE | NLM_F_EXCL : 0, &rule, sizeof rule,
            type == RTM_NEWRULE ? "add a routing rule for IPv6" : "remove a routing rule for IPv6");
  rk_nl_u32(b, FRA_PRIORITY, priority);
}

/* libslirp learns a link-layer address for the source of an advertisement only, and the source of
   one that a proxy sends is an address of the proxy's, chosen as for any packet (ndisc_send_na(),
   RFC 6724). So lo has the program's address, which is the best choice. What is sent to it is
   forwarded all the same: a table of one route comes before the table "local". */
static void program6(struct net const *n, struct rk_nl *b, int tap)
{
  struct rk_nl_route r = {.family = AF_INET6,
                          .type = RTN_UNICAST,
                          .table = HOP_TABLE,
                          .index = HOP_VETH_INDEX,
                          .dst = &n->ask.ip6,
                          .dstlen = 128};

  rk_nl_route(b, RTM_NEWROUTE, &r);
  rule6(b, RTM_NEWRULE, 1, HOP_TABLE);
  rule6(b, RTM_NEWRULE, 2, RT_TABLE_LOCAL);
  rule6(b, RTM_DELRULE, 0, RT_TABLE_LOCAL);
  rk_nl_addr(b, AF_INET6, LO_INDEX, &n->ask.ip6, 128, IFA_F_NODAD | IFA_F_NOPREFIXROUTE);
  proxy6(b, tap, &n->ask.ip6);
}

static void six(struct net const *n, struct rk_nl *b, int tap)
{
  struct in6_addr network = n->ask.ip6;
  struct rk_nl_route r = {.family = AF_INET6, .type = RTN_UNICAST, .table = RT_TABLE_MAIN};

  memset(network.s6_addr + 8, 0, 8);
  hop_answer_at_once(b, "ndisc_cache", tap);
  hop_answer_at_once(b, "ndisc_cache", HOP_VETH_INDEX);
  r.index = tap;
  r.dst = &network;
  r.dstlen = 64;
  rk_nl_route(b, RTM_NEWROUTE, &r);
  r.dst = NULL;
  r.dstlen = 0;
  r.gateway = &n->ask.gateway6;
  rk_nl_route(b, RTM_NEWROUTE, &r);
  program6(n, b, tap);
  refuse6(b);
  proxy6(b, HOP_VETH_INDEX, &n->ask.gateway6);
  proxy6(b, HOP_VETH_INDEX, &n->ask.dns6);
}

static void sysctl6(char const *ifname, char const *key, char const *value)
{
  char path[NETNS_CONF_MAX];

  netns_sysctl(netns_conf(path, "ipv6", ifname, key), value);
}

/* Before the interfaces are up. The end of the veth pair will inherit those of "default". */
static void settings6(struct net const *n)
{
  sysctl6(n->ask.ifname, "accept_ra", "0");
  if (!n->ipv6) {
    sysctl6("all", "disable_ipv6", "1");
    return;
  }
  /* The hop's link-local addresses ask for neighbours: at once, not after a second of duplicate
     address detection. */
  sysctl6(n->ask.ifname, "accept_dad", "0");
  sysctl6("default", "accept_dad", "0");
  sysctl6(n->ask.ifname, "proxy_ndp", "1");
  sysctl6("default", "proxy_ndp", "1");
  sysctl6("all", "forwarding", "1");
}

static void die_if(int failed)
{
  if (failed)
    strerr_diefusys(RK_EXIT_SYS, "talk to the process that becomes the program");
}

/* 1: it has answered, 0: it has not, below: the errno for which it could not be asked. */
static int ask_gateway(struct net const *n, int news, char const *veth_name,
                       struct hop_question const *ask)
{
  int index = (int)if_nametoindex(n->ask.ifname);
  int answered;

  if (!index)
    return -errno;
  neighbour_link_ready(1, n->ask.ifname);
  neighbour_link_ready(1, veth_name);
  answered = neighbour_rounds(1, news, index, &ask->gateway, ask->rounds);
  return answered == -1 ? -errno : answered;
}

/* Tried again: the other side knows of nothing else that failed. */
static int send_answer(int sock, int answered)
{
  ssize_t r = -1;

  for (int i = 0; i < 3 && r == -1; i++)
    r = send(sock, &answered, sizeof answered, MSG_NOSIGNAL);
  return (int)r;
}

/* Nothing is left in our hands but the socket and two of netlink. */
static void __attribute__((noreturn)) serve(struct net *n, int sock, char const *veth_name)
{
  struct hop_question ask;
  int answered;
  int news = -1;
  int e = 0;
  ssize_t r;

  if (dup2(sock, 0) == -1 || dup2(n->rtnl, 1) == -1) {
    e = errno;
  } else {
    sock = 0;
    rk_close_range(2, UINT_MAX, 0);
    news = neighbour_listen();
    e = news == -1 ? errno : 0;
  }
  for (;;) {
    do
      r = recv(sock, &ask, sizeof ask, 0);
    while (r == -1 && errno == EINTR);
    if (r == 0)
      break;
    if (r == -1)
      e = errno;
    answered = e ? -e : ask_gateway(n, news, veth_name, &ask);
    if (send_answer(sock, answered) == -1)
      break;
  }
  _exit(0);
}

/* The side of the driver: it needs nothing of the program's. Returns the index of the tap; 0: there
   is none, and the driver will make an interface. */
static int make_outer(struct net *n, struct rk_nl *b)
{
  int tap = 0;

  if (n->ask.detached && setns(n->netns, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the network namespace");
  if (n->driver->tap) {
    tap = (int)if_nametoindex(n->ask.ifname);
    if (!tap)
      strerr_diefusys(RK_EXIT_SYS, "find the interface ", n->ask.ifname);
  }
  netns_sysctl("/proc/sys/net/ipv4/conf/all/route_localnet", "0");
  settings6(n);
  rk_nl_init(b);
  /* Without an address the table "local" is missing, and every address is one of broadcast to ARP
     (__inet_dev_addr_type(), arp_constructor()). */
  rk_nl_link_up(b, "lo", 0, 0, 0);
  if (tap) {
    /* The queue's length must be set before the link is up, when its qdisc is made. */
    rk_nl_link_up(b, NULL, tap, n->ask.mtu, n->txqlen);
    four_tap(n, b, tap);
  }
  netns_send(n->rtnl, b);
  return tap;
}

/* proc: of the process that becomes the program; number: its fd of its network namespace. */
static void tie(struct net *n, struct rk_nl *b, int tap, int proc, int number, char const *name)
{
  char fd[4 + UINT_FMT] = "fd/";
  int inner;

  map(proc, "uid_map");
  map(proc, "gid_map");
  fd[3 + uint_fmt(fd + 3, (unsigned int)number)] = 0;
  inner = openat(proc, fd, O_RDONLY | O_CLOEXEC);
  if (inner == -1)
    strerr_diefusys(RK_EXIT_SYS, "open the network namespace of the program");
  rk_nl_init(b);
  veth(n, b, name, inner);
  rk_nl_link_up(b, NULL, HOP_VETH_INDEX, 0, 0);
  hop_interface(b, HOP_VETH_INDEX);
  if (tap)
    four_veth(n, b);
  if (n->ipv6)
    six(n, b, tap);
  netns_send(n->rtnl, b);
}

/* The last process of a mount namespace waits for RCU when it leaves it, and the program waits for
   our end: so we leave at once for that of the program, where nothing but links runs yet. That of
   an outer user namespace does not let us in; then it is ours as well, and not about to end. */
static void leave_mounts(int proc)
{
  int mounts = openat(proc, "ns/mnt", O_RDONLY | O_CLOEXEC);

  if (mounts != -1)
    setns(mounts, CLONE_NEWNS);
}

void hop_run(struct net *n, int sock, int proc, int stays)
{
  static struct rk_nl b;
  char const *name = strcmp(n->ask.ifname, "hop") ? "hop" : "hop0";
  int tap = make_outer(n, &b);
  int number, made = 1;
  pid_t pid;
  ssize_t r;

  do
    r = recv(sock, &number, sizeof number, 0);
  while (r == -1 && errno == EINTR);
  die_if(r == -1);
  if (r != sizeof number)
    _exit(0); /* it has died, and said why */
  tie(n, &b, tap, proc, number, name);
  if (stays) {
    pid = fork();
    if (pid == -1)
      strerr_diefusys(RK_EXIT_SYS, "fork");
    if (pid > 0)
      _exit(0);
  }
  die_if(send_answer(sock, made) == -1);
  leave_mounts(proc);
  serve(n, sock, name);
}
