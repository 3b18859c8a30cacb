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
#include "driver.h"
#include "pesto.h"

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
#include <skalibs/djbunix.h>
#include <skalibs/exec.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/netlink.h>
#include <rk/sys.h>
#include <rk/text.h>

#define PIDFILE "pid"

static int is_netns(char const *path)
{
  struct stat want;
  struct stat is;

  if (fstat(NETNS, &want) == -1)
    strerr_diefusys(RK_EXIT_SYS, "name the network namespace");
  if (stat(path, &is) == -1) {
    if (errno == EIO || errno == ENOMEM || errno == EINTR)
      strerr_diefusys(RK_EXIT_SYS, "look at ", path);
    return 0;
  }
  return is.st_ino == want.st_ino && is.st_dev == want.st_dev;
}

/* Where the namespace has a name. pasta of 2024 and later closes all fds that it inherits, and
   opens the network namespace only after it has entered the user namespace, from which our own fds
   are out of its reach: so neither /proc/self/fd/3 nor /proc/OURPID/fd/3 would do. */
static void name_netns(char *path, size_t size, char const *pid)
{
  char const *state = getenv("RK_STATE_DIR");
  struct rk_text t = rk_text_in(path, size);

  rk_text_add(&t, "/proc/", pid, "/ns/net");
  if (is_netns(path))
    return;
  if (state) {
    t = rk_text_in(path, size);
    rk_text_add(&t, "/proc/", pid, "/root", state, "/netns");
    if (!t.cut && is_netns(path))
      return;
  }
  strerr_dief(RK_EXIT_SYS, "unable to name the network namespace: process ", pid, " has left it");
}

struct uplink {
  int fallback;     /* an interface with an address, 0: none */
  int have_default; /* there is a default route */
};

static int note_uplink(struct nlmsghdr const *m, void *data)
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
    return NULL;
  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETROUTE, 0, &r, sizeof r, "list routes");
  rk_nl_dump(fd, &b, note_uplink, &u);
  rk_nl_init(&b);
  rk_nl_msg(&b, RTM_GETADDR, 0, &a, sizeof a, "list addresses");
  rk_nl_dump(fd, &b, note_uplink, &u);
  close(fd);
  if (u.have_default || !u.fallback)
    return NULL;
  return if_indextoname((unsigned int)u.fallback, name);
}

/* Behind a wall nobody else may be in the driver's namespaces, so a process of ours is, which lends
   them the name /proc/PID/ns. Whoever asks for that must be allowed to trace it: pasta too, which
   is of the same user, so it becomes dumpable, with empty hands. Root inside may trace nobody of
   that user namespace. It lives as long as its parent. */
static void reside(int tell)
{
  pid_t pid = getpid();
  pid_t parent = getppid();

  /* while the outside's fds are here, not even those who are in the namespace may */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || setns(USERNS, CLONE_NEWUSER) == -1 ||
      setns(NETNS, CLONE_NEWNET) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter the namespaces");
  /* entering has taken the leash off (prctl(2)) */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 || dup2(tell, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "stay in the namespaces");
  if (getppid() != parent)
    _exit(RK_EXIT_SYS); /* it has ended */
  rk_close_range(1, UINT_MAX, 0);
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1)
    pid = -errno;
  if (fd_write(0, (char const *)&pid, sizeof pid) == -1) {
    pid = -errno; /* stderr is closed: this is all that can be said */
    fd_write(0, (char const *)&pid, sizeof pid);
  }
  if (pid < 0)
    _exit(RK_EXIT_SYS);
  close(0);
  for (;;)
    pause();
}

static void fork_resident(int tell)
{
  pid_t pid = fork();

  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid)
    reside(tell);
}

/* Its pid, or below 0 the errno for which it has failed since it cannot say so itself. */
static pid_t hear_resident(int fd)
{
  pid_t pid;
  ssize_t r = fd_read(fd, (char *)&pid, sizeof pid);

  if (r == sizeof pid && pid > 0)
    return pid;
  if (r == 0)
    _exit(RK_EXIT_SYS); /* it has said why */
  if (r == sizeof pid)
    errno = -pid;
  strerr_diefusys(RK_EXIT_SYS, "have a process stay in the namespaces");
}

