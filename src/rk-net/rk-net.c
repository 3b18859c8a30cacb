/* SPDX-License-Identifier: ISC
   rk-net: new network namespace, connected by a driver that runs outside, then become prog.

   where    inside: namespace root (rk-userns rk-idmap before it)
   changes  user namespace, with the uts, ipc, cgroup and mount namespaces that belong to the one
            so far (-u, and drivers without a tap: not); network namespace (-D: not); mount
            namespace if it is not the chain's own yet; /sys, /etc/resolv.conf, /etc/hosts (-D: not)
   fds/env  refuses fds that lead outside (-f keeps them); reads RK_OUTSIDE_FD, RK_STATE_DIR,
            RK_NET_PATH; -s writes RK_NET_STARTED, -w takes it
   forks    a child that stays in the user namespace so far, and is gone before prog (-s: before
            what follows -w); -D: children that configure the namespace and are gone
   exits    100 usage, 102 the host lacks something, 111 a system call or the driver failed, 126/127
            prog
 */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/fds.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/netlink.h>
#include <rk/text.h>

/* A tap's frame of 65535 bytes less the Ethernet header (tun.c: MAX_MTU); RFC 791 wants 576, RFC
   8200 1280. */
enum { MTU_MIN = 576, MTU_MIN6 = 1280, MTU_MAX = 65521 };

struct options {
  char const *driver, *cidr, *mtu, *ifname;
  char const *keep_fds; /* that lead outside: -f */
  int ipv6, loopback, detached;
  int start;  /* half of it: let the driver be started */
  int wait;   /* the other half: wait for what was started */
  int shared; /* no wall: -u */
  struct rk_net_out out;
  int keep;
};

static int take_out(void *into, char const *value)
{
  struct options *o = into;

  return outbound_take(&o->out, value);
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'n',
   .other = 'd',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, driver),
   .arg = "driver",
   .text = "slirp4netns, pasta, gvisor-tap-vsock, vpnkit, lxc-user-nic, none or your own"},
  {.letter = 'a',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, cidr),
   .arg = "cidr|auto",
   .text = "the IPv4 network; auto: the first /24 from 10.0.2.0 on that overlaps none"},
  {.letter = 'm',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, mtu),
   .arg = "mtu",
   .text = "576 to 65521; 65520 by default with most drivers"},
  {.letter = 'i',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, ifname),
   .arg = "ifname",
   .text = "name of the interface"},
  {.letter = '6',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, ipv6),
   .text = "IPv6 as well"},
  {.letter = 'o',
   .kind = RK_OPTION_CALL,
   .arg = "addr|if",
   .text = "connections leave the host by this address or interface of it",
   .many = 1,
   .take = take_out},
  {.letter = 'l',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, loopback),
   .text = "let the gateway's address reach the host's loopback"},
  {.letter = 'u',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, shared),
   .text = "no wall: prog shares the driver's user and network namespace"},
  {.letter = 'D',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, detached),
   .text = "detach: bind the namespace to dir/netns, prog stays in the host's network"},
  {.letter = 's',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, start),
   .text = "start the driver, and execute prog, a link, without waiting for it",
   .join = " | "},
  {.letter = 'w',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, wait),
   .text = "wait for the driver that -s started"},
  RK_OPTION_KEEP_FDS(struct options, "sockets and directories although they lead outside"),
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-net",
  .summary = "make a network namespace, connect it, then execute a program",
  .operands = "prog...",
  .options = OPTIONS,
};

static void set_mtu(struct net *n, char const *s)
{
  unsigned int mtu;

  n->ask.mtu = n->driver->mtu;
  if (!s)
    return;
  if (!uint0_scan(s, &mtu) || mtu < MTU_MIN || mtu > MTU_MAX)
    strerr_dief(RK_EXIT_USAGE, "invalid MTU: ", s, " (576 to 65521)");
  if (n->ipv6 && mtu < MTU_MIN6)
    strerr_dief(RK_EXIT_USAGE, "invalid MTU: ", s, " (IPv6 needs 1280)");
  n->ask.mtu = mtu;
}

