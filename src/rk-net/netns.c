/* SPDX-License-Identifier: ISC
   The network namespace: made, and configured from inside. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/if_tun.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/netlink.h>
#include <rk/ns.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/text.h>

static int ours(char const *path)
{
  int owner = rk_ns_owner_at(path);

  /* ENOTTY: an empty file. The namespace that another chain has mounted on it is not seen outside
     that chain. */
  if (owner == -1 && errno != ENOTTY)
    strerr_diefusys(RK_EXIT_SYS, "find the owner of ", path);
  return owner == RK_NS_OURS;
}

/* The place of a detached network namespace in the state directory. 0: there is no state
   directory. */
static int state_netns(char path[RK_NET_PATH_MAX])
{
  char const *dir = getenv("RK_STATE_DIR");

  if (!dir)
    return 0;
  if (strlen(dir) > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "RK_STATE_DIR is too long");
  strcpy(path, dir);
  strcat(path, "/netns");
  return 1;
}

void netns_refuse_second(void)
{
  char path[RK_NET_PATH_MAX];

  /* A detached one is not this process's own; one of a chain outside is another user
     namespace's. */
  int state = state_netns(path);
  if (ours("/proc/self/ns/net") || (state && access(path, R_OK) == 0 && ours(path)))
    strerr_dief(RK_EXIT_USAGE, "this chain already has a network of its own");
}

struct visit {
  struct net *n;
  void (*fn)(struct net *);
};

