/* SPDX-License-Identifier: ISC
   slirp4netns (driver): attach slirp4netns to the tap that rk-net made.

   where    outside, started by rk-outside
   changes  -
   fds/env  3-6 and RK_NET_* as in rk-net-drivers(7); RK_PORT_DRIVER, RK_STATE_DIR: its API socket;
            RK_SLIRP4NETNS_SECCOMP=no: without its filter; RK_DRIVER_PROGRAM
   forks    no; becomes slirp4netns (1.0 or newer)
   exits    102 slirp4netns is not installed, 126 it cannot be executed
*/
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/text.h>

/* The option that names the socket. */
static char const *api_socket(char *option, size_t size)
{
  static char const name[] = "--api-socket=";
  struct rk_text t = rk_text_in(option, size);

  rk_text_add(&t, name, driver_plan("RK_STATE_DIR"), "/.s4nn.sock");
  if (t.cut)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_DIR");
  /* of the one before, if it died: slirp4netns does not bind over it */
  unlink(option + sizeof name - 1);
  return option;
}

/* --outbound-addr, for a source address of the plan. */
static char const *outbound(char *option, size_t size, char const *name, char const *address)
{
  struct rk_text t = rk_text_in(option, size);

  rk_text_add(&t, name, address);
  return option;
}

static void report(char const *line)
{
  if (write(REPORT, line, strlen(line)) == -1)
    strerr_diefusys(RK_EXIT_SYS, "report");
}

int main(void)
{
  char out[80], out6[80];
  static char const *argv[20] = {
    "slirp4netns",
    "--ready-fd=5",
    "--exit-fd=6",
    "--userns-path=/proc/self/fd/4",
    "--netns-type=path",
    "--mtu",
    NULL, /* of the plan */
    "--cidr",
    NULL, /* likewise */
  };
  size_t n = 9;
  char const *ports = getenv("RK_PORT_DRIVER");
  char const *seccomp = getenv("RK_SLIRP4NETNS_SECCOMP");

  driver_begin("slirp4netns (driver)");
  driver_outlive();
  argv[6] = driver_plan("RK_NET_MTU");
  argv[8] = driver_plan("RK_NET_CIDR");
  /* Without --configure: the tap is persistent and configured already, so that a second slirp4netns
     finds it again. Without --enable-sandbox: it moves slirp4netns into the user namespace, where
     namespace root may trace it, with the host's network in its hands. */
  if (!seccomp || strcmp(seccomp, "no"))
    argv[n++] = "--enable-seccomp";
  if (!driver_wants("RK_NET_HOST_LOOPBACK"))
    argv[n++] = "--disable-host-loopback";
  if (driver_wants("RK_NET_IPV6"))
    argv[n++] = "--enable-ipv6";
  if (getenv("RK_NET_OUT_IP"))
    argv[n++] = outbound(out, sizeof out, "--outbound-addr=", getenv("RK_NET_OUT_IP"));
  if (getenv("RK_NET_OUT_IP6"))
    argv[n++] = outbound(out6, sizeof out6, "--outbound-addr6=", getenv("RK_NET_OUT_IP6"));
  /* Whoever can connect to the API socket can open ports of the host, the chain's root too: only on
     request. */
  if (ports && !strcmp(ports, "slirp4netns")) {
    static char option[4096];
    argv[n++] = api_socket(option, sizeof option);
  } else {
    report("cleanup=no\n"); /* it makes nothing outside then */
  }
  report("resolver-family=same\n"); /* get_dns_addr(), get_dns6_addr() of libslirp */
  argv[n++] = "--";                 /* what follows is no option, whatever it begins with */
  argv[n++] = "/proc/self/fd/3";
  argv[n++] = driver_plan("RK_NET_IFNAME");
  driver_become(argv, "install the package slirp4netns");
}
