/* SPDX-License-Identifier: ISC
   pasta (driver): attach pasta to the tap that rk-net made.

   where    outside, started by rk-outside
   changes  -
   fds/env  3-6 and RK_NET_* as in rk-net-drivers(7), RK_PORT_DRIVER, RK_DRIVER_PROGRAM; pasta
            itself gets none of the fds
   forks    a child that makes a private directory, and is gone; a helper that turns pasta's pid
            file into the report, and is gone then; becomes pasta (2023 or newer)
   exits    102 pasta is not installed, 111 a system call failed, 126 it cannot be executed
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/exec.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/netlink.h>
#include <rk/sys.h>
#include "driver.h"

#define PIDFILE "pid"

/* Where the namespace has a name. pasta of 2024 and later closes all fds that it inherits, and
   opens the network namespace only after it has entered the user namespace, from which our own fds
   are out of its reach: so neither /proc/self/fd/3 nor /proc/OURPID/fd/3 would do. */
static void name_netns(char *path, size_t size, char const *pid)
{
  struct stat want, is;
  char const *state = getenv("RK_STATE_DIR");
  size_t n = strlen(pid);

  if (n + 20 + (state ? strlen(state) : 0) > size || fstat(NETNS, &want) == -1)
    strerr_diefusys(RK_EXIT_SYS, "name the network namespace");
  memcpy(path, "/proc/", 6);
  memcpy(path + 6, pid, n);
  n += 6;
  strcpy(path + n, "/ns/net");
  if (stat(path, &is) == 0 && is.st_ino == want.st_ino && is.st_dev == want.st_dev)
    return;
  if (state) {
    strcpy(path + n, "/root");
    strcat(path + n, state);
    strcat(path + n, "/netns");
    if (stat(path, &is) == 0 && is.st_ino == want.st_ino && is.st_dev == want.st_dev)
      return;
  }
  strerr_dief(RK_EXIT_SYS, "unable to name the network namespace: process ", pid, " has left it");
}

struct uplink {
  int fallback;     /* an interface with an address, 0: none */
  int have_default; /* there is a default route */
};

static int look(struct nlmsghdr const *m, void *data)
{
  struct uplink *u = data;

  if (m->nlmsg_type == RTM_NEWADDR) {
    struct ifaddrmsg a;
    memcpy(&a, NLMSG_DATA(m), sizeof a);
    if (a.ifa_scope == RT_SCOPE_UNIVERSE && a.ifa_index != 1 && !u->fallback)
      u->fallback = (int)a.ifa_index;
  } else if (m->nlmsg_type == RTM_NEWROUTE) {
    struct rtmsg r;
    memcpy(&r, NLMSG_DATA(m), sizeof r);
    if (!r.rtm_dst_len && r.rtm_type == RTN_UNICAST && r.rtm_table == RT_TABLE_MAIN)
      u->have_default = 1;
  }
  return 0;
}

/* Without a default route (offline, a VPN's odd routes) pasta finds no interface to copy from and
   gives up, though it uses nothing of it here: name one. */
static char const *name_interface(char *name)
{
  static struct rk_nl b;
  struct uplink u = {0};
  struct rtmsg r = {.rtm_family = AF_INET};
  struct ifaddrmsg a = {.ifa_family = AF_INET};
  int fd = rk_nl_open(NETLINK_ROUTE);

  if (fd == -1)
    return 0;
  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETROUTE, 0, &r, sizeof r, "list routes");
  rk_nl_dump(fd, &b, look, &u);
  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETADDR, 0, &a, sizeof a, "list addresses");
  rk_nl_dump(fd, &b, look, &u);
  close(fd);
  return u.have_default || !u.fallback ? 0 : if_indextoname((unsigned int)u.fallback, name);
}

/* Behind a wall nobody else may be in the driver's namespaces, so a process of ours is, which lends
   them the name /proc/PID/ns. Whoever asks for that must be allowed to trace it: pasta too, which
   is of the same user, so it becomes dumpable, with empty hands. Root inside may trace nobody of
   that user namespace. It lives as long as its parent. */
static void reside(int tell)
{
  pid_t pid = getpid(), parent = getppid();

  /* while the outside's fds are here, not even those who are in the namespace may */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || setns(USERNS, CLONE_NEWUSER) == -1 ||
      setns(NETNS, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the namespaces");
  /* entering has taken the leash off (prctl(2)) */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 || getppid() != parent)
    _exit(RK_EXIT_SYS);
  if (dup2(tell, 0) == -1)
    _exit(RK_EXIT_SYS);
  rk_close_range(1, UINT_MAX, 0);
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1 || write(0, &pid, sizeof pid) != sizeof pid)
    _exit(RK_EXIT_SYS);
  close(0);
  for (;;)
    pause();
}

