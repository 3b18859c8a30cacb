/* SPDX-License-Identifier: ISC
   The mount calls. Everything is attached in an order that kernels before 6.15 allow as well: what
   is mounted upon is attached first (move_mount(2) onto, and open_tree(2) of, a detached mount need
   6.15). */
#include "copyup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/sys.h>

void copyup_die(char const *verb, char const *path, char const *name)
{
  static char shown[4 * NAME_MAX + 3];
  int e = errno;

  copyup_shown(shown, sizeof shown, "", name);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, verb, " ", path, *name ? "/" : "", shown);
}

void copyup_fs_set(int fsfd, char const *fsname, char const *key, char const *value)
{
  unsigned int cmd = value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

  if (rk_fsconfig(fsfd, cmd, key, value, 0) == 0)
    return;
  copyup_die("set", fsname, key);
}

/* With the kernel's own words where it left some: "e overlay: text", one message a read
   (fsopen(2)). */
static void die_of_fs(int fsfd, char const *fsname)
{
  int e = errno;
  char log[256];
  ssize_t r = read(fsfd, log, sizeof log - 1);

  errno = e;
  if (r <= 2)
    copyup_die("make a new", fsname, "");
  if (log[r - 1] == '\n')
    r--;
  log[r] = 0;

  strerr_dief(RK_EXIT_SYS, "unable to make a new ", fsname, ": ", strerror(e), " (", log + 2, ")");
}

int copyup_fs_mount(int fsfd, char const *fsname)
{
  int fd;

  if (rk_fsconfig(fsfd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
    die_of_fs(fsfd, fsname);
  fd = rk_fsmount(fsfd, 0);
  if (fd == -1)
    copyup_die("mount a new", fsname, "");
  close(fsfd);
  return fd;
}

int copyup_tmpfs(mode_t mode)
{
  char octal[UINT_OFMT];
  int fsfd = rk_fsopen("tmpfs");

  if (fsfd == -1)
    copyup_die("make a new", "tmpfs", "");
  octal[uint_ofmt(octal, mode)] = 0;
  copyup_fs_set(fsfd, "tmpfs", "source", "rk-copyup");
  copyup_fs_set(fsfd, "tmpfs", "mode", octal);
  return copyup_fs_mount(fsfd, "tmpfs");
}

int copyup_clone(int dirfd, char const *name, char const *path)
{
  /* recursive always: in a user namespace inherited mounts below are locked, and cloning without
     them is EINVAL */
  int fd = rk_open_tree(dirfd, name, COPYUP_CLONE | AT_EMPTY_PATH);

  if (fd == -1)
    copyup_die("clone the mount of", path, name);
  return fd;
}

void copyup_attach(int mountfd, int dirfd, char const *name, char const *path)
{
  unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH;

  if (!*name)
    flags |= MOVE_MOUNT_T_EMPTY_PATH;
  if (rk_move_mount(mountfd, "", dirfd, name, flags) == 0)
    return;
  copyup_die("mount on", path, name);
}
