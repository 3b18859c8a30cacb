/* SPDX-License-Identifier: ISC */
#include "check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/netlink.h>

#include <rk/names.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <rk/text.h>

static struct {
  char const *program;
  char const *package;
} const DRIVERS[] = {
  {"slirp4netns", "slirp4netns"},
  {"pasta", "passt"},
};

/* Without one of them there is no network; newuidmap and newgidmap were tried before. */
static void drivers(struct report *r)
{
  char path[PATH_MAX];

  for (size_t i = 0; i < sizeof DRIVERS / sizeof *DRIVERS; i++) {
    if (rk_which(DRIVERS[i].program, path, sizeof path) == -1)
      continue;
    report_ok(r, "I13", path);
    return;
  }
  report_no(r, "I13", "neither slirp4netns nor pasta is installed",
            "install the package slirp4netns or passt");
}

static void low_ports(struct report *r)
{
  char text[64];
  char line[128];
  struct rk_text t = rk_text_in(line, sizeof line);

  if (rk_slurp("/proc/sys/net/ipv4/ip_unprivileged_port_start", text, sizeof text) == -1)
    return;
  rk_text_add(&t, "users are not allowed to bind ports below ", text);
  if (strtoul(text, NULL, 10) <= 80)
    report_ok(r, "N11", "users are allowed to bind port 80");
  else
    report_lacks(r, "N11", line, page_of("N11")->fix);
}

/* Is one of this process's groups in the range? */
static int may_ping(unsigned long first, unsigned long last)
{
  gid_t groups[1024];
  int n = getgroups(1024, groups);

  if (getegid() >= first && getegid() <= last)
    return 1;
  for (int i = 0; i < n; i++)
    if (groups[i] >= first && groups[i] <= last)
      return 1;
  return 0;
}

static void ping(struct report *r)
{
  char text[64];
  char *end;
  unsigned long first;

  if (rk_slurp("/proc/sys/net/ipv4/ping_group_range", text, sizeof text) == -1)
    return;
  first = strtoul(text, &end, 10);
  if (may_ping(first, strtoul(end, NULL, 10)))
    report_ok(r, "N12", "this user may ping");
  else
    report_lacks(r, "N12",
                 "net.ipv4.ping_group_range has none of the user's groups (ping needs one)",
                 page_of("N12")->fix);
}

/* Fields 2, 3 and 8 of /proc/net/route: destination, gateway, mask, as the kernel holds them in
   memory, in hexadecimal. */

struct routes {
  int to_all;
  int ours; /* one that is in 10.0.2.0/24, or holds it, but for the one to all */
};

static void take_route(void *data, char *line)
{
  struct routes *routes = data;
  uint32_t const own = htonl(0x0a000200);
  uint32_t const own_mask = htonl(0xffffff00);
  char *field[11];
  char *save = NULL;
  size_t n = 0;
  uint32_t destination;
  uint32_t mask;

  for (char *s = strtok_r(line, " \t", &save); s && n < 11; s = strtok_r(NULL, " \t", &save))
    field[n++] = s;
  if (n < 8 || !strcmp(field[0], "Iface"))
    return;
  destination = (uint32_t)strtoul(field[1], NULL, 16);
  mask = (uint32_t)strtoul(field[7], NULL, 16);
  if (!mask)
    routes->to_all = 1;
  else if (((destination ^ own) & mask & own_mask) == 0)
    routes->ours = 1;
}

static void routes(struct report *r)
{
  struct routes found = {0};

  if (access("/proc/net/route", R_OK) == -1)
    return;
  rk_each_line("/proc/net/route", take_route, &found);
  if (found.to_all)
    report_ok(r, "N4", "the host has a default route");
  else
    report_lacks(r, "N4", "the host has no default route (pasta needs one)", page_of("N4")->fix);
  if (found.ours)
    report_lacks(r, "N7", "the host uses addresses of 10.0.2.0/24, the usual ones inside",
                 page_of("N7")->fix);
  else
    report_ok(r, "N7", "the host uses no address of 10.0.2.0/24");
}

static void filters(struct report *r)
{
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

  if (fd == -1) {
    report_lacks(r, "N19", "the kernel has no packet filter, or it is not loaded (engines need it)",
                 page_of("N19")->fix);
    return;
  }
  close(fd);
  report_ok(r, "N19", "the kernel has a packet filter");
}

static void bridge(struct report *r)
{
  char path[PATH_MAX];

  if (access("/usr/lib/x86_64-linux-gnu/lxc/lxc-user-nic", F_OK) == -1 &&
      access("/usr/libexec/lxc/lxc-user-nic", F_OK) == -1 &&
      rk_which("lxc-user-nic", path, sizeof path) == -1)
    report_unknown(r, "N23", "lxc-user-nic is not installed");
  else if (access("/sys/class/net/lxcbr0", F_OK) == -1)
    report_lacks(r, "N23", "there is no bridge lxcbr0 (lxc-user-nic needs it)",
                 page_of("N23")->fix);
  else
    report_ok(r, "N23", "there is a bridge lxcbr0");
}

void check_network(struct report *r)
{
  drivers(r);
  routes(r);
  low_ports(r);
  ping(r);
  filters(r);
  bridge(r);
}
