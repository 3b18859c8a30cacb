/* SPDX-License-Identifier: ISC
   Which nameservers are listed inside. */
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>

#include "../../src/rk-outside/resolv.h"

static unsigned int n;
static unsigned int bad;

struct
try {
  char const *name;
  char const *host; /* values, with a blank between */
  char const *want;
  int no_dns, ipv6, fixed, same, udp;
};

static void list_text(char *text, size_t size, struct nameserver const *list, unsigned int count)
{
  char addr[INET6_ADDRSTRLEN];

  text[0] = 0;
  for (unsigned int i = 0; i < count; i++) {
    inet_ntop(list[i].six ? AF_INET6 : AF_INET, list[i].addr, addr, sizeof addr);
    snprintf(text + strlen(text), size - strlen(text), "%s%s", i ? " " : "", addr);
  }
}

static void try(struct try const *t)
{
  struct rk_net_plan plan = {.prefix = 24};
  struct report report = {
    .resolver_fixed = t->fixed, .resolver_family = t->same, .resolver_udp = t->udp};
  struct resolv host = {.n = 0};
  struct nameserver list[RESOLV_MAX];
  char words[256], got[256];

  inet_pton(AF_INET, "10.0.2.0", &plan.network);
  if (!t->no_dns)
    inet_pton(AF_INET, "10.0.2.3", &plan.dns);
  if (t->ipv6) {
    inet_pton(AF_INET6, "fd00::100", &plan.ip6);
    inet_pton(AF_INET6, "fd00::3", &plan.dns6);
  }
  snprintf(words, sizeof words, "%s", t->host);
  for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
    resolv_add(&host, w);
  list_text(got, sizeof got, list, resolv_choose(&host, &plan, &report, list));
  n++;
  if (strcmp(got, t->want)) {
    bad++;
    printf("not ok %u - %s\n# got: %s\n# wanted: %s\n", n, t->name, got, t->want);
  } else {
    printf("ok %u - %s\n", n, t->name);
  }
}

int main(void)
{
  static struct try const tries[] = {
    {.name = "one", .host = "192.0.2.1", .want = "10.0.2.3", .same = 1},
    {.name = "the first may be dead: the others",
     .host = "192.0.2.1 192.0.2.2 192.0.2.4 192.0.2.5",
     .want = "10.0.2.3 192.0.2.2 192.0.2.4",
     .same = 1},
    {.name = "a resolver on the host's loopback",
     .host = "127.0.0.53",
     .want = "10.0.2.3",
     .same = 1},
    {.name = "without a driver's resolver it is never listed",
     .host = "127.0.0.53 ::1",
     .want = "",
     .no_dns = 1},
    {.name = "nor one on a link, nor this host",
     .no_dns = 1,
     .ipv6 = 0,
     .host = "169.254.1.1 fe80::1%eth0 fe80::2 0.0.0.0 :: ::ffff:127.0.0.1 192.0.2.2",
     .want = "192.0.2.2"},
    {.name = "no file, or an empty one: the driver's", .host = "", .want = "10.0.2.3", .same = 1},
    {.name = "IPv6 only: the IPv4 resolver has nobody to ask",
     .host = "2001:db8::53",
     .want = "",
     .same = 1},
    {.name = "with -6 it is reached",
     .host = "2001:db8::53",
     .want = "fd00::3",
     .same = 1,
     .ipv6 = 1},
    {.name = "a driver that asks any", .host = "2001:db8::53", .want = "10.0.2.3"},
    {.name = "-6 and IPv4 only: no resolver that never answers",
     .host = "192.0.2.1",
     .want = "10.0.2.3",
     .same = 1,
     .ipv6 = 1},
    {.name = "both families",
     .host = "192.0.2.1 2001:db8::1 2001:db8::2",
     .ipv6 = 1,
     .same = 1,
     .want = "10.0.2.3 fd00::3 2001:db8::2"},
    {.name = "a zone, to a driver that knows it",
     .host = "fe80::1%wlan0",
     .ipv6 = 1,
     .same = 1,
     .want = "fd00::3"},
    {.name = "and to one that does not",
     .host = "fe80::1%wlan0",
     .ipv6 = 1,
     .same = 1,
     .fixed = 1,
     .want = ""},
    {.name = "UDP only: the host's first",
     .host = "192.0.2.1 192.0.2.2",
     .same = 1,
     .udp = 1,
     .want = "192.0.2.1 192.0.2.2 10.0.2.3"},
    {.name = "UDP only, but nothing else reaches the first",
     .host = "127.0.0.53 192.0.2.2",
     .same = 1,
     .udp = 1,
     .want = "10.0.2.3 192.0.2.2"},
    {.name = "one in the chain's own network is another there",
     .host = "192.0.2.1 10.0.2.9",
     .want = "10.0.2.3",
     .same = 1},
    {.name = "what is no address is passed over",
     .host = "none 192.0.2 192.0.2.1x 192.0.2.8",
     .want = "10.0.2.3",
     .same = 1},
  };

  for (size_t i = 0; i < sizeof tries / sizeof *tries; i++)
    try(&tries[i]);
  printf("1..%u\n", n);
  return bad != 0;
}
