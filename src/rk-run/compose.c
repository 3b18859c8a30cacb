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

/* An option and its value. */
static void add_option(struct words *w, char const *option, char const *value)
{
  add(w, option);
  add(w, value);
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
  if (!r->utsns && !r->ipcns && !r->cgroupns)
    return;
  add_link(w, "rk-unshare");
  if (r->utsns)
    add(w, "-u");
  if (r->ipcns)
    add(w, "-i");
  if (r->cgroupns)
    add(w, "-c");
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
  if (!r->copy_up.len || r->detach_netns || *r->evacuate)
    return 0;
  return strcmp(r->net, "host") && strcmp(r->net, "none") && strcmp(r->net, "lxc-user-nic");
}

static void keep_fds(struct words *w, struct run const *r)
{
  if (!r->keep_fds || !*r->keep_fds)
    return;
  add_option(w, "-f", r->keep_fds);
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
  add_option(w, "-n", host ? "none" : r->net);
  if (r->detach_netns)
    add(w, "-D");
  /* pasta looks for listening sockets in its own network namespace */
  if (!strcmp(r->net, "pasta") && !strcmp(r->port_driver, "implicit"))
    add(w, "-u");
  if (host || !strcmp(r->net, "none"))
    return;
  if (r->mtu)
    add_option(w, "-m", run_text("%lld", r->mtu));
  if (*r->cidr)
    add_option(w, "-a", r->cidr);
  if (*r->ifname)
    add_option(w, "-i", r->ifname);
  if (r->ipv6)
    add(w, "-6");
  if (!r->no_host_loopback)
    add(w, "-l");
}

int run_lends_ports(struct run const *r)
{
  static char const *const lending[] = {"slirp4netns", "gvisor-tap-vsock", "pesto"};

  for (size_t i = 0; i < sizeof lending / sizeof *lending; i++)
    if (!strcmp(r->port_driver, lending[i]))
      return 1;
  return 0;
}

/* Variables of the network driver outside: what of RootlessKit's flags is no option of rk-net.
   rk-gate removes them. */
char const *const *run_driver_env(struct run const *r)
{
  enum { MOST = 4 };
  char const **env = run_alloc((MOST + 1) * sizeof *env);
  int slirp = !strcmp(r->net, "slirp4netns"), lxc = !strcmp(r->net, "lxc-user-nic");
  char const *program = NULL;
  size_t n = 0;

  if (slirp && strcmp(r->slirp, "slirp4netns"))
    program = r->slirp;
  if (!strcmp(r->net, "pasta") && strcmp(r->pasta, "pasta"))
    program = r->pasta;
  if (!strcmp(r->net, "vpnkit") && strcmp(r->vpnkit, "vpnkit"))
    program = r->vpnkit;
  if (lxc && *r->lxc)
    program = r->lxc;
  if (strcmp(r->port_driver, "none") && strcmp(r->port_driver, "builtin"))
    env[n++] = run_text("RK_PORT_DRIVER=%s", r->port_driver);
  if (!strcmp(r->port_driver, "pesto") && strcmp(r->pesto, "pesto"))
    env[n++] = run_text("RK_PESTO_PROGRAM=%s", r->pesto);
  if (program)
    env[n++] = run_text("RK_DRIVER_PROGRAM=%s", program);
  if (slirp && !strcmp(r->slirp_seccomp, "false"))
    env[n++] = "RK_SLIRP4NETNS_SECCOMP=no";
  if (lxc && strcmp(r->bridge, "lxcbr0"))
    env[n++] = run_text("RK_LXC_BRIDGE=%s", r->bridge);
  env[n] = NULL;
  return env;
}

static void state_and_ids(struct words *w, struct run const *r, int const gate[3],
                          char const *state_dir)
{
  add_link(w, "rk-state");
  if (!state_dir)
    add(w, "-t");
  else if (r->print)
    add(w, "-r"); /* as rk-run does it itself */
  if (gate)
    add_option(w, "-d", run_text("%d", gate[2]));
  add(w, state_dir ? state_dir : "");
  add_link(w, "rk-userns");
  add_link(w, "rk-idmap");
  add_option(w, "-m", "subids");
  if (*r->subid_source && strcmp(r->subid_source, "auto"))
    add_option(w, "-s", r->subid_source);
}

static void mounts(struct words *w, struct run const *r)
{
  add_link(w, "rk-copyup");
  add_option(w, "-p", propagation(r->propagation));
  add(w, copy_up_dirs(r));
}

/* In the cgroup namespace, which then shows 0::/GROUP, and before the network, whose driver is to
   be moved too. RootlessKit mounts cgroup2 on /sys/fs/cgroup also where that is a hybrid tree. */
static void cgroup(struct words *w, struct run const *r)
{
  if (!*r->evacuate)
    return;
  add_link(w, "rk-cgroup");
  add(w, "-w");
  add_option(w, "-e", r->evacuate);
  add_option(w, "-m", "/sys/fs/cgroup");
}

/* Late: what rk-outside looks at, it finds by the chain's pid. --reaper=false too: in RootlessKit
   the command is not pid 1 either, and nobody wants zombies. Without --pidns RootlessKit refuses
   --reaper=true. */
static void pid_namespace(struct words *w, struct run const *r)
{
  if (r->pidns) {
    add_link(w, "rk-pidns");
    add(w, "-s");
    keep_fds(w, r);
  } else if (!strcmp(r->reaper, "true")) {
    add_link(w, "rk-reap");
    add(w, "-s");
  }
}

static void gate_link(struct words *w, struct run const *r, int const gate[3])
{
  if (!gate)
    return;
  add_link(w, "rk-gate");
  /* rk-portd has to find the chain to publish anything */
  if (run_lends_ports(r))
    add(w, "-e");
  add(w, run_text("%d", gate[0]));
  add(w, run_text("%d", gate[1]));
}

/* A word of what is printed, not a program that is run. */
static char const SHELL[] = {'s', 'h', 0};

/* What rk-gate does in a run: no variable for the driver reaches the command, and where the network
   driver publishes, which it does when it is there, the ports are waited for. */
static void gate_of_script(struct words *w, struct run const *r, char const *const *env,
                           char const *state_dir)
{
  if (*env)
    add(w, "env");
  for (; *env; env++)
    add_option(w, "-u", run_text("%.*s", (int)strcspn(*env, "="), *env));
  if (!state_dir || !r->publish.len || !run_lends_ports(r))
    return;
  add(w, SHELL);
  add_option(w, "-c", "rk-port wait \"$0\" && exec \"$@\"");
  add(w, state_dir);
}

char const *const *run_chain(struct run const *r, int absolute, int const gate[3],
                             char const *state_dir)
{
  char const *const *env = run_driver_env(r), *const *variable = env;
  struct words w = {.word = run_alloc(WORDS_MAX * sizeof *w.word),
                    .bin = absolute ? bin_dir() : NULL};

  if (!absolute && *env) {
    add(&w, "env");
    for (; *variable; variable++)
      add(&w, *variable);
  }
  state_and_ids(&w, r, gate, state_dir);
  if (two_steps(r))
    network(&w, r);
  namespaces(&w, r);
  mounts(&w, r);
  cgroup(&w, r);
  if (two_steps(r)) {
    add_link(&w, "rk-net");
    add(&w, "-w");
  } else {
    network(&w, r);
  }
  pid_namespace(&w, r);
  gate_link(&w, r, gate);
  if (!absolute)
    gate_of_script(&w, r, env, state_dir);
  for (char const *const *p = r->command; *p; p++)
    add(&w, *p);
  w.word[w.len] = NULL;
  return w.word;
}
