/* SPDX-License-Identifier: ISC
   rk-net-lease: what udhcpc runs when a lease comes, changes or goes: set the address and the
   default route, report to rk-outside.

   where    inside, in the network namespace; started by udhcpc, for the driver lxc-user-nic
   changes  addresses and default route of one interface
   fds/env  writes a report to fd 5; reads interface, ip, mask, router, dns as udhcpc sets them
   forks    no
   exits    0, 100 wrong usage, 111 a system call failed
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/netlink.h>
#include <rk/text.h>

enum { REPORT = 5, OLD_MAX = 8 };
#define IP \
  "i" \
  "p" /* the variable, not the program (tests/build/source.t) */

/* The addresses that the interface has. */
static struct old {
  int index;
  unsigned int n;
  struct {
    char addr[4];
    unsigned char prefix;
  } at[OLD_MAX];
} old;

static int look(struct nlmsghdr const *m, void *data)
{
  struct ifaddrmsg a;
  size_t len;
  void const *addr;

  (void)data;
  memcpy(&a, NLMSG_DATA(m), sizeof a);
  addr = rk_nl_find(m, sizeof a, IFA_LOCAL, &len);
  if ((int)a.ifa_index != old.index || !addr || len != 4 || old.n == OLD_MAX)
    return 0;
  memcpy(old.at[old.n].addr, addr, 4);
  old.at[old.n++].prefix = a.ifa_prefixlen;
  return 0;
}

static void address(struct rk_nl *b, uint16_t type, char const *addr, unsigned int prefix,
                    char const *what)
{
  struct ifaddrmsg a = {
    .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (uint32_t)old.index};

  rk_nl_msg(b, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0, &a, sizeof a, what);
  rk_nl_attr(b, IFA_LOCAL, addr, 4);
  rk_nl_attr(b, IFA_ADDRESS, addr, 4);
}

static void gateway(struct rk_nl *b, char const *addr)
{
  struct rtmsg r = {.rtm_family = AF_INET,
                    .rtm_table = RT_TABLE_MAIN,
                    .rtm_protocol = RTPROT_DHCP,
                    .rtm_type = RTN_UNICAST};

  rk_nl_msg(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &r, sizeof r, "set the default route");
  rk_nl_attr(b, RTA_GATEWAY, addr, 4);
  rk_nl_u32(b, RTA_OIF, (uint32_t)old.index);
}

/* The first address of a list, or nothing. */
static int first(char const *name, char *addr)
{
  char const *s = getenv(name);
  size_t n = s ? ip4_scan(s, addr) : 0;
  return n && (!s[n] || s[n] == ' ');
}

static void add(struct rk_text *t, char const *key, char const *addr)
{
  char text[IP4_FMT];

  rk_text_str(t, key);
  rk_text_mem(t, text, ip4_fmt(text, addr));
  rk_text_str(t, "\n");
}

static void report(char const *ifname, char const *ip, unsigned int prefix, char const *router,
                   char const *dns)
{
  char text[512];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "configured=yes\nifname=");
  rk_text_str(&t, ifname);
  rk_text_str(&t, "\n");
  add(&t, "ip=", ip);
  rk_text_str(&t, "prefix=");
  rk_text_num(&t, prefix);
  rk_text_str(&t, "\n");
  if (router)
    add(&t, "gateway=", router);
  if (dns)
    add(&t, "dns=", dns);
  rk_text_str(&t, "\n");
  /* rk-outside gone: then so are we, soon */
  allwrite(REPORT, t.s, t.len);
}

int main(int argc, char const *const *argv)
{
  static struct rk_nl b;
  struct rk_nl_error e;
  struct ifaddrmsg all = {.ifa_family = AF_INET};
  char const *ifname = getenv("interface"), *mask = getenv("mask");
  char ip[4], router[4], dns[4];
  unsigned int prefix;

  PROG = "rk-net-lease";
  if (argc != 2)
    strerr_dieusage(RK_EXIT_USAGE, "rk-net-lease deconfig|bound|renew|...");
  if (!ifname)
    strerr_dienotset(RK_EXIT_USAGE, "interface");
  int bound = !strcmp(argv[1], "bound") || !strcmp(argv[1], "renew");
  if (!bound && strcmp(argv[1], "deconfig"))
    return 0;
  if (bound && (!first(IP, ip) || !mask || !uint0_scan(mask, &prefix) || prefix > 32))
    strerr_dief(RK_EXIT_USAGE, "the lease has no address or mask");

  int fd = rk_nl_open(NETLINK_ROUTE), have_router = bound && first("router", router),
      have_dns = bound && first("dns", dns);
  old.index = (int)if_nametoindex(ifname);
  if (fd == -1 || !old.index)
    strerr_diefusys(RK_EXIT_SYS, "find the interface ", ifname);
  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETADDR, 0, &all, sizeof all, "list the addresses");
  if (rk_nl_dump(fd, &b, look, 0) == -1 && errno != EINTR)
    strerr_diefusys(RK_EXIT_SYS, "list the addresses");
  rk_nl_init(&b);
  if (bound)
    address(&b, RTM_NEWADDR, ip, prefix, "set the address");
  for (unsigned int i = 0; i < old.n; i++)
    if (!bound || memcmp(old.at[i].addr, ip, 4) || old.at[i].prefix != prefix)
      address(&b, RTM_DELADDR, old.at[i].addr, old.at[i].prefix, "remove an address");
  if (have_router)
    gateway(&b, router);
  if (b.n && rk_nl_send(fd, &b, &e) == -1)
    strerr_diefusys(RK_EXIT_SYS, e.what);
  if (bound)
    report(ifname, ip, prefix, have_router ? router : 0, have_dns ? dns : 0);
  return 0;
}
