/* SPDX-License-Identifier: ISC
   Requests "net", "await" and "net_verify": the chain has made a network namespace and asks for a
   driver; it waits until that is ready; it has configured its side, and sent the nonces of the
   loopback test. */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <linux/nsfs.h>

#include <rk/netlink.h>

#include "network.h"

static int is_none(struct network const *n)
{
  return !strcmp(n->plan.driver, "none");
}

/* An fd out of the way of those that a driver gets; the old one is closed. fd may be -1. */
static int move_up(int fd)
{
  int up, e;

  if (fd == -1)
    return -1;
  up = fcntl(fd, F_DUPFD_CLOEXEC, DRIVER_FD_FIRST);
  e = errno;
  close(fd);
  errno = e;
  return up;
}

static void start_driver(struct network *n, int netns)
{
  struct driver *d = &n->driver;

  d->inside = n->chain->sender;
  d->netns = move_up(netns);
  /* its owner: the chain's process may be in another by now */
  if (d->netns != -1)
    d->userns = move_up(ioctl(d->netns, NS_GET_USERNS));
  if (d->netns == -1 || d->userns == -1) {
    network_unable(n, "unable to open the namespaces");
  } else if (driver_find(n->plan.driver, d->file, sizeof d->file) == -1) {
    network_unable(n, "rk-outside does not find it (RK_NET_PATH must be set before rk-userns)");
  } else {
    network_event(n, DRIVER_EV_ASK, "");
  }
  if (d->pid && !n->plan.host_loopback)
    leaktest_open(&n->leaktest); /* while it starts */
}

ssize_t req_program_netns(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  struct network *n = chain->network;

  (void)request;
  (void)reply;
  if (n->state != DRIVER_IDLE) {
    close(fd);
    return -1; /* too late for its driver */
  }
  n->driver.program = move_up(fd);
  return n->driver.program == -1 ? -1 : 0;
}

ssize_t req_net(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  struct rk_req_net const *ask = request;
  struct network *n = chain->network;

  (void)reply;
  if (!rk_ifname_ok(ask->plan.ifname) ||
      (ask->plan.out.ifname[0] && !rk_ifname_ok(ask->plan.out.ifname))) {
    close(fd);
    return -1;
  }
  n->plan = ask->plan;
  n->plan.driver[sizeof n->plan.driver - 1] = 0;
  n->plan.ifname[sizeof n->plan.ifname - 1] = 0;
  n->plan.out.ifname[sizeof n->plan.out.ifname - 1] = 0;
  n->facts.state = chain->state;
  if (is_none(n)) {
    close(fd);
    network_event(n, DRIVER_EV_NONE, "");
  } else {
    chain->jobs++;
    start_driver(n, fd);
  }
  return 0;
}

ssize_t req_net_await(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  (void)request;
  (void)fd;
  (void)reply;
  if (chain->network->state == DRIVER_IDLE)
    return -1; /* for nothing */
  network_event(chain->network, DRIVER_EV_AWAIT, "");
  return 0;
}

/* Whose loopback is tested when the driver has been started again. 0, or -1 with errno: every such
   test would be cut short, and a driver that cannot be tested is ended. */
static int keep_program(struct network *n, int netns)
{
  n->netns = move_up(netns);
  if (n->netns == -1)
    return -1;
  n->userns = move_up(ioctl(n->netns, NS_GET_USERNS));
  return n->userns == -1 ? -1 : 0;
}

ssize_t req_net_verify(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  struct rk_req_net_verify const *ask = request;
  struct network *n = chain->network;
  char const *text = leaktest_judge(&n->leaktest);
  int error = keep_program(n, fd) == -1 ? errno : 0;

  n->etc.chain = chain->pid;
  n->etc.state = chain->state;
  n->etc.userns = n->userns;
  if (text) {
    error = EEXIST;
  } else if (error) {
    text = "rk-outside cannot keep the program's namespaces open";
  } else if (!driver_verifiable(n->state)) {
    error = EPROTO;
    text = "no driver is ready";
  } else if (!is_none(n) && etc_start(&n->etc, ask->etc, chain->sender, &text) == -1) {
    error = errno;
  }
  if (error)
    ctl_error(&reply->head, error, text);
  else
    rk_timer_start(&chain->loop, &n->verified, 0); /* after the answer */
  return sizeof reply->head;
}
