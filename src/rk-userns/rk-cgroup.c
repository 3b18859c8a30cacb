/* SPDX-License-Identifier: ISC
   rk-cgroup: prepare the process's cgroup v2 group for programs that make groups below it, then become prog.

   where    -e: outside or inside, before rk-pidns, in a group delegated to the user. The mount: inside, in a mount namespace
            and a cgroup namespace (rk-unshare -c) of the chain's own
   changes  with -e the control group of every process in this one, its subtree_control; the mount of cgroup2
   fds/env  -
   forks    no
   exits    100, 102 no cgroup v2, or not delegated (S5, S6, S7), 111, 126, 127
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/nsfs.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/mountinfo.h>
#include <rk/sys.h>

#define USAGE "rk-cgroup [ -e GROUP ] [ -k ] prog..."

enum { INIT_CGROUP_NS = 0xEFFFFFFB, ROUNDS = 100 };

static char const DELEGATE[] = "start it in a group that is the user's: as root, mkdir G; chown USER G G/cgroup.procs "
                               "G/cgroup.threads G/cgroup.subtree_control; with systemd: systemd-run --user --scope -p Delegate=yes";
static char mountpoint[PATH_MAX]; /* of cgroup2 */
static char mountroot[PATH_MAX];  /* the group that is seen there */
static char group[PATH_MAX];      /* this process's, from the root of its cgroup namespace */
static char pids[65536];          /* its cgroup.procs, or the beginning of it */
static int v1;                    /* there are controllers of cgroup v1 too */

static void find_mount(void)
{
  static struct rk_mountinfo m;
  int r;

  m.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (m.fd < 0) strerr_diefusys(RK_EXIT_SYS, "open /proc/self/mountinfo");
  while ((r = rk_mountinfo_next(&m)) > 0) {
    char *type = strstr(m.line, " - ");
    char *root = rk_mountinfo_field(m.line, 4), *point = rk_mountinfo_field(m.line, 5);
    if (!type || !root || !point) continue;
    if (!strncmp(type, " - cgroup ", 10)) v1 |= !strstr(type, "name=");
    if (strncmp(type, " - cgroup2 ", 11)) continue;
    rk_mountinfo_unescape(point);
    rk_mountinfo_unescape(root);
    if (*mountpoint && strcmp(mountpoint, point)) continue; /* the first place, but there what lies on top */
    strcpy(mountpoint, point);
    strcpy(mountroot, root);
  }
  if (r < 0) strerr_diefusys(RK_EXIT_SYS, "read /proc/self/mountinfo");
  close(m.fd);
  if (!*mountpoint)
    rk_die_host("S6", "boot with systemd.unified_cgroup_hierarchy=1 or mount cgroup2 on /sys/fs/cgroup",
                v1 ? "cgroup v2 is not mounted: this host has cgroup v1 only" : "cgroup v2 is not mounted");
}

/* The line "0::PATH" of /proc/self/cgroup (cgroups(7)). */
static void find_group(void)
{
  char text[4 * PATH_MAX];
  char *line = text;
  int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  size_t len;

  if (fd < 0) strerr_diefusys(RK_EXIT_SYS, "open /proc/self/cgroup");
  len = allread(fd, text, sizeof text - 1);
  close(fd);
  text[len] = 0;
  while (line && strncmp(line, "0::/", 4)) {
    line = strchr(line, '\n');
    if (line) line++;
  }
  if (!line) strerr_dief(RK_EXIT_SYS, "no cgroup v2 group in /proc/self/cgroup");
  line += 3;
  line[strcspn(line, "\n")] = 0;
  if (strlen(line) >= sizeof group) strerr_dief(RK_EXIT_SYS, "path of the control group too long");
  strcpy(group, line);
}