static void set_ifname(struct net *n, char const *s)
{
  if (!s) {
    s = n->driver->ifname;
  } else if (!*s || strlen(s) >= sizeof n->ask.ifname) {
    strerr_dief(RK_EXIT_USAGE, "invalid interface name: \"", s, "\": 1 to 15 bytes");
  } else if (!strcmp(s, "lo")) {
    strerr_dief(RK_EXIT_USAGE, "invalid interface name: \"lo\" is taken");
  } else if (*s == '-') {
    strerr_dief(RK_EXIT_USAGE,
                "invalid interface name: it begins with -, as an option to the driver would");
  } else if (!rk_ifname_ok(s)) {
    char text[4 * IF_NAMESIZE + 3];
    struct rk_text t = rk_text_in(text, sizeof text);
    rk_text_quote(&t, s, strlen(s));
    strerr_dief(RK_EXIT_USAGE, "invalid interface name: ", text);
  }
  memcpy(n->ask.ifname, s, strlen(s));
}

/* What was handed in is checked before anything is asked for. No inherited socket is of the
   namespace that is about to be made; with -D prog stays in the one it is in, and sockets of that
   give it nothing new. */
static void refuse_fds(struct net const *n, struct options const *o)
{
  uint64_t own = n->ask.detached ? rk_netns_cookie() : 0;

  if (rk_ctl_fd() == -1 && errno != ENOENT) /* close-on-exec for now: rk_link_exec decides */
    rk_ctl_die("connect the network", NULL);
  rk_fds_refuse(o->keep_fds, RK_FDS_FILES | RK_FDS_SOCKETS, own);
}

/* pasta's port driver "implicit" looks for listening sockets in the namespace of its tap. */
static void choose_wall(struct net *n, struct options const *o)
{
  char const *ports = getenv("RK_PORT_DRIVER");
  int implicit = ports && !strcmp(ports, "implicit") && !strcmp(n->driver->name, "pasta");

  n->ask.wall = n->driver->mtu && !o->shared;
  if (n->ask.wall && implicit)
    strerr_dief(RK_EXIT_USAGE, "RK_PORT_DRIVER=implicit needs -u: pasta looks for the program's "
                               "ports in its own network namespace only");
  if (n->driver->mtu && !n->ask.wall)
    strerr_warnw("the program shares the user namespace with the network driver: root inside can "
                 "reach the host's loopback through a driver that does not close it, and can take "
                 "over a driver that is not well closed itself");
}

static void make_wall(struct net *n, struct options const *o)
{
  wall_begin(n, o->start);
  /* Below the wall the mounts that are there cannot be undone, nor told to be the chain's. */
  if (!o->start && !n->ask.detached && mounts_are_own())
    mounts_etc(n);
  wall_make(n);
  if (!o->start)
    mounts_own();
  netns_do(n, netns_name);
}

/* Up to the waiting: plan, namespace, interface; the driver is on its way. Returns whether
   rk-outside knows of it. */
static int start(struct net *n, struct options const *o)
{
  n->driver = driver_choose(o->driver);
  memcpy(n->ask.driver, n->driver->name, strlen(n->driver->name));
  n->txqlen = n->driver->txqlen;
  if (n->ipv6 && !n->driver->ipv6)
    strerr_dief(RK_EXIT_USAGE, "driver ", n->driver->name, " has no IPv6");
  n->ask.out = o->out;
  outbound_check(n);
  set_mtu(n, o->mtu);
  set_ifname(n, o->ifname);
  choose_wall(n, o);
  netns_refuse_second();
  refuse_fds(n, o);
  hostnet_plan(n, o->cidr);
  if (getenv("RK_CONFINED"))
    strerr_dief(RK_EXIT_USAGE, "put rk-confine after rk-net, whose test of the host's loopback it "
                               "would hide");
  if (n->ask.detached && !getenv("RK_STATE_DIR"))
    strerr_dief(RK_EXIT_USAGE, "-D needs a state directory: put rk-state before rk-userns");
  /* Driver none has nothing to ask for, and asks all the same: the request is granted once, and
     must not be left to the program. */
  int outside = rk_ctl_fd() != -1;
  if (!outside && (errno != ENOENT || n->driver->mtu || getenv("RK_STATE_DIR")))
    rk_ctl_die("connect the network", NULL);
  /* Without a wall lxc-user-nic enters the chain's mount namespace, which must not change any
     more. */
  if (o->start && !n->driver->tap)
    strerr_dief(RK_EXIT_USAGE, "-s is for drivers with a tap, which ", n->driver->name, " has not");

  if (!o->start && !n->ask.wall)
    mounts_own();
  netns_do(n, netns_make);
  /* The driver starts meanwhile, unless it is told of the program's namespace. */
  if (outside && (n->driver->tap || !n->ask.wall))
    net_ask(n);
  if (n->ask.wall)
    make_wall(n, o);
  netns_do(n, netns_configure);
  if (outside && n->ask.wall && !n->driver->tap)
    net_ask(n);
  return outside;
}

