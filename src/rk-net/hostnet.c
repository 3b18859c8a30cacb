/* SPDX-License-Identifier: ISC
   The networks that the host uses, so that clashes are noticed. Read before they are left. */
#include "net.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/netlink.h>

enum { USED_MAX = 4096, WIDE = 8 };

struct hostnet {
  struct used {
    uint32_t network;
    unsigned int prefix;
  } used[USED_MAX];
  unsigned int nused;
  int six; /* the host has fd00::/64, or a part or the whole of it */
};

static int is_six(unsigned char const *a, unsigned int prefix)
{
  static unsigned char const fd00[8] = {0xfd};
  unsigned int bytes = (prefix < 64 ? prefix : 64) / 8;

  /* shorter than a byte: ::/0 and the like are no claim */
  return prefix >= 8 && !memcmp(a, fd00, bytes);
}

static int note(struct nlmsghdr const *m, void *data)
{
  struct hostnet *h = data;
  size_t len = 0;
  unsigned char const *addr;
  unsigned int prefix, family;

  if (m->nlmsg_type == RTM_NEWADDR) {
    struct ifaddrmsg a;
    memcpy(&a, NLMSG_DATA(m), sizeof a);
    addr = rk_nl_find(m, sizeof a, IFA_ADDRESS, &len);
    prefix = a.ifa_prefixlen;
    family = a.ifa_family;
  } else if (m->nlmsg_type == RTM_NEWROUTE) {
    struct rtmsg r;
    memcpy(&r, NLMSG_DATA(m), sizeof r);
    if (r.rtm_type != RTN_UNICAST && r.rtm_type != RTN_LOCAL)
      return 0;
    addr = rk_nl_find(m, sizeof r, RTA_DST, &len);
    prefix = r.rtm_dst_len;
    family = r.rtm_family;
  } else
    return 0;
  if (!addr || !prefix)
    return 0;
  if (family == AF_INET6 && len == 16)
    h->six |= is_six(addr, prefix);
  if (family != AF_INET || len != 4)
    return 0;
  uint32_t net;
  memcpy(&net, addr, 4);
  net = ntohl(net);
  if (net >> 24 == 127)
    return 0;
  if (prefix < 32)
    net &= ~(0xffffffffU >> prefix);
  if (h->nused < USED_MAX)
    h->used[h->nused++] = (struct used){.network = net, .prefix = prefix};
  return 0;
}

static void dump(struct hostnet *h, int fd, uint16_t type, unsigned char family)
{
  static struct rk_nl b;
  union {
    struct rtmsg r;
    struct ifaddrmsg a;
  } body;

  /* EINTR: a table changed while it was read; what was seen is all we need. */
  memset(&body, 0, sizeof body);
  if (type == RTM_GETROUTE)
    body.r.rtm_family = family;
  else
    body.a.ifa_family = family;
  rk_nl_init(&b);
  rk_nl_msg(&b, type, 0, &body, type == RTM_GETROUTE ? sizeof body.r : sizeof body.a, "list");
  if (rk_nl_dump(fd, &b, note, h) == -1 && errno != EINTR && family == AF_INET)
    strerr_diefusys(RK_EXIT_SYS, "read the host's addresses and routes");
}

/* The first of the host's networks that the plan overlaps; wide ones (a VPN's 10.0.0.0/8) only if
   asked. */
static struct used const *clash(struct hostnet const *h, uint32_t network, unsigned int prefix,
                                int wide)
{
  for (struct used const *u = h->used; u < h->used + h->nused; u++)
    if ((wide || u->prefix > WIDE) && plan_overlap(network, prefix, u->network, u->prefix))
      return u;
  return NULL;
}

static void parse(char const *cidr, struct plan *p)
{
  char text[PLAN_TEXT];

  switch (plan_parse(cidr, p)) {
    case PLAN_OK: return;
    case PLAN_HOSTBITS:
      plan_text(text, p->network, p->prefix);
      strerr_dief(RK_EXIT_USAGE, "invalid network: ", cidr, " has host bits set; did you mean ",
                  text, "?");
    case PLAN_PREFIX:
      strerr_dief(RK_EXIT_USAGE, "invalid network: ", cidr, ": the prefix must be /8 to /29");
    case PLAN_RANGE:
      strerr_dief(RK_EXIT_USAGE, "invalid network: ", cidr, " is no range for hosts");
    case PLAN_SYNTAX:
    default:
      strerr_dief(RK_EXIT_USAGE, "invalid network: ", cidr,
                  " (an IPv4 network such as 10.0.2.0/24, or auto)");
  }
}

