/* SPDX-License-Identifier: ISC
   From options to a command line: the chain of rk programs that does what they ask. Nothing of
   their work is done here. */
#include "run.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 4096 };

struct words {
  char const **word;
  size_t len;
  char const *bin; /* directory of the rk programs, or 0 */
};

static void add(struct words *w, char const *word)
{
  if (w->len == WORDS_MAX - 1)
    run_die("the command line is too long");
  w->word[w->len++] = word;
}

static void add_link(struct words *w, char const *name)
{
  add(w, w->bin ? run_text("%s/%s", w->bin, name) : name);
}

static char const *bin_dir(void)
{
  static char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  char *slash;

  if (n < 0)
    run_die("readlink /proc/self/exe: is /proc mounted?");
  path[n] = 0;
  slash = strrchr(path, '/');
  if (slash)
    *slash = 0;
  return path;
}

static char const *copy_up_dirs(struct run const *r)
{
  char const *all = "";

  for (size_t i = 0; i < r->copy_up.len; i++)
    all = run_text("%s%s%s", all, i ? ":" : "", r->copy_up.item[i]);
  return all;
}

static void namespaces(struct words *w, struct run const *r)
{
  if (r->utsns || r->ipcns || r->cgroupns) {
    add_link(w, "rk-unshare");
    if (r->utsns)
      add(w, "-u");
    if (r->ipcns)
      add(w, "-i");
    if (r->cgroupns)
      add(w, "-c");
  }
}

/* For another word RootlessKit makes no mount call at all: what was shared then arrives as a slave
   (mount_namespaces(7)). */
static char const *propagation(char const *word)
{
  static char const *const known[] = {"private", "rprivate", "slave",
                                      "rslave",  "shared",   "rshared"};

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(word, known[i]))
      return word;
  if (*word)
    run_warn("unknown propagation \"%s\": taken for rslave", word);
  return "rslave";
}

/* Can the driver start while files are copied up? Not with --evacuate-cgroup2, after which it has
   to start. */
static int two_steps(struct run const *r)
{
  return (!strcmp(r->net, "slirp4netns") || !strcmp(r->net, "pasta")) && r->copy_up.len &&
         !r->detach_netns && !*r->evacuate;
}

static void keep_fds(struct words *w, struct run const *r)
{
  if (!r->keep_fds || !*r->keep_fds)
    return;
  add(w, "-f");
  add(w, r->keep_fds);
}

static void network(struct words *w, struct run const *r)
{
  int host = !strcmp(r->net, "host");

  if (host && !r->detach_netns)
    return;
  add_link(w, "rk-net");
  keep_fds(w, r);
  if (two_steps(r))
    add(w, "-s");
  add(w, "-d");
  add(w, host ? "none" : r->net);
  if (r->detach_netns)
    add(w, "-D");
  /* pasta looks for listening sockets in its own network namespace */
  if (!strcmp(r->net, "pasta") && !strcmp(r->port_driver, "implicit"))
    add(w, "-u");
  if (host || !strcmp(r->net, "none"))
    return;
  if (r->mtu)
    add(w, "-m"), add(w, run_text("%lld", r->mtu));
  if (*r->cidr)
    add(w, "-a"), add(w, r->cidr);
  if (*r->ifname)
    add(w, "-i"), add(w, r->ifname);
  if (r->ipv6)
    add(w, "-6");
  if (!r->no_host_loopback)
    add(w, "-l");
}

/* Variables of the network driver outside: what of RootlessKit's flags is no option of rk-net.
   rk-gate removes them. */
char const *const *run_driver_env(struct run const *r)
{
  static char const *env[5];
  size_t n = 0;
  char const *program = !strcmp(r->net, "slirp4netns") && strcmp(r->slirp, "slirp4netns") ? r->slirp
                        : !strcmp(r->net, "pasta") && strcmp(r->pasta, "pasta")           ? r->pasta
                        : !strcmp(r->net, "lxc-user-nic") && *r->lxc                      ? r->lxc
                                                                                          : 0;

  if (!strcmp(r->port_driver, "slirp4netns") || !strcmp(r->port_driver, "implicit"))
    env[n++] = run_text("RK_PORT_DRIVER=%s", r->port_driver);
  if (program)
    env[n++] = run_text("RK_DRIVER_PROGRAM=%s", program);
  if (!strcmp(r->net, "slirp4netns") && !strcmp(r->slirp_seccomp, "false"))
    env[n++] = "RK_SLIRP4NETNS_SECCOMP=no";
  if (!strcmp(r->net, "lxc-user-nic") && strcmp(r->bridge, "lxcbr0"))
    env[n++] = run_text("RK_LXC_BRIDGE=%s", r->bridge);
  env[n] = 0;
  return env;
}

char const *const *run_chain(struct run const *r, int absolute, int const gate[3],
                             char const *state_dir)
{
  struct words w = {.word = run_alloc(WORDS_MAX * sizeof *w.word), .bin = absolute ? bin_dir() : 0};

  if (!absolute && *run_driver_env(r)) {
    add(&w, "env");
    for (char const *const *e = run_driver_env(r); *e; e++)
      add(&w, *e);
  }
  add_link(&w, "rk-state");
  if (!state_dir)
    add(&w, "-t");
  if (gate)
    add(&w, "-d"), add(&w, run_text("%d", gate[2]));
  add(&w, state_dir ? state_dir : "");
  add_link(&w, "rk-userns");
  add_link(&w, "rk-idmap");
  add(&w, "-m");
  add(&w, "subids");
  if (*r->subid_source && strcmp(r->subid_source, "auto"))
    add(&w, "-s"), add(&w, r->subid_source);
  if (two_steps(r))
    network(&w, r);
  namespaces(&w, r);
  add_link(&w, "rk-copyup");
  add(&w, "-p");
  add(&w, propagation(r->propagation));
  add(&w, copy_up_dirs(r));
  if (*r->evacuate) {
    /* In the cgroup namespace, which then shows 0::/GROUP, and before the network, whose driver is
       to be moved too. RootlessKit mounts cgroup2 on /sys/fs/cgroup also where that is a hybrid
       tree. */
    add_link(&w, "rk-cgroup");
    add(&w, "-w");
    add(&w, "-e"), add(&w, r->evacuate);
    add(&w, "-m"), add(&w, "/sys/fs/cgroup");
  }
  if (two_steps(r))
    add_link(&w, "rk-net"), add(&w, "-w");
  else
    network(&w, r);
  if (r->pidns) {
    /* Late: what rk-outside looks at, it finds by the chain's pid. --reaper=false too: in
       RootlessKit the command is not pid 1 either, and nobody wants zombies. */
    add_link(&w, "rk-pidns");
    add(&w, "-s");
    keep_fds(&w, r);
  }
  if (gate) {
    add_link(&w, "rk-gate");
    /* rk-portd has to find the chain to publish anything */
    if (!strcmp(r->port_driver, "slirp4netns"))
      add(&w, "-e");
    add(&w, run_text("%d", gate[0]));
    add(&w, run_text("%d", gate[1]));
  }
  for (char const *const *p = r->command; *p; p++)
    add(&w, *p);
  w.word[w.len] = 0;
  return w.word;
}
