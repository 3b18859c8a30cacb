/* SPDX-License-Identifier: ISC
   lxc-user-nic (driver): a veth to a bridge of the host's, made by lxc's setuid helper, with an
   address from DHCP.

   where    outside, started by rk-outside; goes into the hop (without a wall: inside) to become the
            DHCP client
   changes  -
   fds/env  3-7 and RK_NET_* as in rk-net-drivers(7); RK_DRIVER_PROGRAM, RK_LXC_BRIDGE; udhcpc gets
            5, and as 7 a netlink socket in the program's namespace
   forks    lxc-user-nic, once; a helper that gives the namespace a pid, until then; becomes udhcpc
   exits    102 lxc-user-nic or udhcpc is missing or not allowed, 111 a system call failed
 */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <skalibs/posixplz.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/netlink.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <rk/sys.h>
#include <rk/text.h>

/* Debian and Alpine; Debian before 12; Fedora; an own build. */
static char const *const PLACES[] = {
  "/usr/libexec/lxc/lxc-user-nic",
  "/usr/lib/x86_64-linux-gnu/lxc/lxc-user-nic",
  "/usr/lib/aarch64-linux-gnu/lxc/lxc-user-nic",
  "/usr/lib/lxc/lxc-user-nic",
  "/usr/local/libexec/lxc/lxc-user-nic",
};

static char const *helper_path(void)
{
  char const *s = getenv("RK_DRIVER_PROGRAM");

  if (s && *s)
    return s;
  for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES; i++)
    if (access(PLACES[i], X_OK) == 0)
      return PLACES[i];
  rk_die_host("I13",
              "install the package lxc, or set RK_DRIVER_PROGRAM to the path of lxc-user-nic",
              "unable to find lxc-user-nic");
}

/* Root inside may trace whoever is in its user namespace and dumpable (ptrace(2)), and take his
   root directory and his fds: until we have entered all of its namespaces, these are the host's. A
   change of ids makes dumpable again where fs.suid_dumpable is 1 (proc(5)). */
static void stay_closed(void)
{
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "become non-dumpable");
}

