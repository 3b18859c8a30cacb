/* SPDX-License-Identifier: ISC
   rk-cgroup: prepare the process's cgroup v2 group for programs that make groups below it, then
   become prog.

   where    -d: outside, as root. -e: outside or inside, before rk-pidns, in a group delegated to
            the user. The mount: inside, in a mount namespace and a cgroup namespace (rk-unshare -c)
            of the chain's own
   changes  with -d this process's control group; with -e the control group of every process in this
            one, its subtree_control; the mount of cgroup2
   fds/env  -
   forks    no
   exits    100, 102 no cgroup v2, or not delegated (S5, S6, S7), 111, 126, 127
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/ns.h>
#include <rk/sys.h>
#include "cgroup.h"

#define USAGE "rk-cgroup [ -d path -u uid:gid | -e group ] [ -w ] [ -m point ] [ -k ] prog..."

enum { INIT_CGROUP_NS = 0xEFFFFFFB }; /* include/linux/proc_ns.h of the kernel */

/* Does this process's cgroup namespace belong to its user namespace, as after rk-unshare -c? To
   root of the host the first one does, and is not meant. */
static int own_namespace(void)
{
  int owner, ns = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);
  struct stat st;

  if (ns == -1 || fstat(ns, &st) == -1)
    strerr_diefusys(RK_EXIT_SYS, "look at /proc/self/ns/cgroup");
  owner = rk_ns_owner(ns);
  if (owner == -1)
    strerr_diefusys(RK_EXIT_SYS, "find the owner of /proc/self/ns/cgroup");
  close(ns);
  return owner == RK_NS_OURS && st.st_ino != INIT_CGROUP_NS;
}

/* A mount of cgroup2, attached nowhere yet; its root is that of the cgroup namespace. */
static int make_mount(void)
{
  int fs = rk_fsopen("cgroup2"), mnt;

  if (fs < 0 && errno == EPERM)
    strerr_dief(
      RK_EXIT_SYS,
      "unable to mount cgroup2: the mount namespace is not the chain's own: put rk-copyup before");
  if (fs < 0 || rk_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    strerr_diefusys(RK_EXIT_SYS, "mount cgroup2");
  mnt = rk_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (mnt < 0)
    strerr_diefusys(RK_EXIT_SYS, "mount cgroup2");
  close(fs);
  return mnt;
}

static void scan_owner(char const *s, uid_t *uid, gid_t *gid)
{
  size_t n = uid_scan(s, uid);

  if (!n || *uid == (uid_t)-1 || (s[n] && (s[n] != ':' || !gid0_scan(s + n + 1, gid))))
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
}

static int is_name(char const *s, size_t len)
{
  return len && len <= NAME_MAX && *s != '.' && (len < 7 || memcmp(s, "cgroup.", 7));
}

/* Each part is a name; a slash at either end does not matter. */
static int is_path(char const *s)
{
  do {
    size_t len;
    s += *s == '/';
    len = strcspn(s, "/");
    if (!is_name(s, len))
      return 0;
    s += len;
  } while (*s && strcmp(s, "/"));
  return 1;
}

int main(int argc, char const *const *argv)
{
  static struct cgroup g;
  char const *name = NULL, *path = NULL, *point = NULL;
  uid_t uid = (uid_t)-1;
  gid_t gid = (gid_t)-1;
  int keep = 0, mnt = -1, lenient = 0;

  PROG = "rk-cgroup";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (;;) {
      int opt = subgetopt_r(argc, argv, "d:u:e:wm:k", &l);
      if (opt == -1)
        break;
      switch (opt) {
        case 'd': path = l.arg; break;
        case 'u': scan_owner(l.arg, &uid, &gid); break;
        case 'e': name = l.arg; break;
        case 'w': lenient = 1; break;
        case 'm': point = l.arg; break;
        case 'k': keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc || (path && (name || point)) || (lenient && !name) || !path == (uid != (uid_t)-1))
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (path && !is_path(path))
    strerr_dief(RK_EXIT_USAGE, "not a path of control groups: ", path);
  if (name && (strchr(name, '/') || !is_name(name, strlen(name))))
    strerr_dief(RK_EXIT_USAGE, "not a name for one control group: ", name);

  cgroup_find(&g);
  if (path) {
    int rootfd = open(g.point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (rootfd < 0)
      strerr_diefusys(RK_EXIT_SYS, "open ", g.point);
    cgroup_delegate(&g, rootfd, path, uid, gid);
    close(rootfd);
    rk_link_exec(argv, keep);
  }
  if (own_namespace())
    mnt = make_mount();
  else if (!name)
    strerr_dief(RK_EXIT_USAGE, "nothing to do: neither -e, nor a cgroup namespace of the chain's "
                               "own to mount (rk-unshare -c)");
  if (name) {
    int dirfd = cgroup_open(&g, mnt);
    cgroup_evacuate(&g, dirfd, name, lenient);
    close(dirfd);
  }
  if (mnt >= 0) {
    if (!point)
      point = g.point;
    if (rk_move_mount(mnt, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) < 0)
      strerr_diefusys(RK_EXIT_SYS, "mount cgroup2 on ", point);
    close(mnt);
  }
  rk_link_exec(argv, keep);
}