static void find_free(struct hostnet const *h, struct plan *p)
{
  p->prefix = 24;
  for (int wide = 1; wide >= 0; wide--)
    for (unsigned int i = 0; (p->network = plan_candidate(i)); i++)
      if (!clash(h, p->network, p->prefix, wide)) {
        plan_fill(p);
        return;
      }
  rk_die_host(
    "N7", "give rk-net a network with -a that the programs inside do not need to reach",
    "unable to find a free network: the host's routes cover 10.0.0.0/8, 172.16.0.0/12 and "
    "192.168.0.0/16");
}

/* The network that was asked for; returns whether one is still to be found. */
static int wanted(struct net const *n, char const *cidr, struct plan *p)
{
  if (n->driver->network) {
    if (cidr && strcmp(cidr, n->driver->network))
      strerr_dief(RK_EXIT_USAGE, "driver ", n->driver->name, " knows no other network than ",
                  n->driver->network);
    cidr = n->driver->network;
  }
  if (cidr && !strcmp(cidr, "auto"))
    return 1;
  parse(cidr ? cidr : "10.0.2.0/24", p);
  return 0;
}

static void read_host(struct net const *n, struct hostnet *h)
{
  int fd = rk_nl_open(NETLINK_ROUTE);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a netlink socket");
  dump(h, fd, RTM_GETADDR, AF_INET);
  dump(h, fd, RTM_GETROUTE, AF_INET);
  if (n->ipv6) {
    dump(h, fd, RTM_GETADDR, AF_INET6);
    dump(h, fd, RTM_GETROUTE, AF_INET6);
  }
  close(fd);
}

static void warn(struct net const *n, struct hostnet const *h, struct plan const *p)
{
  struct used const *u = clash(h, p->network, p->prefix, 1);
  char a[PLAN_TEXT], b[PLAN_TEXT];

  if (u) {
    plan_text(a, p->network, p->prefix);
    plan_text(b, u->network, u->prefix);
    strerr_warnw("the network ", a, " overlaps ", b,
                 " of the host: those hosts cannot be reached from inside (-a auto avoids it)");
  }
  if (n->ipv6 && h->six)
    strerr_warnw(
      "the network fd00::/64 overlaps one of the host: those hosts cannot be reached from inside");
}

static void tell(struct net *n, struct plan *p)
{
  if (n->driver->ip)
    p->ip = p->network + n->driver->ip;
  if (n->driver->gateway)
    p->gateway = p->network + n->driver->gateway;
  if (n->driver->dns)
    p->dns = p->network + n->driver->dns;
  n->ask.ip.s_addr = htonl(p->ip);
  n->ask.gateway.s_addr = htonl(p->gateway);
  n->ask.dns.s_addr = htonl(p->dns);
  if (!n->ipv6)
    return;
  /* fd00::100, fd00::2, fd00::3: slirp4netns knows no other network */
  n->ask.ip6.s6_addr[0] = n->ask.gateway6.s6_addr[0] = n->ask.dns6.s6_addr[0] = 0xfd;
  n->ask.ip6.s6_addr[14] = 1;
  n->ask.gateway6.s6_addr[15] = 2;
  n->ask.dns6.s6_addr[15] = 3;
}

void hostnet_plan(struct net *n, char const *cidr)
{
  struct hostnet h = {0};
  struct plan p;
  char text[PLAN_TEXT];
  int automatic = wanted(n, cidr, &p);

  if (n->driver->tap)
    read_host(n, &h);
  if (automatic)
    find_free(&h, &p);
  if (p.prefix > n->driver->longest) {
    plan_text(text, p.network, p.prefix);
    strerr_dief(RK_EXIT_USAGE, "invalid network: ", text, ": ", n->driver->name,
                " serves prefixes up to /25");
  }
  warn(n, &h, &p);
  n->ask.network.s_addr = htonl(p.network);
  n->ask.prefix = p.prefix;
  if (n->driver->tap)
    tell(n, &p);
}