/* 1: RK_PORT_DRIVER has this value. */
static int port_driver_is(char const *name)
{
  char const *driver = getenv("RK_PORT_DRIVER");

  return driver && !strcmp(driver, name);
}

static void await_pasta(int dir, int fifo, int pidfd) __attribute__((noreturn));
static void await_pasta(int dir, int fifo, int pidfd)
{
  static char const report[] =
    /* it makes nothing outside */
    "resolver=fixed\nresolver-family=same\nresolver-tcp=no\ncleanup=no\n\n";
  struct pollfd x[2] = {{.fd = fifo, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

  while (poll(x, 2, -1) == -1)
    if (errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "wait for pasta");
  if (!(x[0].revents & POLLIN))
    _exit(0);
  if (allwrite(REPORT, report, sizeof report - 1) < sizeof report - 1)
    strerr_diefusys(RK_EXIT_SYS, "report that pasta is ready");
  if (port_driver_is("pesto"))
    pesto_serve(dir, pidfd);
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
  int pidfd = rk_pidfd_open(getpid(), 0);
  int fifo;
  int status;
  int tell[2];
  pid_t pid;

  if (pidfd == -1 || mkfifoat(dir, name, 0600) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a fifo");
  fifo = openat(dir, name, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fifo == -1 || pipe2(tell, O_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a fifo");
  pid = fork();
  if (!pid) {
    pid = fork(); /* twice: pasta shall have no child that it does not know */
    if (pid == -1)
      strerr_diefusys(RK_EXIT_SYS, "fork");
    if (pid)
      _exit(0);
    if (resident)
      fork_resident(tell[1]);
    close(tell[1]);
    await_pasta(dir, fifo, pidfd);
  }
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (waitpid_nointr(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for a child");
  if (status)
    _exit(RK_EXIT_SYS); /* it has said why */
  close(tell[1]);
  pid = resident ? hear_resident(tell[0]) : 0;
  close(tell[0]);
  return pid;
}

/* Exit statuses of a child that could not become pasta: this and its errno. pasta's own are 0 and
   1. */
enum { UNABLE = 128 };

/* Does this pasta know the option? It says so by its exit status. */
static int knows(char const *option)
{
  char const *const argv[] = {"pasta", option, "--version", NULL};
  int status;
  pid_t pid = fork();

  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid) {
    int null = open("/dev/null", O_RDWR);
    if (null == -1 || dup2(null, 1) == -1 || dup2(null, 2) == -1)
      _exit(UNABLE + (errno & 127));
    rk_close_range(3, UINT_MAX, 0);
    exec_a(driver_program("pasta"), argv);
    _exit(UNABLE + (errno & 127));
  }
  if (waitpid_nointr(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for pasta");
  if (WIFEXITED(status) && WEXITSTATUS(status) > UNABLE) {
    errno = WEXITSTATUS(status) - UNABLE;
    strerr_diefusys(RK_EXIT_SYS, "run pasta to learn its options");
  }
  return !status;
}

struct arguments {
  size_t n;
  char const *argv[64];
};

static void add_argument(struct arguments *a, char const *word)
{
  a->argv[a->n++] = word;
}

static void add_option(struct arguments *a, char const *option, char const *value)
{
  add_argument(a, option);
  add_argument(a, value);
}

static void add_addresses(struct arguments *a)
{
  add_option(a, "--ns-ifname", driver_plan("RK_NET_IFNAME"));
  add_option(a, "--mtu", driver_plan("RK_NET_MTU"));
  add_option(a, "--address", driver_plan("RK_NET_IP"));
  add_option(a, "--netmask", driver_plan("RK_NET_PREFIX"));
  add_option(a, "--gateway", driver_plan("RK_NET_GATEWAY"));
  add_option(a, "--dns-forward", driver_plan("RK_NET_DNS"));
  if (driver_wants("RK_NET_IPV6")) {
    add_option(a, "--address", driver_plan("RK_NET_IP6"));
    add_option(a, "--gateway", driver_plan("RK_NET_GATEWAY6"));
    add_option(a, "--dns-forward", driver_plan("RK_NET_DNS6"));
  } else {
    add_argument(a, "--ipv4-only");
  }
  if (!driver_wants("RK_NET_HOST_LOOPBACK"))
    add_argument(a, "--no-map-gw");
}

static void add_outbound(struct arguments *a)
{
  char const *ip = getenv("RK_NET_OUT_IP");
  char const *ip6 = getenv("RK_NET_OUT_IP6");
  char const *ifname = getenv("RK_NET_OUT_IFNAME");

  if (ip)
    add_option(a, "--outbound", ip);
  if (ip6)
    add_option(a, "--outbound", ip6);
  if (!ifname)
    return;
  /* Before 2024 it binds datagrams of IPv4 to the interface named for IPv6. */
  if (!knows("--host-lo-to-ns-lo"))
    strerr_dief(RK_EXIT_USAGE, "this pasta does not bind datagrams to an interface: take one of "
                               "2025 or later, or give rk-net -o an address");
  add_option(a, "--outbound-if4", ifname);
  if (driver_wants("RK_NET_IPV6"))
    add_option(a, "--outbound-if6", ifname);
}

static void add_ports(struct arguments *a)
{
  int implicit = port_driver_is("implicit");
  char const *ports = implicit ? "auto" : "none";

  /* By default pasta re-opens the host's listeners on the namespace's own loopback. */
  add_option(a, "--tcp-ns", "none");
  add_option(a, "--udp-ns", "none");
  add_option(a, "--tcp-ports", ports);
  add_option(a, "--udp-ports", ports);
  if (port_driver_is("pesto")) {
    if (!knows("--conf-path=" PESTO_CONF))
      rk_die_host("I13", "install passt of May 2026 or later, or use the relay",
                  "this pasta is too old for the port driver pesto: it has no --conf-path");
    add_option(a, "--conf-path", PESTO_CONF);
    /* connections of the host's loopback by the tap as well: pasta's own sockets inside have no
       address in the hop */
    if (driver_wants("RK_NET_WALL"))
      add_argument(a, "--no-splice");
  }
  /* From 2025 on it hands connections to the host's loopback to the namespace's address, where many
     servers do not listen. */
  if (implicit && knows("--host-lo-to-ns-lo"))
    add_argument(a, "--host-lo-to-ns-lo");
}

int main(void)
{
  char netns[PATH_MAX];
  char userns[64];
  char ifname[IF_NAMESIZE];
  char number[UINT_FMT];
  struct rk_text t = rk_text_in(userns, sizeof userns);
  struct arguments a = {0};
  char const *pid = driver_plan("RK_NET_PID");
  char const *interface = name_interface(ifname);
  int wall = driver_wants("RK_NET_WALL");
  pid_t helper;
  int dir;

  driver_begin("pasta (driver)");
  driver_outlive();
  if (strlen(pid) > 10)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_NET_PID");
  dir = driver_private();
  helper = start_helper(dir, PIDFILE, wall);
  if (wall) {
    number[uint_fmt(number, (unsigned int)helper)] = 0;
    pid = number;
  }
  rk_text_add(&t, "/proc/", pid, "/ns/user");
  name_netns(netns, sizeof netns, pid);

  add_argument(&a, "pasta");
  add_argument(&a, "--quiet");
  add_argument(&a, "--foreground");
  add_addresses(&a);
  add_argument(&a, "--no-netns-quit");
  add_option(&a, "--userns", userns);
  add_option(&a, "--netns", netns);
  add_option(&a, "--pid", PIDFILE);
  add_outbound(&a);
  add_ports(&a);
  if (interface)
    add_option(&a, "--interface", interface);
  for (int fd = NETNS; fd <= LEAVE; fd++)
    fcntl(fd, F_SETFD, FD_CLOEXEC);
  if (fchdir(dir) == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to a private directory");
  driver_become(a.argv, "install the package passt");
}