static void enter_mounts(void)
{
  char path[RK_PROCPATH_MAX];
  struct rk_text t = rk_text_in(path, sizeof path);
  char const *pid = driver_plan("RK_NET_PID");
  int mnt;

  if (strlen(pid) > 10)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_NET_PID");
  rk_text_add(&t, "/proc/", pid, "/ns/mnt");
  mnt = open(path, O_RDONLY | O_CLOEXEC);
  if (mnt == -1 || setns(mnt, CLONE_NEWNS) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the mount namespace");
  close(mnt);
}

/* Enter the namespaces of the chain. Without a wall its mount namespace, too: what is then executed
   is dumpable, can be traced by namespace root, and must not lead to more than that has already.
   With a wall root inside is in a user namespace below. */
static void go_inside(void)
{
  stay_closed();
  if (setns(USERNS, CLONE_NEWUSER) == -1 || setns(NETNS, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the namespaces");
  if (!driver_wants("RK_NET_WALL"))
    enter_mounts();
  if (setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "become root inside");
  stay_closed();
}

/* Until nothing holds the other end of hold any more. */
static void reside(int hold, int ready) __attribute__((noreturn));
static void reside(int hold, int ready)
{
  char c;

  go_inside();
  rk_close_range(NETNS, driver_wants("RK_NET_WALL") ? PROGRAM : LEAVE, 0);
  /* lxc-user-nic asks whether its user may read our /proc/PID/ns/net. All our namespaces are the
     chain's by now, and so is what we hold. */
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1)
    _exit(RK_EXIT_SYS);
  if (write(ready, "", 1) == 1)
    while (read(hold, &c, 1) == -1 && errno == EINTR)
      ;
  _exit(0);
}

/* lxc-user-nic wants a pid; a namespace without a process of its own gets one for that moment. */
static pid_t make_resident(int *hold)
{
  int p[2];
  int ready[2];
  char c;
  pid_t pid;

  if (pipe2(p, O_CLOEXEC) == -1 || pipe2(ready, O_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a pipe");
  pid = fork();
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid) {
    close(p[1]);
    close(ready[0]);
    reside(p[0], ready[1]);
  }
  close(p[0]);
  close(ready[1]);
  if (read(ready[0], &c, 1) != 1)
    _exit(RK_EXIT_SYS);
  close(ready[0]);
  *hold = p[1];
  return pid;
}

/* Does the interface exist already (we are started again)? Looked up inside, by a child. */
static int interface_exists(char const *ifname)
{
  int status;
  pid_t pid = fork();

  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid) {
    go_inside();
    _exit(if_nametoindex(ifname) ? 0 : 1);
  }
  if (waitpid(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for a child");
  if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
    _exit(RK_EXIT_SYS);
  return !WEXITSTATUS(status);
}

/* lxc-user-nic says "Quota reached" whatever the reason. */
static void __attribute__((noreturn)) die_refused(char const *bridge)
{
  char text[4096];

  if (!if_nametoindex(bridge))
    rk_die_host("N23", "start lxc-net, or make a bridge and set RK_LXC_BRIDGE",
                "lxc-user-nic failed: the host has no bridge ", bridge);
  if (rk_slurp("/etc/lxc/lxc-usernet", text, sizeof text) == -1 || !strstr(text, bridge))
    rk_die_host("N23", "as root, add a line \"USER veth BRIDGE 10\" to /etc/lxc/lxc-usernet",
                "lxc-user-nic failed: /etc/lxc/lxc-usernet has no line for the bridge ", bridge);
  rk_die_host(
    "N23",
    "check the user and the number in /etc/lxc/lxc-usernet, and that lxc-user-nic is setuid root",
    "lxc-user-nic failed: not allowed to this user on the bridge ", bridge,
    ", or too many interfaces");
}

/* Arguments of lxc-user-nic. */
enum { PID = 4, BRIDGE = 6 };

static void make_veth(char const *ifname)
{
  char const *bridge = getenv("RK_LXC_BRIDGE");
  char const *argv[] = {
    helper_path(), "create", "/dev/null", "dummy", NULL, "veth", NULL, ifname, NULL,
  };
  char number[UINT_FMT];
  int hold = -1;
  int status;
  pid_t child;

  if (!bridge || !*bridge)
    bridge = "lxcbr0";
  argv[PID] = driver_plan("RK_NET_PID");
  argv[BRIDGE] = bridge;
  if (driver_wants("RK_NET_DETACHED") || driver_wants("RK_NET_WALL")) {
    number[uint_fmt(number, (unsigned int)make_resident(&hold))] = 0;
    argv[PID] = number;
  }
  child = fork();
  if (child == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!child) {
    dup2(2, 1); /* "eth0:2:veth1001_RPAT:6": good to see if it fails afterwards, nothing we need */
    rk_close_range(NETNS, UINT_MAX, 0);
    execv(argv[0], (char **)(uintptr_t)argv);
    strerr_dieexec(126, argv[0]);
  }
  if (waitpid(child, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for lxc-user-nic");
  if (hold != -1)
    close(hold);
  if (status)
    die_refused(bridge);
}

static void bring_up(char const *ifname)
{
  static struct rk_nl b;
  struct rk_nl_error e;
  unsigned int mtu = 0;
  int fd = rk_nl_open(NETLINK_ROUTE);

  uint0_scan(driver_plan("RK_NET_MTU"), &mtu);
  rk_nl_init(&b);
  rk_nl_link_up(&b, ifname, 0, mtu, 0);
  if (fd == -1 || rk_nl_send(fd, &b, &e) == -1)
    strerr_diefusys(RK_EXIT_SYS, "bring up ", ifname);
  close(fd);
}

/* A netlink socket in the program's namespace takes the place of that: rk-net-lease configures both
   ends of the hop. We have every capability over the program's user namespace, being root in the
   one above. */
static void open_program(void)
{
  int fd;

  if (setns(PROGRAM, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the program's network namespace");
  fd = rk_nl_open(NETLINK_ROUTE);
  if (fd == -1 || dup2(fd, PROGRAM) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a netlink socket");
  close(fd);
  if (setns(NETNS, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "return to the hop");
}

/* The lease program's variables; nothing else of the outside's environment belongs to a process
   that lives inside. */
static void reduce_environment(void)
{
  static char const *const kept[] = {"PATH=", "RK_NET_MTU=", "RK_NET_WALL="};
  size_t n = 0;

  for (char **e = environ; *e; e++)
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
      if (!strncmp(*e, kept[i], strlen(kept[i])))
        environ[n++] = *e;
  environ[n] = NULL;
}

int main(void)
{
  char const *ifname = driver_plan("RK_NET_IFNAME");
  char lease[PATH_MAX];
  char client[PATH_MAX];
  /* -f: stay, and renew; -t, -T, -A: ask each second, never give up; no -n: an interface may have
     to wait for its bridge */
  char const *const argv[] = {"udhcpc", "-f", "-i", ifname, "-s", lease, "-t",
                              "5",      "-T", "1",  "-A",   "5",  NULL};

  driver_begin("lxc-user-nic (driver)");
  if (rk_libexec("rk-net-lease", lease, sizeof lease) == -1)
    strerr_diefusys(RK_EXIT_SYS, "find rk-net-lease");
  if (rk_which("udhcpc", client, sizeof client) == -1)
    rk_die_host("I13", "install the package udhcpc",
                "unable to find a DHCP client: udhcpc is not in PATH");
  if (!interface_exists(ifname))
    make_veth(ifname);
  go_inside();
  bring_up(ifname);
  if (driver_wants("RK_NET_WALL"))
    open_program();
  close(NETNS);
  close(USERNS);
  close(LEAVE);
  reduce_environment();
  /* Entering the user namespace has taken the leash off (prctl(2)). */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "tie the DHCP client to rk-outside");
  execv(client, (char **)(uintptr_t)argv);
  strerr_dieexec(126, client);
}
