/* SPDX-License-Identifier: ISC
   The one table of rk-run's flags: parsing and the help text are made from it. */
#include <compat/go.h>
#include "run.h"
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <rk/put.h>
#include <skalibs/strerr.h>

#if defined(__x86_64__)
#define RK_TRIPLET "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define RK_TRIPLET "aarch64-linux-gnu"
#else
#define RK_TRIPLET "linux-gnu"
#endif
static struct run const DEFAULT = {
  .portd_dir = -1,
  .print_semver = "",
  .state_dir = "",
  .net = "host",
  .pasta = "pasta",
  .pesto = "pesto",
  .slirp = "slirp4netns",
  .slirp_sandbox = "false",
  .slirp_seccomp = "auto",
  .vpnkit = "vpnkit",
  .bridge = "lxcbr0",
  .cidr = "",
  .ifname = "",
  .copy_up_mode = "tmpfs+symlink",
  .propagation = "rprivate",
  .port_driver = "none",
  .publish_address = "",
  .srcip = 1,
  .srcip_backend = "auto",
  .reaper = "auto",
  .evacuate = "",
  .subid_source = "auto",
};

#define AT(field) offsetof(struct run, field)

static struct goflag const FLAGS[] = {
  {"debug", 0, GOFLAG_BOOL, AT(debug), "Misc", 0, "write each step to stderr"},
  {"help", "h", GOFLAG_BOOL, AT(help), 0, 0, "print this text"},
  {"version", "v", GOFLAG_BOOL, AT(version), 0, 0, "print the version"},
  {"print-semver", 0, GOFLAG_TEXT, AT(print_semver), 0, "PART",
   "print one number of the version (major, minor or patch)"},
  {"print", 0, GOFLAG_MAYBE, AT(print), 0, "execline|sh",
   "print the chain of rk programs instead of running it"},
  {"service", 0, GOFLAG_TEXT, AT(service), 0, "KIND",
   "write a service (s6, runit or systemd) into the directory named before the command"},
  {"copy-up", 0, GOFLAG_LIST, AT(copy_up), "Mount", "DIR",
   "make a directory writable: a tmpfs of links to its entries, e.g. --copy-up=/etc"},
  {"copy-up-mode", 0, GOFLAG_TEXT, AT(copy_up_mode), 0, "MODE",
   "tmpfs+symlink, the only one (default: tmpfs+symlink)"},
  {"propagation", 0, GOFLAG_TEXT, AT(propagation), 0, "P",
   "mount propagation: [r]private, [r]slave or [r]shared (default: rprivate)"},
  {"net", 0, GOFLAG_TEXT, AT(net), "Network", "DRIVER",
   "host, none, pasta, slirp4netns, vpnkit, lxc-user-nic or gvisor-tap-vsock (default: host)"},
  {"mtu", 0, GOFLAG_INT, AT(mtu), 0, "N",
   "MTU, 0 to 65521 (default: 0, the driver's own: 65520, vpnkit and lxc-user-nic 1500)"},
  {"cidr", 0, GOFLAG_TEXT, AT(cidr), 0, "NET",
   "network of pasta, slirp4netns and gvisor-tap-vsock (default: 10.0.2.0/24)"},
  {"ifname", 0, GOFLAG_TEXT, AT(ifname), 0, "NAME",
   "network interface (default: tap0, lxc-user-nic eth0)"},
  {"disable-host-loopback", 0, GOFLAG_BOOL, AT(no_host_loopback), 0, 0,
   "do not let the namespace reach 127.0.0.1 of the host"},
  {"ipv6", 0, GOFLAG_BOOL, AT(ipv6), 0, 0, "IPv6 as well (pasta and slirp4netns)"},
  {"detach-netns", 0, GOFLAG_BOOL, AT(detach_netns), 0, 0,
   "run the command on the host network; STATE-DIR/netns is the new one"},
  {"lxc-user-nic-binary", 0, GOFLAG_TEXT, AT(lxc), "Network [lxc-user-nic]", "PATH",
   "path of lxc-user-nic"},
  {"lxc-user-nic-bridge", 0, GOFLAG_TEXT, AT(bridge), 0, "BRIDGE", "its bridge (default: lxcbr0)"},
  {"pasta-binary", 0, GOFLAG_TEXT, AT(pasta), "Network [pasta]", "PATH",
   "name or path of pasta (default: pasta)"},
  {"pesto-binary", 0, GOFLAG_TEXT, AT(pesto), 0, "PATH", "name or path of pesto (default: pesto)"},
  {"slirp4netns-binary", 0, GOFLAG_TEXT, AT(slirp), "Network [slirp4netns]", "PATH",
   "name or path of slirp4netns (default: slirp4netns)"},
  {"slirp4netns-sandbox", 0, GOFLAG_TEXT, AT(slirp_sandbox), 0, "MODE",
   "auto, true or false: accepted, and never used (see the page)"},
  {"slirp4netns-seccomp", 0, GOFLAG_TEXT, AT(slirp_seccomp), 0, "MODE",
   "auto, true or false: its seccomp filter (default: auto)"},
  {"vpnkit-binary", 0, GOFLAG_TEXT, AT(vpnkit), "Network [vpnkit]", "PATH",
   "name or path of vpnkit (default: vpnkit)"},
  {"port-driver", 0, GOFLAG_TEXT, AT(port_driver), "Port", "DRIVER",
   "none, implicit (pasta), builtin, slirp4netns, gvisor-tap-vsock or pesto"
   " (default: none)"},
  {"publish", "p", GOFLAG_LIST, AT(publish), 0, "SPEC",
   "publish a port, e.g. 127.0.0.1:8080:80/tcp"},
  {"publish-address", 0, GOFLAG_TEXT, AT(publish_address), 0, "ADDRESS",
   "host address of ports that name none (default: all; not RootlessKit's)"},
  {"source-ip-transparent", 0, GOFLAG_BOOL, AT(srcip), 0, 0,
   "show the client's address to the service (builtin; default: true)"},
  {"source-ip-transparent-backend", 0, GOFLAG_TEXT, AT(srcip_backend), 0, "NAME",
   "auto, nft or iptables: accepted, neither is needed"},
  {"pidns", 0, GOFLAG_BOOL, AT(pidns), "Process", 0, "new pid namespace"},
  {"cgroupns", 0, GOFLAG_BOOL, AT(cgroupns), 0, 0, "new cgroup namespace"},
  {"utsns", 0, GOFLAG_BOOL, AT(utsns), 0, 0, "new uts namespace (host name)"},
  {"ipcns", 0, GOFLAG_BOOL, AT(ipcns), 0, 0, "new ipc namespace"},
  {"reaper", 0, GOFLAG_TEXT, AT(reaper), 0, "MODE",
   "auto, true or false: a process that reaps orphans (with --pidns)"},
  {"evacuate-cgroup2", 0, GOFLAG_TEXT, AT(evacuate), 0, "GROUP",
   "move all processes into this subgroup (with --pidns and --cgroupns)"},
  {"state-dir", 0, GOFLAG_TEXT, AT(state_dir), "State", "DIR",
   "state directory, removed at the end (default: a fresh temporary one)"},
  {"subid-source", 0, GOFLAG_TEXT, AT(subid_source), "SubID", "SOURCE",
   "auto, dynamic (getsubids) or static (/etc/subuid, /etc/subgid) (default: auto)"},
  {0},
};

