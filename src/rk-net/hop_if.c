/* SPDX-License-Identifier: ISC */
#include "hop_if.h"

#include <string.h>
#include <sys/socket.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>

/* One of IPV4_DEVCONF_* (linux/ip.h), as the sysctl of that name below net.ipv4.conf. */
static void conf4(struct rk_nl *b, uint16_t key, uint32_t value)
{
  rk_nl_u32(b, key, value);
}

/* The interface's settings for IPv4: an RTM_NEWLINK that changes nothing else. Some are inherited
   from the host's (net.core.devconf_inherit_init_net), and must not be here. */
static void settings(struct rk_nl *b, int index)
{
  struct ifinfomsg link = {.ifi_family = AF_UNSPEC, .ifi_index = index};
  size_t af, inet, conf;

  rk_nl_msg(b, RTM_NEWLINK, 0, &link, sizeof link, "set up the interface of the hop");
  af = rk_nl_nest(b, IFLA_AF_SPEC);
  inet = rk_nl_nest(b, AF_INET);
  conf = rk_nl_nest(b, IFLA_INET_CONF);
  conf4(b, IPV4_DEVCONF_FORWARDING, 1);
  conf4(b, IPV4_DEVCONF_PROXY_ARP, 1);
  conf4(b, IPV4_DEVCONF_ROUTE_LOCALNET, 0);
  conf4(b, IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE, 0);
  conf4(b, IPV4_DEVCONF_RP_FILTER, 1);
  conf4(b, IPV4_DEVCONF_MEDIUM_ID, 0);
  rk_nl_end(b, conf);
  rk_nl_end(b, inet);
  rk_nl_end(b, af);
}

/* A proxy answers after a pause of up to 0.8 s (neigh/proxy_delay of arp(7)), and a neighbour that
   has asked, but not answered, is asked itself five seconds after its first use
   (delay_first_probe_time): at once, here. */
void hop_answer_at_once(struct rk_nl *b, char const *table, int index)
{
  struct ndtmsg nt = {.ndtm_family = AF_UNSPEC};
  uint64_t delay = 0;
  size_t nest;

  rk_nl_msg(b, RTM_SETNEIGHTBL, 0, &nt, sizeof nt, "set the delay of answers");
  rk_nl_attr(b, NDTA_NAME, table, strlen(table) + 1);
  nest = rk_nl_nest(b, NDTA_PARMS);
  rk_nl_u32(b, NDTPA_IFINDEX, (uint32_t)index);
  rk_nl_attr(b, NDTPA_PROXY_DELAY, &delay, sizeof delay);
  rk_nl_attr(b, NDTPA_DELAY_PROBE_TIME, &delay, sizeof delay);
  rk_nl_end(b, nest);
}

void hop_interface(struct rk_nl *b, int index)
{
  settings(b, index);
  hop_answer_at_once(b, "arp_cache", index);
}