static void await_pasta(int fifo, int pidfd)
{
  struct pollfd x[2] = {{.fd = fifo, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

  while (poll(x, 2, -1) == -1 && errno == EINTR)
    ;
  if (x[0].revents & POLLIN)
    allwrite(REPORT, "resolver=fixed\n\n", 16);
  _exit(0);
}

/* pasta says that it is ready by writing its pid file, and to nothing else. That file is a fifo,
   since a pipe has no name that every version could open: before or after it has entered the user
   namespace, with our fds or after closing them. It lies in the private directory, which is pasta's
   working directory until it has opened it: in any other the chain's root could put a symlink in
   its place, and pasta would truncate what that leads to, outside. A helper reads it and reports,
   or leaves when pasta has died. With resident another is in the driver's namespaces meanwhile: its
   pid is returned. */
static pid_t start_helper(int dir, char const *name, int resident)
{
  int pidfd = rk_pidfd_open(getpid(), 0), fifo, status, tell[2];
  pid_t pid;

  if (pidfd == -1 || mkfifoat(dir, name, 0600) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a fifo");
  fifo = openat(dir, name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fifo == -1 || pipe2(tell, O_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a fifo");
  pid = fork();
  if (!pid) {
    pid = fork(); /* twice: pasta shall have no child that it does not know */
    if (pid)
      _exit(pid == -1);
    if (resident && fork() == 0)
      reside(tell[1]);
    close(tell[1]);
    await_pasta(fifo, pidfd);
  }
  if (pid == -1 || waitpid(pid, &status, 0) == -1 || status)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  close(tell[1]);
  pid = 0;
  if (resident && read(tell[0], &pid, sizeof pid) != sizeof pid)
    _exit(RK_EXIT_SYS);
  close(tell[0]);
  return pid;
}

/* Does this pasta know the option? It says so by its exit status. */
static int knows(char const *option)
{
  char const *const argv[] = {"pasta", option, "--version", 0};
  int status;
  pid_t pid = fork();

  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid) {
    int null = open("/dev/null", O_RDWR);
    if (null == -1 || dup2(null, 1) == -1 || dup2(null, 2) == -1)
      _exit(111);
    rk_close_range(3, UINT_MAX, 0);
    exec_a(driver_program("pasta"), argv);
    _exit(127);
  }
  return waitpid(pid, &status, 0) == pid && !status;
}

int main(void)
{
  char netns[PATH_MAX], userns[64] = "/proc/", ifname[IF_NAMESIZE];
  char const *pid = driver_plan("RK_NET_PID"), *interface = name_interface(ifname);
  /* -T none -U none: by default pasta re-opens the host's listeners on the namespace's own
     loopback. */
  char const *argv[64] = {"pasta",
                          "--quiet",
                          "--foreground",
                          "--ns-ifname",
                          driver_plan("RK_NET_IFNAME"),
                          "--mtu",
                          driver_plan("RK_NET_MTU"),
                          "--address",
                          driver_plan("RK_NET_IP"),
                          "--netmask",
                          driver_plan("RK_NET_PREFIX"),
                          "--gateway",
                          driver_plan("RK_NET_GATEWAY"),
                          "--dns-forward",
                          driver_plan("RK_NET_DNS"),
                          "--tcp-ns",
                          "none",
                          "--udp-ns",
                          "none",
                          "--no-netns-quit",
                          "--userns",
                          userns,
                          "--netns",
                          netns,
                          "--pid",
                          PIDFILE};
  size_t n = 26;
  char const *ports = getenv("RK_PORT_DRIVER");
  char number[UINT_FMT];
  pid_t helper;
  int dir;

  PROG = "pasta (driver)";
  if (strlen(pid) > 10)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_NET_PID");
  dir = driver_private();
  helper = start_helper(dir, PIDFILE, driver_wants("RK_NET_WALL"));
  if (driver_wants("RK_NET_WALL")) {
    number[uint_fmt(number, (unsigned int)helper)] = 0;
    pid = number;
  }
  strcat(strcpy(userns + 6, pid), "/ns/user");
  name_netns(netns, sizeof netns, pid);
  if (!driver_wants("RK_NET_HOST_LOOPBACK"))
    argv[n++] = "--no-map-gw";
  if (driver_wants("RK_NET_IPV6")) {
    argv[n++] = "--address";
    argv[n++] = driver_plan("RK_NET_IP6");
    argv[n++] = "--gateway";
    argv[n++] = driver_plan("RK_NET_GATEWAY6");
  } else
    argv[n++] = "--ipv4-only";
  ports = ports && !strcmp(ports, "implicit") ? "auto" : "none";
  argv[n++] = "--tcp-ports";
  argv[n++] = ports;
  argv[n++] = "--udp-ports";
  argv[n++] = ports;
  /* From 2025 on it hands connections to the host's loopback to the namespace's address, where many
     servers do not listen. */
  if (*ports == 'a' && knows("--host-lo-to-ns-lo"))
    argv[n++] = "--host-lo-to-ns-lo";
  if (interface) {
    argv[n++] = "--interface";
    argv[n++] = interface;
  }
  for (int fd = NETNS; fd <= LEAVE; fd++)
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (fchdir(dir) == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to a private directory");
  driver_become(dir, argv, "install the package passt");
}