/* Returns -1 if stdout does not take it. */
static int help(void)
{
  int n = dprintf(1,
                  "NAME:\n   %s - run a command as root of its own user namespace\n\n"
                  "USAGE:\n   %s [options] command [arguments]\n\nVERSION:\n   " COMPAT_VERSION
                  " (rk " RK_VERSION ")\n\nOPTIONS:\n",
                  PROG, PROG);

  if (n < 0)
    return -1;
  goflags_help(1, FLAGS);
  return 0;
}

static void semver(char const *part)
{
  static char const V[] = COMPAT_VERSION; /* one digit each: the static assertion keeps it so */
  static char const *const parts[] = {"major", "minor", "patch"};
  _Static_assert(sizeof V == sizeof "3.3.0", "print-semver expects one-digit numbers");
  char quoted[512];

  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (strcmp(part, parts[i]))
      continue;
    dprintf(1, "%c\n", V[2 * i]);
    _exit(0);
  }
  run_die("expected --print-semver=(major|minor|patch), got %s",
          go_quote(part, quoted, sizeof quoted));
}

/* The first of the places where distributions put it. */
static char const *find_lxc(void)
{
  static char const *const places[] = {"/usr/libexec/lxc/lxc-user-nic",
                                       "/usr/lib/" RK_TRIPLET "/lxc/lxc-user-nic",
                                       "/usr/lib/lxc/lxc-user-nic"};

  for (size_t i = 0; i < sizeof places / sizeof *places; i++)
    if (access(places[i], F_OK) == 0)
      return places[i];
  return "";
}

static void usage_error(char const *err) __attribute__((noreturn));
static void usage_error(char const *err)
{
  if (!goflags_two_forms(err)) {
    char const *text = run_text("Incorrect Usage: %s", err);
    rk_put_line(1, text, strlen(text));
    dprintf(1, "\n");
    help();
  }
  run_die("%s", err);
}

void run_flags(struct run *r, char const *const *argv)
{
  char err[768];
  ptrdiff_t n;

  *r = DEFAULT;
  n = goflags_parse(FLAGS, r, argv, err, sizeof err);
  if (n == -1)
    usage_error(err);
  if (r->help) {
    if (help() == -1)
      run_die("write /dev/stdout: %s", go_errno(errno));
    _exit(0);
  }
  if (r->version) {
    dprintf(1, "%s version %s\n", PROG, strcmp(PROG, "rk-run") ? COMPAT_VERSION : RK_VERSION);
    _exit(0);
  }
  if (*r->print_semver)
    semver(r->print_semver);
  /* what rk-portd and rk-copyup call them */
  if (!strcmp(r->port_driver, "relay"))
    r->port_driver = "builtin";
  if (!strcmp(r->copy_up_mode, "symlink"))
    r->copy_up_mode = "tmpfs+symlink";
  if (!r->lxc)
    r->lxc = find_lxc();
  r->given = argv;
  r->command = argv + n;
}
