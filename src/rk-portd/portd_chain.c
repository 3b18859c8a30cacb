/* SPDX-License-Identifier: ISC
   The chain of the state directory: find it, hold its pidfd and its network namespace, see it end, find the next. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "portd.h"

enum { AGAIN_MIN = 100, AGAIN_MAX = 5000, ENDING_MS = 1000 };
static int again = AGAIN_MIN;

static void tick(void);

static void leave(void)
{
  if (portd.chainfd >= 0) {
    portd_unwatch(portd.chainfd);
    close(portd.chainfd);
  }
  if (portd.netns >= 0) close(portd.netns);
  portd.chainfd = portd.netns = -1;
  portd.chain = 0;
}

static void ended(void)
{
  portd_after(-1, tick);
  portd.driver->down();
  leave();
  portd.trouble[0] = 0;
  portd_status_all();
  again = AGAIN_MIN;
  portd_chain_check(); /* the next one may be there already */
}

static void tick(void)
{
  if (portd.chain) portd_after(portd.driver->tick(), tick);
}

void portd_chain_failed(char const *text)
{
  struct rk_text t;

  if (strcmp(text, portd.trouble)) {
    strerr_warnw("unable to serve the chain: ", text);
    t = rk_text_in(portd.trouble, sizeof portd.trouble);
    rk_text_str(&t, text);
    portd_status_all();
  }
  portd_after(again, portd_chain_check);
  if (again < AGAIN_MAX) again *= 2;
}

void portd_chain_again(void)
{
  char err[sizeof portd.trouble];

  if (!portd.chain) return;
  portd.driver->down();
  if (portd.driver->up(err, sizeof err) < 0) portd_chain_failed(err);
  else portd.trouble[0] = 0;
  portd_status_all();
}

/* A namespace of our own user namespace is the host's (or one that rk did not make): what is published there would lead to
   the host's own servers. The answer must come from the namespace itself, since a path inside belongs to the payload. */
static int foreign(int netns)
{
  struct stat ours, theirs;
  int user;

  if (ioctl(netns, NS_GET_NSTYPE) != CLONE_NEWNET) return errno = EINVAL, -1;
  if (stat("/proc/self/ns/user", &ours) < 0) return -1;
  user = ioctl(netns, NS_GET_USERNS);
  if (user < 0) return errno == EPERM ? (errno = EXDEV, -1) : -1; /* it belongs to a user namespace above ours */
  if (fstat(user, &theirs) < 0) theirs = ours;
  close(user);
  if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev) return errno = EXDEV, -1;
  return 0;
}

/* The detached one, if the chain made one (DIR/netns is then a mount inside), else that of its process. */
static int open_netns(unsigned int pid)
{
  char path[32] = "/proc/";
  size_t n = 6 + uint_fmt(path + 6, pid);
  char inner[RK_STATE_PATH_MAX + sizeof "/netns"];
  struct rk_text t = rk_text_in(inner, sizeof inner);
  struct open_how how = {.flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int root, fd;

  if (faccessat(portd.dir, "netns", F_OK, AT_SYMLINK_NOFOLLOW) < 0) {
    memcpy(path + n, "/ns/net", 8);
    return open(path, O_RDONLY | O_CLOEXEC);
  }
  memcpy(path + n, "/root", 6);
  root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -1;
  rk_text_str(&t, portd.path + 1);
  rk_text_str(&t, "/netns");
  fd = t.cut ? (errno = ENAMETOOLONG, -1) : rk_openat2(root, inner, &how);
  close(root);
  return fd;
}

static void refuse(char const *what)
{
  struct pollfd over = {.fd = portd.chainfd, .events = POLLIN};
  int e = errno;

  /* A chain that is ending has no namespaces: no trouble of ours. A process gives them back before its pidfd tells of the end, and its mounts
     may take some milliseconds to go. */
  if (poll(&over, 1, e == ENOENT || e == ESRCH ? ENDING_MS : 0) == 1) {
    leave();
    portd.trouble[0] = 0;
    return;
  }
  errno = e;
  char text[sizeof portd.trouble];
  struct rk_text t = rk_text_in(text, sizeof text);
  char const *why = errno == EXDEV ? "it is the host's own: the chain needs rk-net" : portd_errtext(errno);

  rk_text_str(&t, what);
  rk_text_str(&t, ": ");
  rk_text_str(&t, why);
  leave();
  portd_chain_failed(text);
}

void portd_chain_check(void)
{
  char child[RK_IDENTITY_MAX], text[16], err[sizeof portd.trouble];
  unsigned int pid;

  if (portd.chain) {
    if (portd.trouble[0] && portd.driver->up(err, sizeof err) < 0) portd_chain_failed(err);
    else if (portd.trouble[0]) {
      portd.trouble[0] = 0;
      again = AGAIN_MIN;
      portd_status_all();
    }
    return;
  }
  if (rk_fact_read(portd.dir, "child_pid", text, sizeof text) <= 0 || !uint0_scan(text, &pid) || !pid) return;
  if (rk_fact_read(portd.dir, ".child", child, sizeof child) <= 0) return;
  portd.chainfd = rk_pidfd_open((pid_t)pid, 0);
  if (portd.chainfd < 0) return;
  /* Only now is it certain that the pidfd is that of the process written down. */
  if (rk_identity_alive(child) != 1 || strncmp(child, text, strlen(text)) || child[strlen(text)] != ' ') {
    leave();
    portd.trouble[0] = 0;
    return;
  }
  portd.chain = (pid_t)pid;
  portd.netns = open_netns(pid);
  if (portd.netns < 0) {
    refuse("unable to open the chain's network namespace");
    return;
  }
  if (foreign(portd.netns) < 0) {
    refuse("unable to use the chain's network namespace");
    return;
  }
  portd_watch(portd.chainfd, ended);
  portd_status_all();
  if (portd.driver->up(err, sizeof err) < 0) {
    portd_chain_failed(err);
    return;
  }
  portd.trouble[0] = 0;
  again = AGAIN_MIN;
  tick();
}