/* Behind rk-net -s, in its network namespace. What the plan was, rk-outside will tell. */
static void resume(struct net *n)
{
  if (!wall_take(n))
    strerr_dief(RK_EXIT_USAGE, "-w: there is no network to wait for: put one rk-net -s before it");
  n->inner = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (n->inner == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/ns/net");
  n->rtnl = rk_nl_open(NETLINK_ROUTE);
  if (n->rtnl == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a netlink socket");
  mounts_own();
}

static int plans(struct options const *o)
{
  if (o->driver || o->cidr || o->mtu || o->ifname || o->keep_fds)
    return 1;
  if (outbound_given(&o->out))
    return 1;
  return o->ipv6 || o->loopback || o->shared || o->detached;
}

/* Returns how many arguments are options. */
static int options(int argc, char const *const *argv, struct net *n, struct options *o)
{
  int first = rk_options(&USAGE, argc, argv, o);

  if (o->start && (o->wait || o->detached))
    rk_usage_die(&USAGE, "-s, -w and -D exclude one another");
  if (o->wait && plans(o))
    rk_usage_die(&USAGE, "-w goes with no other option than -k: give them to rk-net -s");
  if (geteuid())
    strerr_dief(RK_EXIT_USAGE, "must be root inside: put rk-userns rk-idmap before rk-net, "
                               "rk-setid after");
  n->ipv6 = o->ipv6;
  n->ask.host_loopback = (uint32_t)o->loopback;
  n->ask.detached = (uint32_t)o->detached;
  n->keep = o->keep;
  return first;
}

/* -s: the next links run meanwhile. */
static void started(struct net *n)
{
  if (n->ask.wall)
    wall_keep(n);
  else if (setenv("RK_NET_STARTED", "1", 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set RK_NET_STARTED");
}

/* The loopback test has been sent: what it needed is undone. */
static void clear_up(struct net *n)
{
  if (n->hop != -1)
    netns_do(n, netns_lo_up);
  wall_end(n);
}

/* All that the program must find. */
static void finish(struct net *n, int outside)
{
  int connected = !n->driver || n->driver->mtu;

  if (!n->ask.detached)
    mounts_sysfs();
  if (!n->ask.detached && connected && n->etc == RK_ETC_NONE)
    mounts_etc(n);
  if (outside) {
    finish_await(n);
    if (n->say.plan.wall && n->hop == -1)
      strerr_dief(RK_EXIT_USAGE, "invalid RK_NET_STARTED");
    if (connected && !n->say.plan.host_loopback)
      netns_do(n, probe_send);
    net_verify(n, clear_up);
  }
  close(n->rtnl);
  close(n->netns);
  if (n->inner != n->netns)
    close(n->inner);
}

int main(int argc, char const *const *argv)
{
  static struct net n = {
    .netns = -1, .inner = -1, .rtnl = -1, .hop = -1, .tcp = {-1, -1, -1, -1, -1, -1}};
  struct options o = {0};
  int outside = 1;

  PROG = "rk-net";
  argv += options(argc, argv, &n, &o);
  if (o.wait)
    resume(&n);
  else
    outside = start(&n, &o);
  if (o.start)
    started(&n);
  else
    finish(&n, outside);
  rk_link_exec(argv, n.keep);
}
