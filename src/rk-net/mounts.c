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

#include <skalibs/djbunix.h>
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

/* What the container around us forbids stays forbidden; but these may work the next time. */
static void die_if_passing(char const *what)
{
  static int const passing[] = {EMFILE, ENFILE, ENOMEM, EIO, ENOSPC, EINTR};

  for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
    if (passing[i] == errno)
      strerr_diefusys(RK_EXIT_SYS, what);
  }
}

/* A mount of sysfs that is not attached yet, or -1 with errno. */
static int new_sysfs(unsigned int attrs)
{
  int fs = rk_fsopen("sysfs");
  int sys = -1;

  if (fs == -1)
    return -1;
  if (rk_fsconfig(fs, FSCONFIG_CMD_CREATE, 0, 0, 0) == 0)
    sys = rk_fsmount(fs, attrs);
  fd_close(fs); /* keeps errno */
  return sys;
}

/* Masked by the container around us (mount_too_revealing): it may be read-only, or not be at all;
   /sys then shows the outer network, as with RootlessKit. Returns whether it is there. */
static int attach_sysfs(void)
{
  static char const what[] =
    "mount a sysfs for the new network on /sys, which still shows the outer network";
  unsigned int const attrs = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
  int sys = new_sysfs(attrs);
  int r = -1;

  if (sys == -1 && errno == EPERM)
    sys = new_sysfs(attrs | MOUNT_ATTR_RDONLY);
  if (sys != -1) {
    r = rk_move_mount(sys, "", AT_FDCWD, "/sys", MOVE_MOUNT_F_EMPTY_PATH);
    fd_close(sys);
  }
  if (r == 0)
    return 1;
  die_if_passing(what);
  strerr_warnwusys(what);
  return 0;
}

/* A sysfs shows the network namespace of its mounter. The cgroup tree below the old one is kept. */
void mounts_sysfs(void)
{
  int cgroup = rk_open_tree(AT_FDCWD, "/sys/fs/cgroup",
                            OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);

  if (cgroup == -1)
    die_if_passing("copy the mounts at /sys/fs/cgroup");
  if (attach_sysfs() && cgroup != -1 &&
      rk_move_mount(cgroup, "", AT_FDCWD, "/sys/fs/cgroup", MOVE_MOUNT_F_EMPTY_PATH) == -1)
    strerr_diefusys(RK_EXIT_SYS, "move the cgroup tree to the new /sys");
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
