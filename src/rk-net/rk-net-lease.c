/* SPDX-License-Identifier: ISC
   rk-net-lease: what udhcpc runs when a lease comes, changes or goes: set the address and the
   default route, report to rk-outside.

   where    in the network namespace of the interface: the hop, or without a wall the program's;
            started by udhcpc, for the driver lxc-user-nic
   changes  addresses and default route of one interface; with a wall, those of the program's, and
            the routes of the hop
   fds/env  writes a report to fd 5; with RK_NET_WALL=1, 7 is a netlink socket in the program's
            namespace; reads interface, ip, mask, router, dns as udhcpc sets them
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

#include "hop_if.h"

enum { REPORT = 5, PROGRAM = 7, OLD_MAX = 8 };
#define IP \
  "i" \
  "p" /* the variable, not the program (tests/build/source.t) */

struct lease {
  int bound; /* boolean; 0: it is over, and nothing else counts */
  char ip[4], router[4], dns[4];
  unsigned int prefix;
  int have_router, have_dns;
};

/* The addresses that an interface has. */
struct addresses {
  int index;
  unsigned int n;
  struct {
    char addr[4];
    unsigned char prefix;
  } at[OLD_MAX];
};

static int note_address(struct nlmsghdr const *m, void *data)
{
  struct addresses *old = data;
  struct ifaddrmsg a;
  size_t len;
  void const *addr;

  memcpy(&a, NLMSG_DATA(m), sizeof a);
  addr = rk_nl_find(m, sizeof a, IFA_LOCAL, &len);
  if ((int)a.ifa_index != old->index || !addr || len != 4 || old->n == OLD_MAX)
    return 0;
  memcpy(old->at[old->n].addr, addr, 4);
  old->at[old->n].prefix = a.ifa_prefixlen;
  old->n++;
  return 0;
}

static void address(struct rk_nl *b, uint16_t type, int index, char const *addr,
                    unsigned int prefix, char const *what)
{
  struct ifaddrmsg a = {
    .ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = (uint32_t)index};

  rk_nl_msg(b, type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_REPLACE : 0, &a, sizeof a, what);
  rk_nl_attr(b, IFA_LOCAL, addr, 4);
  rk_nl_attr(b, IFA_ADDRESS, addr, 4);
}

static void gateway(struct rk_nl *b, int index, char const *addr)
{
  struct rtmsg r = {.rtm_family = AF_INET,
                    .rtm_table = RT_TABLE_MAIN,
                    .rtm_protocol = RTPROT_DHCP,
                    .rtm_type = RTN_UNICAST};

  rk_nl_msg(b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &r, sizeof r, "set the default route");
  rk_nl_attr(b, RTA_GATEWAY, addr, 4);
  rk_nl_u32(b, RTA_OIF, (uint32_t)index);
}

static void dump(int fd, struct rk_nl *b, int (*note)(struct nlmsghdr const *, void *), void *data,
                 char const *what)
{
  if (rk_nl_dump(fd, b, note, data) == -1 && errno != EINTR)
    strerr_diefusys(RK_EXIT_SYS, what);
}

static void send_batch(int fd, struct rk_nl *b)
{
  struct rk_nl_error e;

  if (b->n && rk_nl_send(fd, b, &e) == -1)
    strerr_diefusys(RK_EXIT_SYS, e.what);
}

/* The interface of the program: the lease's address and default route, no other address. */
static void configure_program(int fd, int index, struct lease const *l)
{
  static struct rk_nl b;
  struct ifaddrmsg all = {.ifa_family = AF_INET};
  struct addresses old = {.index = index};

  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETADDR, 0, &all, sizeof all, "list the addresses");
  dump(fd, &b, note_address, &old, "list the addresses");
  rk_nl_init(&b);
  if (l->bound)
    address(&b, RTM_NEWADDR, index, l->ip, l->prefix, "set the address");
  for (unsigned int i = 0; i < old.n; i++) {
    if (!l->bound || memcmp(old.at[i].addr, l->ip, 4) || old.at[i].prefix != l->prefix)
      address(&b, RTM_DELADDR, index, old.at[i].addr, old.at[i].prefix, "remove an address");
  }
  if (l->have_router)
    gateway(&b, index, l->router);
  send_batch(fd, &b);
}

/* Routes of the hop: by its two interfaces. */
struct route {
  char dst[4], gateway[4]; /* all zero: none */
  uint8_t dstlen;
  int index;
};
struct routes {
  int index[2];
  unsigned int n;
  struct route at[OLD_MAX];
};

static void copy_address(struct nlmsghdr const *m, uint16_t type, char addr[4])
{
  size_t len;
  void const *found = rk_nl_find(m, sizeof(struct rtmsg), type, &len);

  memset(addr, 0, 4);
  if (found && len == 4)
    memcpy(addr, found, 4);
}

