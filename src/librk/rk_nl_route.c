/* SPDX-License-Identifier: ISC */
#include <rk/netlink.h>

#include <string.h>
#include <net/if.h>
#include <sys/socket.h>
#include <linux/if_addr.h>

static size_t addrlen(int family)
{
  if (family == AF_INET6)
    return 16;
  return 4;
}

void rk_nl_link_up(struct rk_nl *batch, char const *name, int index, uint32_t mtu, uint32_t txqlen)
{
  struct ifinfomsg link = {
    .ifi_family = AF_UNSPEC,
    .ifi_index = name ? 0 : index,
    .ifi_flags = IFF_UP,
    .ifi_change = IFF_UP,
  };

  rk_nl_msg(batch, RTM_NEWLINK, 0, &link, sizeof link, "bring the link up");
  if (name)
    rk_nl_attr(batch, IFLA_IFNAME, name, strlen(name) + 1);
  if (mtu)
    rk_nl_u32(batch, IFLA_MTU, mtu);
  if (txqlen)
    rk_nl_u32(batch, IFLA_TXQLEN, txqlen);
}

void rk_nl_addr(struct rk_nl *batch, int family, int index, void const *addr, unsigned int prefix,
                uint32_t flags)
{
  size_t len = addrlen(family);
  struct ifaddrmsg a = {
    .ifa_family = (uint8_t)family,
    .ifa_prefixlen = (uint8_t)prefix,
    .ifa_index = (uint32_t)index,
  };

  rk_nl_msg(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &a, sizeof a, "add the address");
  rk_nl_attr(batch, IFA_LOCAL, addr, len);
  rk_nl_attr(batch, IFA_ADDRESS, addr, len);
  if (flags)
    rk_nl_u32(batch, IFA_FLAGS, flags);
}

/* tcp_rto_min() heeds the timeout only if its metric is locked. */
static void metrics(struct rk_nl *batch, struct rk_nl_route const *route)
{
  size_t nest = rk_nl_nest(batch, RTA_METRICS);

  if (route->rto_min) {
    rk_nl_u32(batch, RTAX_LOCK, 1U << RTAX_RTO_MIN);
    rk_nl_u32(batch, RTAX_RTO_MIN, route->rto_min);
  }
  if (route->congctl)
    rk_nl_attr(batch, RTAX_CC_ALGO, route->congctl, strlen(route->congctl) + 1);
  rk_nl_end(batch, nest);
}

/* fib_semantics.c: a local route of IPv4 has host scope, a route without gateway link scope; IPv6
   ignores it. */
static uint8_t scope(struct rk_nl_route const *route)
{
  if (route->family != AF_INET)
    return RT_SCOPE_UNIVERSE;
  if (route->type == RTN_LOCAL)
    return RT_SCOPE_HOST;
  if (!route->gateway && route->index)
    return RT_SCOPE_LINK;
  return RT_SCOPE_UNIVERSE;
}

void rk_nl_route(struct rk_nl *batch, uint16_t type, struct rk_nl_route const *route)
{
  size_t len = addrlen(route->family);
  struct rtmsg r = {
    .rtm_family = (uint8_t)route->family,
    .rtm_table = RT_TABLE_UNSPEC,
    .rtm_type = route->type,
  };

  if (route->dst)
    r.rtm_dst_len = route->dstlen;
  if (route->table < 256)
    r.rtm_table = (uint8_t)route->table;
  if (type == RTM_DELROUTE) {
    r.rtm_scope = RT_SCOPE_NOWHERE;
    r.rtm_protocol = RTPROT_UNSPEC;
    rk_nl_msg(batch, type, 0, &r, sizeof r, "remove the route");
  } else {
    r.rtm_scope = scope(route);
    r.rtm_protocol = RTPROT_STATIC;
    rk_nl_msg(batch, type, NLM_F_CREATE | NLM_F_EXCL, &r, sizeof r, "add the route");
  }
  if (r.rtm_dst_len)
    rk_nl_attr(batch, RTA_DST, route->dst, len);
  if (route->gateway)
    rk_nl_attr(batch, RTA_GATEWAY, route->gateway, len);
  if (route->prefsrc)
    rk_nl_attr(batch, RTA_PREFSRC, route->prefsrc, len);
  if (route->index)
    rk_nl_u32(batch, RTA_OIF, (uint32_t)route->index);
  rk_nl_u32(batch, RTA_TABLE, route->table);
  if (route->rto_min || route->congctl)
    metrics(batch, route);
}
