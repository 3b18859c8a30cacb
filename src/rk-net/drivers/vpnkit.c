/* SPDX-License-Identifier: ISC
   vpnkit (driver): VPNKit for the tap that rk-net made.

   where    outside, started by rk-outside; in no namespace of the chain but for a child
   changes  the hardware address of the tap, to the one that VPNKit gives
   fds/env  3-6 and RK_NET_* as in rk-net-drivers(7), RK_DRIVER_PROGRAM
   forks    a child that makes a private directory, one that opens the tap inside, both soon gone;
            vpnkit, which makes its socket in that directory, and is killed with us
   exits    102 vpnkit is not installed, 111 a system call or vpnkit failed
*/
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/put.h>
#include "server.h"

/* VPNKit's protocol (its src/hostnet/vmnet.ml): both sides say who they are; we ask for an Ethernet
   with the address that we want; it answers yes, with a hardware address, or no, and why. */
enum {
  HELLO = 5 + 4 + 40, /* magic, version (little endian), commit */
  ASK = 1 + 36 + 4,   /* command, name (a UUID), IPv4 address (little endian) */
  ANSWER = 1 + 257,   /* command; MTU and longest frame (two bytes each), hardware address,
                         nothing */
  VERSION = 22,
  PREFERRED_IPV4 = 8,
  YES = 1,
  MAC = 5 /* where in the answer */
};

/* Nobody else is on that Ethernet: any name does, and the same one gets the same address again. */
#define NAME "6e6d9c0c-7a3c-4b8e-9f51-52b2b1f0c201"
#define PLACE SERVER_KEPT "/ethernet.sock"

enum { RETRY_MS = 2 };

/* Its socket is there some milliseconds after its start, or never. Nothing tells of listen(2). */
static int call_vpnkit(struct server const *vpnkit, int dir)
{
  struct sockaddr_un at = {.sun_family = AF_UNIX};
  char const name[] = "/proc/self/fd/";
  size_t n = sizeof name - 1;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a socket");
  memcpy(at.sun_path, name, n);
  n += uint_fmt(at.sun_path + n, (unsigned int)dir);
  strcpy(at.sun_path + n, "/ethernet.sock");
  while (connect(fd, (struct sockaddr const *)&at, sizeof at) == -1) {
    struct pollfd x[] = {{.fd = vpnkit->pidfd, .events = POLLIN}, {.fd = LEAVE, .events = POLLIN}};
    if (errno != ENOENT && errno != ECONNREFUSED)
      strerr_diefusys(RK_EXIT_SYS, "connect to vpnkit");
    if (poll(x, sizeof x / sizeof *x, RETRY_MS) <= 0)
      continue;
    if (x[1].revents)
      _exit(0);
    server_ended(vpnkit);
  }
  return fd;
}

static void take(struct server const *vpnkit, int fd, unsigned char *buf, size_t len)
{
  ssize_t r = recv(fd, buf, len, MSG_WAITALL);

  if (r == (ssize_t)len)
    return;
  if (r == -1 && errno != ECONNRESET)
    strerr_diefusys(RK_EXIT_SYS, "read from vpnkit");
  server_ended(vpnkit);
}

static void give(struct server const *vpnkit, int fd, unsigned char const *buf, size_t len)
{
  if (send(fd, buf, len, MSG_NOSIGNAL) != (ssize_t)len)
    server_ended(vpnkit);
}

static void __attribute__((noreturn)) refused(struct server const *vpnkit, int fd)
{
  unsigned char len;
  char text[256] = "";

  take(vpnkit, fd, &len, 1);
  take(vpnkit, fd, (unsigned char *)text, len);
  strerr_warn("vpnkit refuses the connection:");
  rk_put_lines(2, text, len);
  _exit(RK_EXIT_SYS);
}

/* Returns the hardware address in mac. */
static void negotiate(struct server const *vpnkit, int fd, unsigned char mac[6])
{
  unsigned char hello[HELLO] = "VMN3T", theirs[HELLO], ask[ASK] = {PREFERRED_IPV4}, answer[ANSWER];
  unsigned char ip[4];
  char const *want = driver_plan("RK_NET_IP");

  if (!ip4_scan(want, (char *)ip))
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_NET_IP");
  hello[5] = VERSION;
  memset(hello + 9, '0', 40);
  give(vpnkit, fd, hello, sizeof hello);
  take(vpnkit, fd, theirs, sizeof theirs);
  if (memcmp(theirs, hello, 5) != 0)
    strerr_dief(RK_EXIT_SYS, "what vpnkit says is not VPNKit's protocol");
  memcpy(ask + 1, NAME, 36);
  for (int i = 0; i < 4; i++)
    ask[37 + i] = ip[3 - i];
  give(vpnkit, fd, ask, sizeof ask);
  take(vpnkit, fd, answer, 1);
  if (answer[0] != YES)
    refused(vpnkit, fd);
  take(vpnkit, fd, answer + 1, sizeof answer - 1);
  memcpy(mac, answer + MAC, 6);
}

static void set_address(int tap, unsigned char const mac[6])
{
  struct ifreq ifr = {.ifr_hwaddr = {.sa_family = ARPHRD_ETHER}};

  memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
  if (ioctl(tap, SIOCSIFHWADDR, &ifr) == -1)
    strerr_diefusys(RK_EXIT_SYS, "give the tap the hardware address that vpnkit wants");
}

int main(void)
{
  /* --host-ip 0.0.0.0: no address stands for the host */
  char const *argv[] = {"vpnkit", "--ethernet", PLACE, "--mtu", driver_plan("RK_NET_MTU"), 0, 0, 0};
  struct server vpnkit = {
    .argv = argv,
    .fix = "build github.com/moby/vpnkit, or choose another driver with -d",
  };
  struct pump pump;
  unsigned char mac[6];
  int dir;

  driver_begin("vpnkit (driver)");
  driver_outlive();
  if (!driver_wants("RK_NET_HOST_LOOPBACK")) {
    argv[5] = "--host-ip";
    argv[6] = "0.0.0.0";
  }
  dir = driver_private();
  server_start(&vpnkit, -1, dir);
  pump = (struct pump){.tap = driver_tap(), .server = call_vpnkit(&vpnkit, dir)};
  negotiate(&vpnkit, pump.server, mac);
  set_address(pump.tap, mac);
  server_serve(&vpnkit, &pump, 0);
}
