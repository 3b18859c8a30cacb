/* SPDX-License-Identifier: ISC
   What RootlessKit checks before (3.1 of its command line) and after (3.2) it has started its
   child: here all of it comes before anything is made, so that a wrong option leaves nothing
   behind. The first failure ends the program. */
#include <compat/go.h>
#include "run.h"
#include "program.h"
#include <rk/mountinfo.h>
#include <rk/portspec.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static int is(char const *a, char const *b)
{
  return !strcmp(a, b);
}

static int one_of(char const *s, char const *const *words)
{
  for (; *words; words++)
    if (is(s, *words))
      return 1;
  return 0;
}

/* Go's ParseCIDR: strict dotted quads, decimal prefix without leading zeros. The host part must be
   empty. */
static void check_cidr(char const *cidr)
{
  char addr[INET6_ADDRSTRLEN], net[INET_ADDRSTRLEN];
  struct in6_addr v6;
  struct in_addr v4, masked;
  char const *slash = strchr(cidr, '/');
  unsigned long prefix;
  char *end;

  if (!slash || (size_t)(slash - cidr) >= sizeof addr || slash[1] < '0' || slash[1] > '9' ||
      (slash[1] == '0' && slash[2]))
    run_die("invalid CIDR address: %s", cidr);
  memcpy(addr, cidr, (size_t)(slash - cidr));
  addr[slash - cidr] = 0;
  prefix = strtoul(slash + 1, &end, 10);
  if (inet_pton(AF_INET6, addr, &v6) == 1 && !*end && prefix <= 128)
    run_die("failed to setup network: expected IPv4 address, got %s", cidr);
  if (inet_pton(AF_INET, addr, &v4) != 1 || *end || prefix > 32)
    run_die("invalid CIDR address: %s", cidr);
  masked.s_addr = prefix ? v4.s_addr & htonl(0xffffffffu << (32 - prefix)) : 0;
  if (masked.s_addr != v4.s_addr)
    run_die("cidr must be like %s/%lu, not like %s", inet_ntop(AF_INET, &masked, net, sizeof net),
            prefix, cidr);
}

/* A copy-up of the working directory destroys it in RootlessKit (its section 9.3): relative and
   empty ones are refused. */
static void check_mounts(struct run const *r)
{
  static char const *const shared[] = {"shared", "rshared", 0};

  if (r->copy_up.len && one_of(r->propagation, shared))
    run_die("propagation %s does not support copy-up driver %s", r->propagation, r->copy_up_mode);
  if (!is(r->copy_up_mode, "tmpfs+symlink"))
    run_die("unknown copy-up mode: %s", r->copy_up_mode);
  for (size_t i = 0; i < r->copy_up.len; i++) {
    char const *dir = r->copy_up.item[i];
    char quoted[512];
    if (dir[0] != '/')
      run_die("copy-up directory must be an absolute path, got %s",
              go_quote(dir, quoted, sizeof quoted));
    if (is(dir, "/tmp") || is(dir, "/tmp/"))
      run_die("/tmp cannot be copied up");
    if (strchr(dir, ':'))
      run_die("copy-up directory must not contain \":\", got %s",
              go_quote(dir, quoted, sizeof quoted));
  }
}

static int cgroup2_is_mounted(void)
{
  static struct rk_mountinfo m;
  int found = 0;

  m.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (m.fd < 0)
    return 0;
  while (!found && rk_mountinfo_next(&m) > 0)
    found = strstr(m.line, " - cgroup2 ") != 0;
  close(m.fd);
  return found;
}

static void check_process(struct run *r)
{
  static char const *const reapers[] = {"auto", "true", "false", 0};
  static char const *const sources[] = {"auto", "dynamic", "static", "", 0};
  char quoted[512];

  if (!one_of(r->reaper, reapers))
    run_die("unknown reaper mode: %s", r->reaper);
  if (!one_of(r->subid_source, sources))
    run_die("failed to setup UID/GID map: failed to compute uid/gid map: unknown subid source %s",
            go_quote(r->subid_source, quoted, sizeof quoted));
  if (strchr(r->evacuate, '/'))
    run_die("unexpected evacuation group name %s: must not contain \"/\"",
            go_quote(r->evacuate, quoted, sizeof quoted));
  if (*r->evacuate && !cgroup2_is_mounted()) {
    run_warn("cgroup2 is not mounted. cgroup2 evacuation is discarded.");
    r->evacuate = "";
  }
}

