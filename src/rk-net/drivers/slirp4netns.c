/* SPDX-License-Identifier: ISC
   slirp4netns (driver): attach slirp4netns to the tap that rk-net made.

   where    outside, started by rk-outside
   changes  -
   fds/env  3-6 and RK_NET_* as in rk-net-drivers(7)
   forks    no: becomes slirp4netns (1.0 or newer)
   exits    102 slirp4netns is not installed, 126 it cannot be executed
*/
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

  PROG = "slirp4netns (driver)";
  /* Without --configure: the tap is persistent and configured already, so that a second slirp4netns finds it again. Without --enable-sandbox:
     it moves slirp4netns into the user namespace, where namespace root may trace it, with the host's network in its hands. */
  if (strcmp(variable("RK_NET_HOST_LOOPBACK"), "1")) argv[n++] = "--disable-host-loopback";
  if (!strcmp(variable("RK_NET_IPV6"), "1")) argv[n++] = "--enable-ipv6";
  argv[n++] = "/proc/self/fd/3";
  argv[n++] = variable("RK_NET_IFNAME");
  argv[n] = 0;
  exec(argv);
  if (errno == ENOENT) rk_die_host("I13", "install the package slirp4netns", "unable to find slirp4netns in PATH");
  strerr_dieexec(126, "slirp4netns");
}
