/* SPDX-License-Identifier: ISC
   rk-net: new network namespace, connected by a driver that runs outside, then become prog.

   where    inside: namespace root (rk-userns rk-idmap before it)
   changes  network namespace (-D: not); mount namespace if it is not the chain's own yet; /sys, /etc/resolv.conf, /etc/hosts (-D: not)
   fds/env  reads RK_OUTSIDE_FD, RK_STATE_DIR, RK_NET_PATH
   forks    no (-D: a child that configures the namespace and is gone)
   exits    100 usage, 102 the host lacks something, 111 a system call or the driver failed, 126/127 prog
*/
#include "net.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>

#define USAGE "rk-net [ -d driver ] [ -a cidr|auto ] [ -m mtu ] [ -i ifname ] [ -6 ] [ -l ] [ -D ] [ -k ] prog..."

/* A tap's frame of 65535 bytes less the Ethernet header (tun.c: MAX_MTU); RFC 791 wants 576, RFC 8200 1280. */
enum { MTU_MIN = 576, MTU_MIN6 = 1280, MTU_MAX = 65521 };

static void set_mtu(struct net *n, char const *s)
{
  unsigned int mtu;

  n->ask.mtu = n->driver->mtu;
  if (!s) return;
  if (!uint0_scan(s, &mtu) || mtu < MTU_MIN || mtu > MTU_MAX)
    strerr_dief(RK_EXIT_USAGE, "invalid MTU: ", s, " (576 to 65521)");
  if (n->ipv6 && mtu < MTU_MIN6) strerr_dief(RK_EXIT_USAGE, "invalid MTU: ", s, " (IPv6 needs 1280)");
  n->ask.mtu = mtu;
}

/* dev_valid_name() of the kernel, and no name that is taken or means something else under /proc/sys/net. */
static void set_ifname(struct net *n, char const *s)
{
  if (!s) s = n->driver->ifname;
  else if (!*s || strlen(s) >= sizeof n->ask.ifname)
    strerr_dief(RK_EXIT_USAGE, "invalid interface name: \"", s, "\": 1 to 15 bytes");
  else if (!strcmp(s, "lo"))
    strerr_dief(RK_EXIT_USAGE, "invalid interface name: \"lo\" is taken");
  else if (s[strcspn(s, "/: \t\n\v\f\r%")] || !strcmp(s, ".") || !strcmp(s, "..") || !strcmp(s, "all") || !strcmp(s, "default"))
    strerr_dief(RK_EXIT_USAGE, "invalid interface name: \"", s[strcspn(s, "\t\n\v\f\r")] ? "..." : s, "\""); /* one line */
  memcpy(n->ask.ifname, s, strlen(s));
}

static void driver_failed(struct net *n)
{
  char number[UINT_FMT];
  int status = n->say.status, code = RK_EXIT_SYS;
  char const *how = n->say.head.text;
  size_t len = strlen(n->say.log);

  if (len) {
    allwrite(2, n->say.log, len);
    if (n->say.log[len - 1] != '\n') allwrite(2, "\n", 1);
  }
  if (status == -1) strerr_dief(code, "unable to connect the network: driver ", n->ask.driver, ": ", how);
  if (WIFEXITED(status)) {
    if (WEXITSTATUS(status) == RK_EXIT_USAGE || WEXITSTATUS(status) == RK_EXIT_HOST) code = WEXITSTATUS(status);
    how = "exited with status ";
    number[uint_fmt(number, (unsigned int)WEXITSTATUS(status))] = 0;
  } else {
    how = "was killed by signal ";
    number[uint_fmt(number, (unsigned int)WTERMSIG(status))] = 0;
  }
  strerr_dief(code, "unable to connect the network: driver ", n->ask.driver, " ", how, number, " before it was ready");
}

static void connect_driver(struct net *n)
{
  if (rk_ask_recv(&n->say, sizeof n->say) == -1) rk_ask_die("connect the network");
  if (n->say.head.error) driver_failed(n);
}

/* What rk-outside must judge stands in its hands now; then it writes resolv.conf and hosts. */
static void wired(struct net *n)
{
  struct rk_ask_wired const ask = {.head = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_WIRED}, .etc = n->etc};
  struct rk_say say;

  rk_ask_or_die("finish the network", &ask, sizeof ask, -1, &say, sizeof say);
  if (say.error == EEXIST)
    strerr_dief(RK_EXIT_SYS, "the host's loopback can be reached from inside: ", say.text, " (-l allows it)");
  if (say.error) {
    errno = say.error;
    strerr_diefsys(RK_EXIT_SYS, "unable to finish the network: ", say.text);
  }
  for (size_t i = 0; i < sizeof n->tcp / sizeof *n->tcp; i++)
    if (n->tcp[i] != -1) close(n->tcp[i]);
}

int main(int argc, char const *const *argv)
{
  static struct net n = {.netns = -1, .rtnl = -1, .tcp = {-1, -1, -1, -1}};
  char const *driver = 0, *cidr = 0, *mtu = 0, *ifname = 0;

  PROG = "rk-net";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (int opt; (opt = subgetopt_r(argc, argv, "d:a:m:i:6lDk", &l)) != -1;)
      switch (opt) {
        case 'd': driver = l.arg; break;
        case 'a': cidr = l.arg; break;
        case 'm': mtu = l.arg; break;
        case 'i': ifname = l.arg; break;
        case '6': n.ipv6 = 1; break;
        case 'l': n.ask.host_loopback = 1; break;
        case 'D': n.ask.detached = 1; break;
        case 'k': n.keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc) strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (geteuid()) strerr_dief(RK_EXIT_USAGE, "must be root inside: put rk-userns rk-idmap before rk-net");
  n.ask.head = (struct rk_ask){.version = RK_OUTSIDE_VERSION, .op = RK_OP_NET};
  n.driver = driver_choose(driver);
  memcpy(n.ask.driver, n.driver->name, strlen(n.driver->name));
  n.txqlen = n.driver->txqlen;
  if (n.ipv6 && !n.driver->ipv6) strerr_dief(RK_EXIT_USAGE, "driver ", n.driver->name, " has no IPv6");
  set_mtu(&n, mtu);
  set_ifname(&n, ifname);
  hostnet_plan(&n, cidr);
  hostnet_ports(&n);
  netns_refuse_second();
  if (n.ask.detached && !getenv("RK_STATE_DIR")) strerr_dief(RK_EXIT_USAGE, "-D needs a state directory: put rk-state before rk-userns");
  int outside = strcmp(n.driver->name, "none") || getenv("RK_STATE_DIR");
  if (outside && rk_door() == -1) rk_ask_die("connect the network");

  mounts_own();
  netns_do(&n, netns_make);
  if (outside && rk_ask_send(&n.ask, sizeof n.ask, n.netns) == -1) rk_ask_die("connect the network");
  /* The driver starts meanwhile. */
  netns_do(&n, netns_configure);
  if (!n.ask.detached) mounts_sysfs();
  if (!n.ask.detached && n.driver->mtu) mounts_etc(&n);
  if (outside) {
    connect_driver(&n);
    if (n.driver->mtu && !n.ask.host_loopback) netns_do(&n, probe_send);
    wired(&n);
  }

  close(n.rtnl);
  close(n.netns);
  rk_link_exec(argv, n.keep);
}