/* Does this process's cgroup namespace belong to its user namespace, as after rk-unshare -c? */
static int own_namespace(void)
{
  int ns = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC), user;
  struct stat cgroup, owner, mine;

  if (ns < 0 || fstat(ns, &cgroup) < 0) strerr_diefusys(RK_EXIT_SYS, "look at /proc/self/ns/cgroup");
  user = cgroup.st_ino == INIT_CGROUP_NS ? -1 : ioctl(ns, NS_GET_USERNS);
  close(ns);
  if (user < 0) return 0; /* the first one, or one of an outer user namespace (EPERM) */
  if (fstat(user, &owner) < 0 || stat("/proc/self/ns/user", &mine) < 0) strerr_diefusys(RK_EXIT_SYS, "look at /proc/self/ns/user");
  close(user);
  return owner.st_ino == mine.st_ino && owner.st_dev == mine.st_dev;
}

/* A mount of cgroup2, attached nowhere yet; its root is that of the cgroup namespace. */
static int make_mount(void)
{
  int fs = rk_fsopen("cgroup2"), mnt;

  if (fs < 0 && errno == EPERM)
    strerr_dief(RK_EXIT_SYS, "unable to mount cgroup2: the mount namespace is not the chain's own: put rk-copyup before");
  if (fs < 0 || rk_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) strerr_diefusys(RK_EXIT_SYS, "mount cgroup2");
  mnt = rk_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (mnt < 0) strerr_diefusys(RK_EXIT_SYS, "mount cgroup2");
  close(fs);
  return mnt;
}