static int child(void *arg)
{
  struct visit const *visit = arg;
  struct net *n = visit->n;

  if (n->inner != -1 && setns(n->inner, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the network namespace");
  visit->fn(n);
  /* clone(3) exits with it; _exit here, on a stack that is not the program's, alarms the address
     sanitizer */
  return 0;
}

/* The way back from a network namespace to the host's is closed to us (we own only the new one), so
   the detached one is visited by a child. It shares memory and fds: what it opens and writes is
   ours, what it fails of has been said. */
void netns_do(struct net *n, void (*fn)(struct net *))
{
  static _Alignas(16) char stack[65536];
  struct visit visit = {.n = n, .fn = fn};
  int status;
  pid_t pid;

  if (!n->ask.detached) {
    fn(n);
    return;
  }
  pid = clone(child, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_FILES | SIGCHLD, &visit);
  if (pid == -1 || waitpid(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!WIFEXITED(status))
    strerr_dief(RK_EXIT_SYS, "the helper for the detached network was killed");
  if (WEXITSTATUS(status))
    _exit(WEXITSTATUS(status));
}

static void __attribute__((noreturn)) die_tun(void)
{
  char const *const what = "unable to open /dev/net/tun: ";

  switch (errno) {
    case ENOENT:
      rk_die_host("D1", "modprobe tun, or pass the device /dev/net/tun into the outer container",
                  what, "it does not exist");
    case EACCES:
      rk_die_host("D2", "chmod 0666 /dev/net/tun, and persist that by a udev rule", what,
                  "its mode forbids it");
    case EPERM:
      rk_die_host("D3", "allow the device c 10:200 in the outer container", what,
                  "a device cgroup forbids it");
    case ENODEV:
    case ENXIO:
      rk_die_host("D4", "modprobe tun; after a kernel update, reboot", what,
                  "the kernel has no such device");
    default: strerr_diefusys(RK_EXIT_SYS, "open /dev/net/tun");
  }
}

/* A tap that outlives its driver: one that dies finds it again, with addresses and routes in
   place. */
static void make_tap(struct net *n)
{
  struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
  int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

  if (fd == -1)
    die_tun();
  memcpy(ifr.ifr_name, n->ask.ifname, sizeof ifr.ifr_name);
  if (ioctl(fd, TUNSETIFF, &ifr) == -1) {
    if (errno == EBUSY || errno == EEXIST || errno == EINVAL)
      strerr_dief(RK_EXIT_USAGE, "unable to make the interface ", n->ask.ifname,
                  ": the name is taken or not allowed");
    if (errno == ENOTTY)
      rk_die_host("D1", "rm /dev/net/tun; mknod -m 0666 /dev/net/tun c 10 200",
                  "unable to make the interface ", n->ask.ifname,
                  ": /dev/net/tun is not the tun device");
    strerr_diefusys(RK_EXIT_SYS, "make the interface ", n->ask.ifname);
  }
  if (ioctl(fd, TUNSETPERSIST, 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make the interface ", n->ask.ifname, " persistent");
  close(fd);
}

/* A new one for this process, with a netlink socket in it. */
static int make(struct net *n)
{
  int fd;

  if (unshare(CLONE_NEWNET) == -1) {
    if (errno == ENOSPC)
      rk_die_host("U7", "sysctl -w user.max_net_namespaces=15000",
                  "unable to make a network namespace: too many (user.max_net_namespaces)");
    strerr_diefusys(RK_EXIT_SYS, "make a network namespace");
  }
  fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/ns/net");
  n->rtnl = rk_nl_open(NETLINK_ROUTE);
  if (n->rtnl == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a netlink socket");
  return fd;
}

void netns_name(struct net *n)
{
  char path[RK_NET_PATH_MAX];

  if (n->ask.detached && state_netns(path))
    mounts_netns(path);
}

void netns_make(struct net *n)
{
  n->netns = make(n);
  if (n->driver->tap)
    make_tap(n);
  if (n->ask.wall)
    return;
  n->inner = n->netns;
  netns_name(n);
}

void netns_make_inner(struct net *n)
{
  if (n->ask.detached) {
    n->inner = make(n);
    return;
  }
  n->inner = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
  if (n->inner == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/ns/net");
  n->rtnl = rk_nl_open(NETLINK_ROUTE);
  if (n->rtnl == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a netlink socket");
}

/* A missing file is a kernel without that feature; -w: say what went wrong otherwise. */
void netns_sysctl(char const *path, char const *value)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  size_t len = strlen(value);

  if (fd == -1 && errno == ENOENT)
    return;
  if (fd == -1 || write(fd, value, len) != (ssize_t)len)
    strerr_warnwusys("write ", value, " to ", path);
  if (fd != -1)
    close(fd);
}

char *netns_conf(char path[NETNS_CONF_MAX], char const *family, char const *ifname, char const *key)
{
  struct rk_text t = rk_text_in(path, NETNS_CONF_MAX);

  rk_text_str(&t, "/proc/sys/net/");
  rk_text_str(&t, family);
  rk_text_str(&t, "/conf/");
  rk_text_str(&t, ifname);
  rk_text_str(&t, "/");
  rk_text_str(&t, key);
  return path;
}

/* Groups that may use ping sockets: all mapped ones without a gap from 0; the kernel refuses an
   unmapped end. */
static void ping_groups(char *text)
{
  char map[4096];
  unsigned int end = 0, inside, outside, count;
  size_t n;

  text[0] = 0;
  if (rk_slurp("/proc/self/gid_map", map, sizeof map) < 0)
    return;
  for (char const *s = map; *s;) {
    s += strspn(s, " \n");
    n = uint_scan(s, &inside);
    if (!n)
      break;
    s += n;
    s += strspn(s, " ");
    s += uint_scan(s, &outside);
    s += strspn(s, " ");
    n = uint_scan(s, &count);
    if (!n)
      break;
    s += n;
    if (inside == end)
      end += count;
  }
  if (!end)
    return;
  memcpy(text, "0 ", 2);
  n = 2 + uint_fmt(text + 2, end - 1 > 0x7fffffff ? 0x7fffffff : end - 1);
  text[n] = 0;
}

static void sysctls(struct net *n)
{
  char ping[2 + UINT_FMT], path[NETNS_CONF_MAX];

  ping_groups(ping);
  if (ping[0])
    netns_sysctl("/proc/sys/net/ipv4/ping_group_range", ping);
  /* For rk-relay: what it connects on behalf of a client carries a mark, and so must the
     answers. */
  netns_sysctl("/proc/sys/net/ipv4/tcp_fwmark_accept", "1");
  netns_sysctl("/proc/sys/net/ipv4/fwmark_reflect", "1");
  netns_sysctl("/proc/sys/net/ipv6/fwmark_reflect", "1");
  if (!n->driver->tap && !n->ask.wall)
    return;
  /* The plan is ours; a driver's router advertisement (slirp4netns sends some) would add to it
     seconds later. */
  netns_sysctl(netns_conf(path, "ipv6", n->ask.ifname, "accept_ra"), "0");
}

/* The ways to a driver and over lo are short and lose nothing on the line: what BBR, the default
   of some hosts, does there is to program a timer for each burst, at half the throughput. CUBIC
   may be restricted (tcp_allowed_congestion_control), Reno never is; a route's metric needs no
   permission. */
static void congestion(void)
{
  static char const path[] = "/proc/sys/net/ipv4/tcp_congestion_control";
  char now[64];
  ssize_t len = rk_slurp(path, now, sizeof now);

  if (len <= 0 || !strcmp(now, "cubic") || !strcmp(now, "reno"))
    return;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd == -1 || (write(fd, "cubic", 5) != 5 && write(fd, "reno", 4) != 4))
    strerr_warnwusys("write reno to ", path);
  if (fd != -1)
    close(fd);
}

static char const *congctl(void)
{
  char names[256];
  ssize_t len = rk_slurp("/proc/sys/net/ipv4/tcp_available_congestion_control", names,
                         sizeof names);

  return len > 0 && strstr(names, "cubic") ? "cubic" : 0;
}

void netns_send(int rtnl, struct rk_nl *b)
{
  struct rk_nl_error e;

  if (rk_nl_send(rtnl, b, &e) == 0)
    return;
  if (e.text[0])
    strerr_dief(RK_EXIT_SYS, "unable to ", e.what, ": ", strerror(e.error), ": ", e.text);
  strerr_diefusys(RK_EXIT_SYS, e.what);
}

void netns_lo_up(struct net *n)
{
  static struct rk_nl b;

  rk_nl_init(&b);
  rk_nl_link_up(&b, "lo", 0, 0, 0);
  netns_send(n->rtnl, &b);
}

void netns_configure(struct net *n)
{
  static struct rk_nl b;
  struct ifreq ifr = {0};
  struct rk_nl_route four = {
    .family = AF_INET, .type = RTN_UNICAST, .table = RT_TABLE_MAIN, .gateway = &n->ask.gateway};
  struct rk_nl_route six = {
    .family = AF_INET6, .type = RTN_UNICAST, .table = RT_TABLE_MAIN, .gateway = &n->ask.gateway6};

  sysctls(n);
  if (n->driver->tap || !n->driver->mtu)
    congestion();
  rk_nl_init(&b);
  if (!n->ask.wall)
    rk_nl_link_up(&b, "lo", 0, 0, 0);
  if (n->driver->tap) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(ifr.ifr_name, n->ask.ifname, sizeof ifr.ifr_name);
    if (fd == -1 || ioctl(fd, SIOCGIFINDEX, &ifr) == -1)
      strerr_diefusys(RK_EXIT_SYS, "find the interface ", n->ask.ifname);
    close(fd);
    four.index = six.index = ifr.ifr_ifindex;
    four.rto_min = six.rto_min = n->driver->rto_min;
    four.congctl = six.congctl = congctl();
    /* The queue's length must be set before the link is up, when its qdisc is made. */
    rk_nl_link_up(&b, 0, ifr.ifr_ifindex, n->ask.mtu, n->ask.wall ? 0 : n->txqlen);
    rk_nl_addr(&b, AF_INET, ifr.ifr_ifindex, &n->ask.ip, n->ask.prefix, 0);
    rk_nl_route(&b, RTM_NEWROUTE, &four);
    if (n->ipv6) {
      rk_nl_addr(&b, AF_INET6, ifr.ifr_ifindex, &n->ask.ip6, 64, IFA_F_NODAD);
      rk_nl_route(&b, RTM_NEWROUTE, &six);
    }
  } else if (n->ask.wall) {
    rk_nl_link_up(&b, n->ask.ifname, 0, 0, 0);
  }
  netns_send(n->rtnl, &b);
}
