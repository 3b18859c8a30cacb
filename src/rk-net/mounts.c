/* SPDX-License-Identifier: ISC
   What the new network needs in the file system: /sys, /etc/resolv.conf and /etc/hosts, or the name
   of a detached one. */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/ns.h>
#include <rk/sys.h>

int mounts_are_own(void)
{
  int owner = rk_ns_owner_at("/proc/self/ns/mnt");

  if (owner == -1)
    strerr_diefusys(RK_EXIT_SYS, "find the owner of /proc/self/ns/mnt");
  return owner == RK_NS_OURS;
}

void mounts_own(void)
{
  if (mounts_are_own())
    return;
  if (unshare(CLONE_NEWNS) == -1 || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a mount namespace");
}

/* The host's view of the file stays an empty file; through /proc/PID/root it is the namespace. */
void mounts_netns(char const *path)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "create ", path);
  close(fd);
  if (mount("/proc/self/ns/net", path, 0, MS_BIND, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "mount the network namespace on ", path);
}

/* A sysfs shows the network namespace of its mounter. The cgroup tree below the old one is kept. */
void mounts_sysfs(void)
{
  unsigned int const attrs[] = {MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                                MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC |
                                  MOUNT_ATTR_RDONLY};
  int cgroup = rk_open_tree(AT_FDCWD, "/sys/fs/cgroup",
                            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
  int fs = -1, sys = -1;

  for (int i = 0; i < 2 && sys == -1; i++) {
    if (fs != -1)
      close(fs);
    fs = rk_fsopen("sysfs");
    if (fs != -1 && rk_fsconfig(fs, FSCONFIG_CMD_CREATE, 0, 0, 0) == 0)
      sys = rk_fsmount(fs, attrs[i]);
  }
  if (sys == -1 || rk_move_mount(sys, "", AT_FDCWD, "/sys", MOVE_MOUNT_F_EMPTY_PATH) == -1) {
    /* Masked by the container around us (mount_too_revealing): /sys then shows the outer network,
       as with RootlessKit. */
    strerr_warnwusys(
      "mount a sysfs for the new network on /sys, which still shows the outer network");
    if (sys != -1)
      close(sys);
    sys = -1;
  }
  if (fs != -1)
    close(fs);
  if (sys != -1 && cgroup != -1 &&
      rk_move_mount(cgroup, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) == -1)
    strerr_diefusys(RK_EXIT_SYS, "move the cgroup tree to the new /sys");
  if (sys != -1)
    close(sys);
  if (cgroup != -1)
    close(cgroup);
}

/* Is /etc a mount of this mount namespace's own, such as rk-copyup makes, and not an inherited one?
   umount2(2) with MNT_EXPIRE on a busy mount (we keep it busy) changes nothing and tells: EBUSY for
   ours, EINVAL for a locked one or no mount at all. */
static int etc_is_ours(void)
{
  int fd = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC), r;

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /etc");
  r = umount2("/etc", MNT_EXPIRE) == -1 && errno == EBUSY &&
      faccessat(AT_FDCWD, "/etc", W_OK, AT_EACCESS) == 0;
  close(fd);
  return r;
}

/* A new empty file of tmpfs over an old one, wherever a symlink leads. */
static void cover(int tmpfs, char const *name, char const *path)
{
  int fd = openat(tmpfs, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), tree;

  if (fd == -1 || fchmod(fd, 0644) == -1) /* whatever the umask */
    strerr_diefusys(RK_EXIT_SYS, "create a file on a tmpfs");
  close(fd);
  tree = rk_open_tree(tmpfs, name, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (tree == -1)
    strerr_diefusys(RK_EXIT_SYS, "clone a file of a tmpfs");
  if (rk_move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS) ==
      -1) {
    if (errno == ENOENT)
      rk_die_host("N8", "put rk-copyup /etc before rk-net", "unable to replace ", path,
                  ": it does not exist, or is a dangling link, and /etc is not copied up");
    strerr_diefusys(RK_EXIT_SYS, "mount a file over ", path);
  }
  close(tree);
}

void mounts_etc(struct net *n)
{
  int fs, tmpfs, hidden;

  if (etc_is_ours()) {
    n->etc = RK_ETC_REPLACE;
    return;
  }
  n->etc = RK_ETC_INPLACE;
  strerr_warnw("/etc is not copied up: /etc/resolv.conf and /etc/hosts are mounted over, which is "
               "undone when the host replaces them (put rk-copyup /etc before rk-net)");
  fs = rk_fsopen("tmpfs");
  if (fs == -1 || rk_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0) == -1 ||
      rk_fsconfig(fs, FSCONFIG_CMD_CREATE, 0, 0, 0) == -1 ||
      (tmpfs = rk_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a tmpfs");
  close(fs);
  /* A file can be cloned from an attached mount only (before Linux 6.15): for that moment it lies
     over /sys, where nobody looks. */
  hidden = rk_move_mount(tmpfs, "", AT_FDCWD, "/sys", MOVE_MOUNT_F_EMPTY_PATH);
  if (hidden == -1)
    strerr_diefusys(RK_EXIT_SYS, "attach a tmpfs");
  cover(tmpfs, "resolv.conf", "/etc/resolv.conf");
  cover(tmpfs, "hosts", "/etc/hosts");
  if (umount2("/sys", MNT_DETACH) == -1)
    strerr_diefusys(RK_EXIT_SYS, "detach a tmpfs");
  close(tmpfs);
}