static void check_plain_net(struct run const *r)
{
  if (r->mtu)
    run_warn("unsupported mtu for --net=%s: %lld", r->net, r->mtu);
  if (*r->cidr)
    run_die("custom cidr is not supported for --net=%s", r->net);
  if (*r->ifname)
    run_die("ifname cannot be specified for --net=%s", r->net);
  if (is(r->net, "none") && !is(r->port_driver, "none") && !is(r->port_driver, "builtin"))
    run_die("network \"none\" requires either port driver \"none\" or \"builtin\"");
}

static int slirp_mode(char const *flag, char const *mode)
{
  char quoted[512];

  if (is(mode, "true"))
    return 1;
  if (is(mode, "auto"))
    return 2;
  if (!*mode || is(mode, "false"))
    return 0;
  run_die("unsupported %s mode: %s", flag, go_quote(mode, quoted, sizeof quoted));
}

/* What slirp4netns --help says, or words of it that say as much. */
static void slirp_help(char const *path, char *text, size_t size)
{
  static char const *const newest[] = {"--netns-type", "--enable-seccomp", "--enable-ipv6", 0};
  int wstat;

  if (run_contains(path, newest)) {
    snprintf(text, size, "%s %s %s", newest[0], newest[1], newest[2]);
    return;
  }
  wstat = run_output(path, "--help", text, size);
  if (wstat < 0)
    run_die("command [%s --help] failed: %s", path, go_errno(errno));
  if (wstat)
    run_die("command [%s --help] failed: %s", path, go_status(wstat));
}

static void check_slirp(struct run *r)
{
  char text[16384];
  int sandbox;

  slirp_help(run_program(r->slirp), text, sizeof text);
  if (!strstr(text, "--netns-type"))
    run_die("slirp4netns seems older than v0.4.0");
  sandbox = slirp_mode("slirp4netns-sandbox", r->slirp_sandbox);
  if (sandbox == 1 && r->detach_netns)
    run_die("--slirp4netns-sandbox conflicts with --detach-netns "
            "(https://github.com/rootless-containers/slirp4netns/issues/317)");
  if (sandbox == 1) /* asked for by name: say once why not; auto leaves it to us */
    run_warn("--slirp4netns-sandbox=true is not used: it makes slirp4netns join namespaces that "
             "the command controls, where its host "
             "sockets could be taken; slirp4netns runs outside instead");
  switch (slirp_mode("slirp4netns-seccomp", r->slirp_seccomp)) {
    case 2: r->slirp_seccomp = strstr(text, "--enable-seccomp") ? "true" : "false"; break;
    case 1:
      if (!strstr(text, "--enable-seccomp"))
        run_die("this version of slirp4netns does not support --enable-seccomp");
      break;
    default: r->slirp_seccomp = "false";
  }
  if (r->ipv6 && !strstr(text, "--enable-ipv6"))
    run_die("this version of slirp4netns does not support --enable-ipv6");
}

static void check_pasta(struct run *r)
{
  int wstat;

  run_warn("\"pasta\" network driver is experimental. Needs very recent version of pasta (see "
           "docs/network.md).");
  char const *path = run_program(r->pasta);
  if (!is(r->port_driver, "none") && !is(r->port_driver, "implicit") &&
      !is(r->port_driver, "pesto"))
    run_die("network \"pasta\" requires port driver \"none\" or \"implicit\" or \"pesto\"");
  wstat = run_output(path, "--version", 0, 0);
  if (wstat)
    run_die("command [%s --version] failed: %s", path,
            wstat < 0 ? go_errno(errno) : go_status(wstat));
}

static void check_lxc(struct run *r)
{
  run_warn("\"lxc-user-nic\" network driver is experimental");
  if (*r->cidr)
    run_die("custom cidr is not supported for --net=%s", r->net);
  if (!r->no_host_loopback)
    run_warn("--disable-host-loopback is implicitly set for lxc-user-nic");
  r->no_host_loopback = 1;
  r->lxc = run_program(r->lxc);
}

static void check_vpnkit(struct run *r)
{
  if (*r->cidr)
    run_die("custom cidr is not supported for --net=%s", r->net);
  run_program(r->vpnkit);
  if (r->mtu && r->mtu != 1500)
    run_warn("vpnkit is known to have issues with non-1500 MTU (current: %lld), see "
             "https://github.com/rootless-containers/rootlesskit/issues/6#issuecomment-403531453",
             r->mtu);
}

