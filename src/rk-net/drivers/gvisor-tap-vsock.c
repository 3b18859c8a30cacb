/* SPDX-License-Identifier: ISC
   gvisor-tap-vsock (driver): gvproxy, the network stack of gVisor, for the tap that rk-net made.

   where    outside, started by rk-outside; in no namespace of the chain but for a child
   changes  -
   fds/env  3-6 and RK_NET_* as in rk-net-drivers(7), RK_DRIVER_PROGRAM, RK_PORT_DRIVER
   forks    a child that opens the tap inside, and is gone; gvproxy (0.8.7 or newer), which gets its
            configuration and one end of a pair of sockets, and is killed with us
   exits    102 gvproxy is not installed or too old, 111 a system call or gvproxy failed
*/
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/text.h>
#include "server.h"

#define FIX \
  "go install github.com/containers/gvisor-tap-vsock/cmd/gvproxy@v0.8.9, or choose another driver"

enum { UNKNOWN_OPTION = 2 }; /* exit status of Go's package flag */

/* By a file, since what is not in one has defaults that open the host: its last address stands for
   the host's loopback, and port 2222 of the host for one inside. NAT and virtual addresses that are
   not there get those defaults too, hence some without effect. 169.254.169.254 is a host like any
   other, as with the other drivers. */
static int configuration(int host_loopback)
{
  char text[1024];
  struct rk_text t = rk_text_in(text, sizeof text);
  char const *gateway = driver_plan("RK_NET_GATEWAY");
  int fd = memfd_create("gvproxy.yaml", MFD_CLOEXEC);

  rk_text_add(&t, "log-level: error\nstack:\n  mtu: ", driver_plan("RK_NET_MTU"),
              "\n  subnet: ", driver_plan("RK_NET_CIDR"), "\n  gatewayIP: ", gateway,
              "\n  gatewayVirtualIPs: [", gateway, "]\n  ec2MetadataAccess: true\n  nat: {\"",
              host_loopback ? gateway : "255.255.255.255", "\": \"",
              host_loopback ? "127.0.0.1" : "255.255.255.255", "\"}\n");
  if (fd == -1 || allwrite(fd, text, t.len) < t.len)
    strerr_diefusys(RK_EXIT_SYS, "write the configuration of gvproxy");
  return fd;
}

/* The address of its API for rk-portd -P gvisor-tap-vsock, NULL: none is wanted. As a URL
   (RFC 3986, 2.1). */
static char const *services(char *url, size_t size)
{
  char const *driver = getenv("RK_PORT_DRIVER"), *dir;
  static char const hex[] = "0123456789abcdef";
  char path[PATH_MAX];
  struct rk_text t = rk_text_in(url, size), file = rk_text_in(path, sizeof path);

  if (!driver || strcmp(driver, "gvisor-tap-vsock"))
    return NULL;
  dir = driver_plan("RK_STATE_DIR");
  rk_text_add(&file, dir, "/.gvp.sock");
  /* of the one before, if it died: gvproxy does not bind over it */
  unlink(path);
  rk_text_str(&t, "unix://");
  for (char const *s = path; *s; s++) {
    char const code[] = {'%', hex[(unsigned char)*s >> 4], hex[*s & 15], 0};
    if (*s == '/' || *s == '.' || *s == '-' || *s == '_' || (*s >= '0' && *s <= '9') ||
        (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z'))
      rk_text_mem(&t, s, 1);
    else
      rk_text_str(&t, code);
  }
  if (file.cut || t.cut)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_DIR");
  return url;
}

int main(void)
{
  char url[3 * PATH_MAX + 8];
  int const host_loopback = driver_wants("RK_NET_HOST_LOOPBACK");
  int const config = configuration(host_loopback);
  char const *const api = services(url, sizeof url);
  char const *const argv[] = {
    "gvproxy", "-config", SERVER_KEPT, "-listen-stdio", "yes", api ? "-services" : NULL, api, NULL};
  struct server gvproxy = {.argv = argv, .fix = FIX, .old = UNKNOWN_OPTION};
  struct pump pump;
  int sockets[2];

  driver_begin("gvisor-tap-vsock (driver)");
  driver_outlive();
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a pair of sockets");
  pump = (struct pump){
    .tap = driver_tap(), .server = sockets[0], .paced = 1, .rules.publishes = api != NULL};
  server_start(&gvproxy, sockets[1], config);
  close(sockets[1]);
  close(config);
  server_serve(&gvproxy, &pump, host_loopback);
}
