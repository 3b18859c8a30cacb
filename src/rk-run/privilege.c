/* SPDX-License-Identifier: ISC
   `setcap cap_net_bind_service=ep rootlesskit`: Docker's manual. Of all that rk-run starts only
   rk-portd binds ports of the host, so it alone gets the capability: as an ambient one
   (capabilities(7)), since its own file has none. */
#include "privilege.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <sys/auxv.h>
#include <sys/stat.h>

#include <rk/caps.h>
#include <rk/link.h>

#include "run.h"

static int const BIND[] = {CAP_NET_BIND_SERVICE};

/* The directory of the running program; what it is owned by becomes *own. -1: unknown. */
static int own_directory(struct stat *own)
{
  char path[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
  char *slash;
  int low, fd;

  if (n == -1 || stat("/proc/self/exe", own) == -1)
    return -1;
  path[n] = 0;
  slash = strrchr(path, '/');
  if (!slash)
    return -1;
  *slash = 0;
  low = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (low == -1)
    return -1;
  fd = fcntl(low, F_DUPFD_CLOEXEC, RK_FD_BASE); /* out of the way of LISTEN_FDS */
  close(low);
  return fd;
}

/* Root or the owner of rootlesskit alone decides what is executed there. */
static int is_safe(struct stat const *st, struct stat const *own)
{
  if (st->st_uid != own->st_uid && st->st_uid != 0)
    return 0;
  return !(st->st_mode & (S_IWGRP | S_IWOTH));
}

int privilege_take(void)
{
  struct stat own, dir, portd;
  int fd;

  /* set-user-ID is not what this is for; root and whoever was given ambient capabilities have what
     they have */
  if (!getauxval(AT_SECURE) || geteuid() != getuid())
    return -1;
  if (rk_caps_keep(BIND, 1) == -1) {
    rk_caps_keep(NULL, 0);
    return -1;
  }
  rk_caps_lower(BIND, 1);
  fd = own_directory(&own);
  if (fd == -1)
    return -1;
  if (fstat(fd, &dir) == 0 && is_safe(&dir, &own) &&
      fstatat(fd, "rk-portd", &portd, AT_SYMLINK_NOFOLLOW) == 0 && is_safe(&portd, &own))
    return fd;
  close(fd);
  run_warn("CAP_NET_BIND_SERVICE of this file is not used: rk-portd beside it, or their directory, "
           "is another user's or can be written by others");
  return -1;
}

int privilege_hand_on(void)
{
  return rk_caps_raise();
}
