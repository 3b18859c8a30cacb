/* SPDX-License-Identifier: ISC
   slirp4netns (driver): attach slirp4netns to the tap that rk-net made.

   where    outside, started by rk-outside
   changes  -
   fds/env  3-6 and RK_NET_* as in rk-net-drivers(7); RK_PORT_DRIVER, RK_STATE_DIR: its API socket
   forks    no: becomes slirp4netns (1.0 or newer)
   exits    102 slirp4netns is not installed, 126 it cannot be executed
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/exec.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>

static char const *variable(char const *name)
{
  char const *s = getenv(name);
  if (!s) strerr_dienotset(RK_EXIT_USAGE, name);
  return s;
}

int main(void)
{
  char const *argv[20] = {
    "slirp4netns", "--mtu", variable("RK_NET_MTU"), "--cidr", variable("RK_NET_CIDR"), "--ready-fd=5", "--exit-fd=6",
    "--enable-seccomp", "--userns-path=/proc/self/fd/4", "--netns-type=path"
  };
  size_t n = 10;

  char const *ports = getenv("RK_PORT_DRIVER");

  PROG = "slirp4netns (driver)";
  /* Without --configure: the tap is persistent and configured already, so that a second slirp4netns finds it again. Without --enable-sandbox:
     it moves slirp4netns into the user namespace, where namespace root may trace it, with the host's network in its hands. */
  if (strcmp(variable("RK_NET_HOST_LOOPBACK"), "1")) argv[n++] = "--disable-host-loopback";
  if (!strcmp(variable("RK_NET_IPV6"), "1")) argv[n++] = "--enable-ipv6";
  /* Whoever can connect to the API socket can open ports of the host, the chain's root too: only on request. */
  if (ports && !strcmp(ports, "slirp4netns")) {
    static char path[4096] = "--api-socket=";
    char const *dir = variable("RK_STATE_DIR");
    size_t len = strlen(dir);
    if (len > sizeof path - 32) strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_DIR");
    memcpy(path + 13, dir, len);
    memcpy(path + 13 + len, "/.s4nn.sock", 12);
    unlink(path + 13); /* of the one before, if it died: slirp4netns does not bind over it */
    argv[n++] = path;
  }
  argv[n++] = "/proc/self/fd/3";
  argv[n++] = variable("RK_NET_IFNAME");
  argv[n] = 0;
  exec(argv);
  if (errno == ENOENT) rk_die_host("I13", "install the package slirp4netns", "unable to find slirp4netns in PATH");
  strerr_dieexec(126, "slirp4netns");
}
