/* SPDX-License-Identifier: ISC
   Which driver: the one asked for, or the best one installed. */
#include "net.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/spawn.h>
#include <rk/host.h>
#include <rk/link.h>

/* Best first. slirp4netns: starts ten times faster, takes a quarter of the memory, and in tests/net
   loses nothing. pasta: TCP windows that scale, where libslirp moves 64 KiB a round trip; but it
   drops datagrams larger than the MTU, and that of Debian 12 loses the answer to a connection
   half-closed right after the question. Hence MTU 65520 for both. Queue: a tap drops what does not
   fit, without telling the sender. Timeout: pasta drops, too, what does not fit into its socket,
   and its TCP has neither selective acknowledgements nor duplicate ones to tell of it, so that only
   the sender's timeout repairs that: 20 ms instead of 200 make uploads twice as fast, 5 hardly
   faster. Its acknowledgements come late from peers far away; that enters the round trip that the
   timeout is added to, but on a line whose delay varies by 10 ms a timeout of 5 often repeats what
   was not lost. (tests/bench/30-net.sh) */
static struct driver const known[] = {
  {.name = "slirp4netns",
   .binary = "slirp4netns",
   .fix = "install the package slirp4netns",
   .ifname = "tap0",
   .tap = 1,
   .mtu = 65520,
   .ipv6 = 1,
   .out = DRIVER_OUT_ADDR,
   .longest = 25},
  {.name = "pasta",
   .binary = "pasta",
   .fix = "install the package passt",
   .ifname = "tap0",
   .tap = 1,
   .mtu = 65520,
   .txqlen = 5000,
   .rto_min = 20,
   .ipv6 = 1,
   .out = DRIVER_OUT_ADDR | DRIVER_OUT_IF,
   .longest = PLAN_LONGEST},
  {.name = "gvisor-tap-vsock",
   .binary = "gvproxy",
   .fix = "go install github.com/containers/gvisor-tap-vsock/cmd/gvproxy@v0.8.9, or choose another "
          "driver with -d",
   .ifname = "tap0",
   .tap = 1,
   .mtu = 65520,
   .longest = PLAN_LONGEST,
   .gateway = 1,
   .dns = 1},
  {.name = "vpnkit",
   .binary = "vpnkit",
   .fix = "build github.com/moby/vpnkit, or choose another driver with -d",
   .ifname = "tap0",
   .tap = 1,
   .mtu = 1500,
   .longest = PLAN_LONGEST,
   .network = "192.168.65.0/24",
   .ip = 3,
   .gateway = 1,
   .dns = 1},
  {.name = "lxc-user-nic", .ifname = "eth0", .mtu = 1500, .longest = PLAN_LONGEST},
  {.name = "none", .ifname = "lo", .longest = PLAN_LONGEST},
};
enum { KNOWN = sizeof known / sizeof *known, AUTOMATIC = 2 };

/* Any other: a tap and cautious figures. */
static struct driver other = {
  .ifname = "tap0", .tap = 1, .mtu = 1500, .ipv6 = 1, .longest = PLAN_LONGEST};

/* Each directory of drivers: those of RK_NET_PATH, then our own. 0: no more. */
static int directory(unsigned int i, char *path, size_t size)
{
  char const *s = getenv("RK_NET_PATH");

  while (s && *s) {
    size_t len = strcspn(s, ":");
    if (len && len < size && !i--) {
      memcpy(path, s, len);
      path[len] = 0;
      return 1;
    }
    s += len + (s[len] == ':');
  }
  if (i)
    return 0;
  if (rk_libexec("net", path, size) == 0)
    return 1;
  if (errno != ENOENT) /* /proc may be missing */
    strerr_diefusys(RK_EXIT_SYS, "find the directory of network drivers");
  return 0;
}

/* One that cannot be executed, or looked at, is passed over if there is another. */
static int executable(char const *name)
{
  char path[PATH_MAX];
  size_t len;
  int e = 0;

  for (unsigned int i = 0; directory(i, path, sizeof path - 65); i++) {
    len = strlen(path);
    path[len++] = '/';
    strcpy(path + len, name);
    if (access(path, X_OK) == 0)
      return 1;
    if (errno != ENOENT && errno != ENOTDIR)
      e = errno;
  }
  errno = e;
  if (e)
    strerr_diefusys(RK_EXIT_SYS, "use the network driver ", name);
  return 0;
}

static void list(char *text, size_t size)
{
  char path[PATH_MAX];
  size_t n = 0;

  memcpy(text, "none", 5);
  n = 4;
  for (unsigned int i = 0; directory(i, path, sizeof path); i++) {
    DIR *dir = opendir(path);
    if (!dir)
      continue;
    for (struct dirent *e; (e = readdir(dir));) {
      size_t len = strlen(e->d_name);
      if (e->d_name[0] == '.' || n + len + 3 > size)
        continue;
      text[n++] = ',';
      text[n++] = ' ';
      memcpy(text + n, e->d_name, len + 1);
      n += len;
    }
    closedir(dir);
  }
}

static void __attribute__((noreturn)) unknown(char const *name)
{
  char text[1024];

  list(text, sizeof text);
  strerr_dief(RK_EXIT_USAGE, "unknown driver: ", name, " (there are ", text, ")");
}

struct driver const *driver_choose(char const *name)
{
  char path[PATH_MAX];
  /* the user's choice: the driver will tell if it cannot be run */
  char const *own = getenv("RK_DRIVER_PROGRAM");

  if (!name) {
    for (size_t i = 0; i < AUTOMATIC; i++)
      if (rk_which(known[i].binary, path, sizeof path) > 0 && executable(known[i].name))
        return known + i;
    rk_die_host("I13", "install the package passt or slirp4netns, or choose a driver with -n",
                "no network driver is installed");
  }
  if (!*name || strlen(name) >= sizeof((struct rk_net_plan *)0)->driver || *name == '.' ||
      strchr(name, '/'))
    unknown(name);
  for (size_t i = 0; i < KNOWN; i++)
    if (!strcmp(name, known[i].name)) {
      if (known[i].binary && !(own && *own) && rk_which(known[i].binary, path, sizeof path) < 0)
        rk_die_host("I13", known[i].fix, "unable to find ", known[i].binary, " in PATH");
      if (strcmp(name, "none") && !executable(name))
        unknown(name);
      return known + i;
    }
  if (!executable(name))
    unknown(name);
  other.name = name;
  return &other;
}