/* This process's group as a directory: below the new mount, or below the one that is there. */
static int open_group(int mnt)
{
  static char path[2 * PATH_MAX];
  size_t skip = strlen(mountroot);
  int fd;

  if (mnt >= 0) fd = openat(mnt, group[1] ? group + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  else {
    if (skip == 1) skip = 0; /* "/" */
    if (strncmp(group, mountroot, skip) || (skip && group[skip] && group[skip] != '/'))
      strerr_dief(RK_EXIT_SYS, "control group ", group, " is not to be seen in ", mountpoint, ", which shows ", mountroot);
    strcpy(path, mountpoint);
    strcat(path, group + skip);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  if (fd < 0) strerr_diefusys(RK_EXIT_SYS, "open control group ", group);
  return fd;
}

static size_t read_file(int dirfd, char const *name, char *buf, size_t size)
{
  int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
  size_t len;

  if (fd < 0) strerr_diefusys(RK_EXIT_SYS, "open ", name, " of control group ", group);
  errno = 0;
  len = allread(fd, buf, size - 1);
  if (errno && errno != EPIPE) strerr_diefusys(RK_EXIT_SYS, "read ", name, " of control group ", group);
  close(fd);
  buf[len] = 0;
  return len;
}

/* Nothing is changed before all this is known. */
static void check(int dirfd, char *controllers, size_t size)
{
  if (faccessat(dirfd, "cgroup.type", F_OK, 0) < 0 && errno == ENOENT)
    rk_die_host("S7", DELEGATE, "unable to evacuate control group ", group, ": it is the root of all, not a group of the user's");
  if (faccessat(dirfd, ".", W_OK, 0) < 0 || faccessat(dirfd, "cgroup.procs", W_OK, 0) < 0 || faccessat(dirfd, "cgroup.subtree_control", W_OK, 0) < 0)
    rk_die_host("S7", DELEGATE, "unable to evacuate control group ", group, ": it is not delegated to this user");
  if (read_file(dirfd, "cgroup.controllers", controllers, size) <= 1) {
    if (v1)
      rk_die_host("S6", "boot with systemd.unified_cgroup_hierarchy=1", "unable to evacuate control group ", group,
                  ": this host is hybrid, all its controllers are cgroup v1");
    rk_die_host("S5", "as root, echo +cpu +memory +pids > cgroup.subtree_control in each group above; with systemd: "
                "Delegate=cpu cpuset io memory pids", "unable to evacuate control group ", group, ": no controller is delegated to it");
  }
  controllers[strcspn(controllers, "\n")] = 0;
  if (read_file(dirfd, "cgroup.procs", pids, sizeof pids) && (!strncmp(pids, "0\n", 2) || strstr(pids, "\n0\n")))
    strerr_dief(RK_EXIT_SYS, "unable to evacuate control group ", group, ": it has processes of an outer pid namespace: put rk-cgroup before rk-pidns");
  if (v1) strerr_warnw("only these controllers can be delegated: ", controllers, ": this host is hybrid, the others are cgroup v1 (S6)");
}

/* A group with processes of its own cannot have controllers for groups below it ("no internal processes", cgroups(7)). Processes
   may fork meanwhile, so look again until the list is empty. */
static void evacuate(int dirfd, char const *name)
{
  int to, procs;

  if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST) strerr_diefusys(RK_EXIT_SYS, "make control group ", name, " in ", group);
  to = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  procs = to < 0 ? -1 : openat(to, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (procs < 0) strerr_diefusys(RK_EXIT_SYS, "open control group ", name, " in ", group);
  for (unsigned int round = 0; read_file(dirfd, "cgroup.procs", pids, sizeof pids) > 0; round++) {
    char *next;
    if (round == ROUNDS) strerr_dief(RK_EXIT_SYS, "unable to evacuate control group ", group, ": processes keep appearing in it");
    for (char *pid = pids; (next = strchr(pid, '\n')); pid = next + 1) { /* a last one that is cut off comes next time */
      *next = 0;
      if (write(procs, pid, strlen(pid)) < 0 && errno != ESRCH)
        strerr_diefusys(RK_EXIT_SYS, "move process ", pid, " to control group ", name, " in ", group);
    }
  }
  close(procs);
  close(to);
}

static void enable(int dirfd, char *controllers)
{
  int fd = openat(dirfd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

  if (fd < 0) strerr_diefusys(RK_EXIT_SYS, "open cgroup.subtree_control of control group ", group);
  for (char *name = controllers; *name;) {
    size_t len = strcspn(name, " ");
    char word[64] = "+";
    if (len < sizeof word - 1) {
      memcpy(word + 1, name, len);
      if (write(fd, word, len + 1) < 0) strerr_diefusys(RK_EXIT_SYS, "enable controller ", word + 1, " below control group ", group);
    }
    name += len + (name[len] == ' ');
  }
  close(fd);
}

int main(int argc, char const *const *argv)
{
  char controllers[1024] = "";
  char const *name = NULL;
  int keep = 0, mnt = -1;

  PROG = "rk-cgroup";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (;;) {
      int opt = subgetopt_r(argc, argv, "e:k", &l);
      if (opt == -1) break;
      switch (opt) {
        case 'e': name = l.arg; break;
        case 'k': keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc) strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (name && (!*name || strchr(name, '/') || *name == '.' || !strncmp(name, "cgroup.", 7) || strlen(name) > NAME_MAX))
    strerr_dief(RK_EXIT_USAGE, "not a name for one control group: ", name);

  find_mount();
  find_group();
  if (own_namespace()) mnt = make_mount();
  else if (!name) strerr_dief(RK_EXIT_USAGE, "nothing to do: neither -e, nor a cgroup namespace of the chain's own to mount (rk-unshare -c)");
  if (name) {
    int dirfd = open_group(mnt);
    check(dirfd, controllers, sizeof controllers);
    evacuate(dirfd, name);
    enable(dirfd, controllers);
    close(dirfd);
  }
  if (mnt >= 0) {
    if (rk_move_mount(mnt, "", AT_FDCWD, mountpoint, MOVE_MOUNT_F_EMPTY_PATH) < 0) strerr_diefusys(RK_EXIT_SYS, "mount cgroup2 on ", mountpoint);
    close(mnt);
  }
  rk_link_exec(argv, keep);
}
