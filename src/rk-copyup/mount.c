/* SPDX-License-Identifier: ISC
   The mount calls. Everything is attached in an order that kernels before 6.15 allow as well: what
   is mounted upon is attached first (move_mount(2) onto, and open_tree(2) of, a detached mount need
   6.15). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/sys.h>
#include "copyup.h"

void copyup_die(char const *verb, char const *path, char const *name)
{
  static char shown[4 * NAME_MAX + 3];
  int e = errno;

  copyup_shown(shown, sizeof shown, "", name);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, verb, " ", path, *name ? "/" : "", shown);
}

void copyup_fs_set(int fsfd, char const *fsname, char const *key, char const *value, int fd)
{
  unsigned int cmd = fd >= 0 ? FSCONFIG_SET_FD : value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

  if (rk_fsconfig(fsfd, cmd, key, fd >= 0 ? 0 : value, fd >= 0 ? fd : 0) < 0)
    copyup_die("set", fsname, key);
}

int copyup_fs_mount(int fsfd, char const *fsname)
{
  int fd;

  if (rk_fsconfig(fsfd, FSCONFIG_CMD_CREATE, 0, 0, 0) < 0) {
    int e = errno;
    char log[256]; /* "e overlay: text", one message a read (fsopen(2)) */
    ssize_t r = read(fsfd, log, sizeof log - 1);
    if (r > 2) {
      log[r - (log[r - 1] == '\n')] = 0;
      for (char *s = log; *s; s++) {
        /* the kernel may quote a name */
        if ((unsigned char)*s < ' ' || (unsigned char)*s >= 0x7f)
          *s = '?';
      }
      strerr_dief(RK_EXIT_SYS, "unable to make a new ", fsname, ": ", strerror(e), " (", log + 2,
                  ")");
    }
    errno = e;
    copyup_die("make a new", fsname, "");
  }
  fd = rk_fsmount(fsfd, 0);
  if (fd < 0)
    copyup_die("mount a new", fsname, "");
  close(fsfd);
  return fd;
}

int copyup_tmpfs(mode_t mode)
{
  char octal[] = {(char)('0' + (mode >> 9 & 7)), (char)('0' + (mode >> 6 & 7)),
                  (char)('0' + (mode >> 3 & 7)), (char)('0' + (mode & 7)), 0};
  int fsfd = rk_fsopen("tmpfs");

  if (fsfd < 0)
    copyup_die("make a new", "tmpfs", "");
  copyup_fs_set(fsfd, "tmpfs", "source", "rk-copyup", -1);
  copyup_fs_set(fsfd, "tmpfs", "mode", octal, -1);
  return copyup_fs_mount(fsfd, "tmpfs");
}

int copyup_clone(int dirfd, char const *name, char const *path)
{
  /* recursive always: in a user namespace inherited mounts below are locked, and cloning without
     them is EINVAL */
  int fd = rk_open_tree(dirfd, name,
                        OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW |
                          AT_NO_AUTOMOUNT);

  if (fd < 0)
    copyup_die("clone the mount of", path, name);
  return fd;
}

void copyup_attach(int mountfd, int dirfd, char const *name, char const *path)
{
  if (rk_move_mount(mountfd, "", dirfd, name,
                    MOVE_MOUNT_F_EMPTY_PATH | (*name ? 0 : MOVE_MOUNT_T_EMPTY_PATH)) < 0)
    copyup_die("mount on", path, name);
}