/* RootlessKit has this stack built in, so its callers name it where they find no other driver's
   program. Ours is a program too: in its absence any other driver that is here does the same, but
   that the gateway is network + 2. */
static void check_gvisor(struct run *r)
{
  static char const *const others[] = {"slirp4netns", "pasta"};
  char path[PATH_MAX];

  run_warn("\"gvisor-tap-vsock\" network driver is experimental");
  if (rk_which("gvproxy", path, sizeof path) != -1)
    return;
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (rk_which(others[i], path, sizeof path) == -1)
      continue;
    run_warn("gvproxy, which --net=gvisor-tap-vsock needs, is not in $PATH: %s takes its place",
             others[i]);
    r->net = others[i];
    r->no_gvproxy = 1;
    return;
  }
  run_die(
    "--net=gvisor-tap-vsock needs gvproxy in $PATH (or slirp4netns or pasta in its place): go "
    "install github.com/containers/gvisor-tap-vsock/cmd/gvproxy@v0.8.9");
}

static void check_net(struct run *r)
{
  static struct {
    char const *net;
    void (*check)(struct run *r);
  } const known[] = {
    {"pasta", check_pasta},   {"slirp4netns", check_slirp},       {"lxc-user-nic", check_lxc},
    {"vpnkit", check_vpnkit}, {"gvisor-tap-vsock", check_gvisor},
  };

  if (is(r->net, "host") || is(r->net, "none")) {
    check_plain_net(r);
    return;
  }
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    if (is(r->net, known[i].net)) {
      known[i].check(r);
      return;
    }
  }
  run_die("unknown network mode: %s", r->net);
}

static void parse_port(struct run const *r, size_t i, struct rk_portspec *spec)
{
  char const *text = r->publish.item[i];
  char err[RK_PORTSPEC_ERRMAX];

  if (rk_portspec_parse(text, strlen(text), RK_PORTSPEC_ROOTLESSKIT, spec, err, sizeof err) == -1 ||
      rk_portspec_check(spec, err, sizeof err) == -1)
    run_die("%s", err);
}

/* Each -p alone, then against those before it: rk-portd takes them in no order, and might refuse
   the first of two. */
static void check_publish(struct run const *r)
{
  struct rk_portspec spec, other;

  for (size_t i = 0; i < r->publish.len; i++)
    parse_port(r, i, &spec);
  for (size_t i = 1; i < r->publish.len; i++) {
    parse_port(r, i, &spec);
    for (size_t k = 0; k < i; k++) {
      parse_port(r, k, &other);
      if (rk_portspec_conflict(&other, &spec))
        run_die("failed to expose port {%s %s %lld %lld %s}: conflict with ID %zu",
                rk_proto_name(spec.proto), spec.parentip, (long long)spec.parentport,
                (long long)spec.childport, spec.childip, k + 1);
    }
  }
}

static void check_builtin(struct run const *r)
{
  static char const *const backends[] = {"auto", "nft", "iptables", NULL};

  if (is(r->net, "host"))
    run_die("port driver requires non-host network");
  if (!one_of(r->srcip_backend, backends))
    run_die("unknown source-ip-transparent-backend: %s", r->srcip_backend);
}

static void check_publish_address(struct run const *r)
{
  struct rk_portdefault usual;

  if (!*r->publish_address)
    return;
  if (is(r->port_driver, "none") || is(r->port_driver, "implicit"))
    run_die("--publish-address needs a port driver that binds: builtin or slirp4netns");
  rk_portdefault_parse(r->publish_address, strlen(r->publish_address), &usual);
  if (usual.bad)
    run_die("invalid --publish-address: \"%s\" is not an address", r->publish_address);
}

/* Where another driver took gvproxy's place, the relay does. RootlessKit starts with any network,
   and then fails at the first port. */
static void check_gvisor_ports(struct run *r)
{
  run_warn("\"gvisor-tap-vsock\" port driver is experimental");
  if (is(r->net, "host"))
    run_die("port driver requires non-host network");
  if (is(r->net, "gvisor-tap-vsock"))
    return;
  if (!r->no_gvproxy)
    run_die("port driver \"gvisor-tap-vsock\" requires --net=gvisor-tap-vsock");
  run_warn("without gvproxy the port driver is builtin");
  r->port_driver = "builtin";
}

