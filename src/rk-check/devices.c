/* SPDX-License-Identifier: ISC */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/text.h>

static char const TUN[] = "/dev/net/tun";

/* "/dev/net/tun has mode 0600" */
static void tell_mode(struct report *r)
{
  char text[128];
  char octal[UINT_OFMT];
  struct rk_text t = rk_text_in(text, sizeof text);
  struct stat st;

  if (stat(TUN, &st) == -1) {
    rk_text_add(&t, TUN, " cannot be reached: ", strerror(errno));
  } else {
    octal[uint_ofmt(octal, st.st_mode & 07777)] = 0;
    rk_text_add(&t, TUN, " has mode 0", octal, " and belongs to another user");
  }
  report_no(r, "D2", text, "chmod 0666 /dev/net/tun, and persist that by a udev rule");
}

/* What open(2) says is what a driver will meet. D4 is the last that can be told before. */
static void tun(struct report *r)
{
  int fd = open(TUN, O_RDWR | O_CLOEXEC | O_NONBLOCK);
  int e = errno;

  if (fd != -1) {
    struct stat st;
    int is_device = fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(10, 200);
    close(fd);
    if (!is_device) {
      report_no(r, "D1", "/dev/net/tun is not the device",
                "rm /dev/net/tun; mknod -m 0666 /dev/net/tun c 10 200");
      return;
    }
  } else if (e == ENOENT || e == ENOTDIR) {
    report_no(r, "D1", "/dev/net/tun is missing",
              "modprobe tun, or pass the device /dev/net/tun into the outer container");
  } else if (e == EACCES) {
    tell_mode(r);
  } else if (e == EPERM) {
    report_no(r, "D3", "a device cgroup forbids /dev/net/tun",
              "allow the device c 10:200 in the outer container");
  } else {
    report_no(r, "D4", "the tun device has no driver",
              "modprobe tun; after a kernel update, reboot");
  }
  for (size_t i = 0; i < 4; i++) {
    static char const *const ids[] = {"D1", "D2", "D3", "D4"};
    if (fd != -1)
      report_ok(r, ids[i], "/dev/net/tun can be opened");
    else
      report_unknown(r, ids[i], "not known before /dev/net/tun can be opened");
  }
}

void check_devices(struct report *r)
{
  tun(r);
  if (access("/dev/fuse", F_OK) == 0)
    report_ok(r, "D6", "/dev/fuse is there");
  else
    report_lacks(r, "D6", "/dev/fuse is missing (fuse-overlayfs needs it)", page_of("D6")->fix);
}