static int note_route(struct nlmsghdr const *m, void *data)
{
  struct routes *old = data;
  struct route *r = old->at + old->n;
  struct rtmsg head;
  size_t len;
  void const *index;

  memcpy(&head, NLMSG_DATA(m), sizeof head);
  index = rk_nl_find(m, sizeof head, RTA_OIF, &len);
  if (head.rtm_table != RT_TABLE_MAIN || !index || len != sizeof r->index || old->n == OLD_MAX)
    return 0;
  memcpy(&r->index, index, sizeof r->index);
  if (r->index != old->index[0] && r->index != old->index[1])
    return 0;
  r->dstlen = head.rtm_dst_len;
  copy_address(m, RTA_DST, r->dst);
  copy_address(m, RTA_GATEWAY, r->gateway);
  old->n++;
  return 0;
}

static int has_route(struct routes const *all, struct route const *r)
{
  for (unsigned int i = 0; i < all->n; i++) {
    struct route const *one = all->at + i;
    if (one->dstlen == r->dstlen && one->index == r->index && !memcmp(one->dst, r->dst, 4) &&
        !memcmp(one->gateway, r->gateway, 4))
      return 1;
  }
  return 0;
}

static void put_route(struct rk_nl *b, uint16_t type, struct route const *r)
{
  static char const none[4];
  struct rk_nl_route one = {.family = AF_INET,
                            .type = RTN_UNICAST,
                            .table = RT_TABLE_MAIN,
                            .index = r->index,
                            .dst = r->dst,
                            .dstlen = r->dstlen};

  if (memcmp(r->gateway, none, 4))
    one.gateway = r->gateway;
  rk_nl_route(b, type, &one);
}

/* What the hop is to have: the network and the router by the interface with the lease, and the
   address by the veth pair. */
static void want_routes(struct routes *want, int index, struct lease const *l)
{
  struct route *network = want->at, *program = want->at + 1, *router = want->at + 2;

  network->index = router->index = index;
  network->dstlen = (uint8_t)l->prefix;
  for (unsigned int i = 0; i < l->prefix; i++)
    network->dst[i / 8] = (char)(network->dst[i / 8] | (l->ip[i / 8] & 128 >> i % 8));
  program->index = HOP_VETH_INDEX;
  program->dstlen = 32;
  memcpy(program->dst, l->ip, 4);
  memcpy(router->gateway, l->router, 4);
  want->n = l->have_router ? 3 : 2;
}

static void configure_hop(int fd, int index, struct lease const *l)
{
  static struct rk_nl b;
  struct rtmsg all = {.rtm_family = AF_INET};
  struct routes old = {.index = {index, HOP_VETH_INDEX}}, want = {.n = 0};

  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETROUTE, 0, &all, sizeof all, "list the routes");
  dump(fd, &b, note_route, &old, "list the routes");
  if (l->bound)
    want_routes(&want, index, l);
  rk_nl_init(&b);
  hop_interface(&b, index);
  for (unsigned int i = old.n; i > 0; i--) { /* the router before its network */
    if (!has_route(&want, old.at + i - 1))
      put_route(&b, RTM_DELROUTE, old.at + i - 1);
  }
  for (unsigned int i = 0; i < want.n; i++) {
    if (!has_route(&old, want.at + i))
      put_route(&b, RTM_NEWROUTE, want.at + i);
  }
  send_batch(fd, &b);
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

static void report(char const *ifname, struct lease const *l)
{
  char text[512];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "configured=yes\nifname=");
  rk_text_str(&t, ifname);
  rk_text_str(&t, "\n");
  add(&t, "ip=", l->ip);
  rk_text_str(&t, "prefix=");
  rk_text_num(&t, l->prefix);
  rk_text_str(&t, "\n");
  if (l->have_router)
    add(&t, "gateway=", l->router);
  if (l->have_dns)
    add(&t, "dns=", l->dns);
  rk_text_str(&t, "\n");
  /* rk-outside gone: then so are we, soon */
  allwrite(REPORT, t.s, t.len);
}

static void read_lease(struct lease *l, char const *event)
{
  char const *mask = getenv("mask");

  l->bound = !strcmp(event, "bound") || !strcmp(event, "renew");
  if (!l->bound)
    return;
  if (!first(IP, l->ip) || !mask || !uint0_scan(mask, &l->prefix) || l->prefix > 32)
    strerr_dief(RK_EXIT_USAGE, "the lease has no address or mask");
  l->have_router = first("router", l->router);
  l->have_dns = first("dns", l->dns);
}

int main(int argc, char const *const *argv)
{
  char const *ifname = getenv("interface"), *wall = getenv("RK_NET_WALL");
  struct lease l = {0};
  int fd, index;

  PROG = "rk-net-lease";
  if (argc != 2)
    strerr_dieusage(RK_EXIT_USAGE, "rk-net-lease deconfig|bound|renew|...");
  if (!ifname)
    strerr_dienotset(RK_EXIT_USAGE, "interface");
  read_lease(&l, argv[1]);
  if (!l.bound && strcmp(argv[1], "deconfig"))
    return 0;
  fd = rk_nl_open(NETLINK_ROUTE);
  index = (int)if_nametoindex(ifname);
  if (fd == -1 || !index)
    strerr_diefusys(RK_EXIT_SYS, "find the interface ", ifname);
  if (wall && !strcmp(wall, "1")) {
    configure_hop(fd, index, &l);
    configure_program(PROGRAM, HOP_VETH_INDEX, &l);
  } else {
    configure_program(fd, index, &l);
  }
  if (l.bound)
    report(ifname, &l);
  return 0;
}