static void check_ports(struct run *r)
{
  static char const *const known[] = {
    "none", "implicit", "builtin", "slirp4netns", "gvisor-tap-vsock", "pesto", NULL};

  if (is(r->port_driver, "pasta"))
    run_die("unknown port driver \"pasta\": did you mean \"pesto\"?");
  if (!one_of(r->port_driver, known))
    run_die("unknown port driver: %s", r->port_driver);
  if (is(r->port_driver, "none") && r->publish.len)
    run_die("port driver \"none\" does not support publishing ports");
  if (is(r->port_driver, "implicit") && !is(r->net, "pasta"))
    run_die("port driver \"implicit\" requires --net=pasta");
  if (is(r->port_driver, "pesto") && !is(r->net, "pasta"))
    run_die("port driver \"pesto\" requires --net=pasta");
  if (is(r->port_driver, "pesto"))
    run_program(r->pesto);
  if (is(r->port_driver, "slirp4netns") && !is(r->net, "slirp4netns"))
    run_die("port driver requires slirp4netns network");
  if (is(r->port_driver, "gvisor-tap-vsock"))
    check_gvisor_ports(r);
  if (is(r->port_driver, "builtin"))
    check_builtin(r);
  check_publish_address(r);
  check_publish(r);
}

static void warn_sysctl(char const *path, unsigned long low, char const *fmt)
{
  char text[64];
  unsigned long n;
  char *end;

  if (rk_slurp(path, text, sizeof text) < 0)
    return;
  n = strtoul(text, &end, 10);
  if (end == text || *end)
    run_warn("Failed to parse %s (\"%s\")", path, text);
  else if (!n)
    run_warn("%s needs to be set to %s.", path, fmt);
  else if (n < low)
    run_warn("%s=%lu may be low. Consider setting to >= %lu.", path, n, low);
}

/* Field 7... of the line of "/" in mountinfo (proc_pid_mountinfo(5)): shared:N, master:N, or
   nothing. */
static void warn_propagation(struct run const *r)
{
  char line[4096], opt[256] = "";
  FILE *f;

  if (strstr(r->propagation, "private") || !(f = fopen("/proc/self/mountinfo", "re")))
    return;
  while (fgets(line, sizeof line, f)) {
    char point[PATH_MAX];
    int at = 0;
    if (sscanf(line, "%*s %*s %*s %*s %4095s %*s %n", point, &at) < 1 || !at || !is(point, "/"))
      continue;
    snprintf(opt, sizeof opt, "%.*s", (int)strcspn(line + at, " \n"), line + at);
    if (is(opt, "-"))
      opt[0] = 0;
  }
  fclose(f);
  if (!strstr(opt, "shared"))
    run_warn("The host root filesystem is mounted as \"%s\". Setting child propagation to \"%s\" "
             "is not supported.",
             opt, r->propagation);
}

void run_check(struct run *r)
{
  if (*r->evacuate && !r->cgroupns)
    run_die("evacuate-cgroup2 requires --cgroupns");
  if (*r->evacuate && !r->pidns)
    run_die("evacuate-cgroup2 requires --pidns");
  if (r->mtu < 0 || r->mtu > 65521)
    run_die("mtu must be <= 65521, got %lld", r->mtu);
  if (*r->cidr)
    check_cidr(r->cidr);
  if (strchr(r->ifname, '/'))
    run_die("ifname must not contain \"/\"");
  if (r->ipv6) {
    run_warn("ipv6 is experimental");
    if (!is(r->net, "pasta") && !is(r->net, "slirp4netns")) {
      run_warn("--ipv6 is discarded for --net=%s", r->net);
      r->ipv6 = 0;
    }
  }
  if (!r->no_host_loopback && !is(r->net, "host") && !is(r->net, "none"))
    run_warn("specifying --disable-host-loopback is highly recommended to prohibit connecting to "
             "127.0.0.1:* on the host namespace "
             "(requires pasta, slirp4netns, or VPNKit)");
  check_net(r);
  check_ports(r);
  check_process(r);
  check_mounts(r);
  if (geteuid() == 0)
    run_warn("Running RootlessKit as the root user is unsupported.");
  warn_sysctl("/proc/sys/kernel/unprivileged_userns_clone", 0, "1");
  warn_sysctl("/proc/sys/user/max_user_namespaces", 1024, "non-zero");
  warn_propagation(r);
}
