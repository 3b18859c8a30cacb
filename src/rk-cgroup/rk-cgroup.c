/* SPDX-License-Identifier: ISC
   rk-cgroup: prepare the process's cgroup v2 group for programs that make groups below it, then
   become prog.

   where    -D: outside, as root. -e: outside or inside, before rk-pidns, in a group delegated to
            the user. The mount: inside, in a mount namespace and a cgroup namespace (rk-unshare -c)
            of the chain's own
   changes  with -D this process's control group; with -e the control group of every process in this
            one, its subtree_control; the mount of cgroup2
   fds/env  -
   forks    no
   exits    100, 102 no cgroup v2, or not delegated (S5, S6, S7), 111, 126, 127
 */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/ns.h>
#include <rk/sys.h>

/* What the command line says. */
struct options {
  char const *name;  /* -e */
  char const *path;  /* -D */
  char const *point; /* -m */
  uid_t uid;         /* -u */
  gid_t gid;
  int lenient;
  int keep;
};

/* UID:GID, or UID. */
static int take_owner(void *into, char const *value)
{
  struct options *o = into;
  size_t n = uid_scan(value, &o->uid);

  if (!n || o->uid == (uid_t)-1)
    return 0;
  if (!value[n])
    return 1;
  return value[n] == ':' && gid0_scan(value + n + 1, &o->gid);
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'D',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, path),
   .arg = "path",
   .text = "as root: delegate this control group, a path below the root of cgroup v2",
   .join = " "},
  {.letter = 'u',
   .kind = RK_OPTION_CALL,
   .arg = "uid:gid",
   .text = "the user and group that it is given to",
   .take = take_owner,
   .join = " | "},
  {.letter = 'e',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, name),
   .arg = "group",
   .text = "evacuate into this group below, and enable its controllers"},
  {.letter = 'w',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, lenient),
   .text = "with -e: warn instead of failing if no controller is delegated"},
  {.letter = 'm',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, point),
   .arg = "point",
   .text = "mount cgroup2 on this directory, not where it was"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-cgroup",
  .summary = "delegate a control group, or prepare a delegated one for groups below it",
  .operands = "prog...",
  .options = OPTIONS,
};

enum { INIT_CGROUP_NS = 0xEFFFFFFB }; /* include/linux/proc_ns.h of the kernel */

/* Does this process's cgroup namespace belong to its user namespace, as after rk-unshare -c? To
   root of the host the first one does, and is not meant. */
static int own_namespace(void)
{
  struct stat st;
  int owner;
  int ns = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC);

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
  int mnt;
  int fs = rk_fsopen("cgroup2");

  if (fs == -1 && errno == EPERM)
    strerr_dief(
      RK_EXIT_USAGE,
      "unable to mount cgroup2: the mount namespace is not the chain's own: put rk-copyup before");
  if (fs == -1 || rk_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "mount cgroup2");
  mnt = rk_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (mnt == -1)
    strerr_diefusys(RK_EXIT_SYS, "mount cgroup2");
  close(fs);
  return mnt;
}

static int is_name(char const *s, size_t len)
{
  if (!len || len > NAME_MAX || *s == '.')
    return 0;
  return len < 7 || memcmp(s, "cgroup.", 7);
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

static void check_options(struct options const *o)
{
  if (o->path && (o->name || o->point))
    rk_usage_die(&USAGE, "-D goes with -u and -k only");
  if (o->lenient && !o->name)
    rk_usage_die(&USAGE, "-w needs -e");
  if (!o->path == (o->uid != (uid_t)-1))
    rk_usage_die(&USAGE, "-D and -u need one another");
  if (o->path && !is_path(o->path))
    rk_usage_die(&USAGE, "-D: not a path of control groups: ", o->path);
  if (o->name && (strchr(o->name, '/') || !is_name(o->name, strlen(o->name))))
    rk_usage_die(&USAGE, "-e: not a name for one control group: ", o->name);
}

static void delegate(struct cgroup const *g, struct options const *o)
{
  int rootfd = open(g->point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (rootfd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", g->point);
  cgroup_delegate(g, rootfd, o->path, o->uid, o->gid);
  close(rootfd);
}

static void evacuate(struct cgroup const *g, struct options const *o, int mnt)
{
  int dirfd = cgroup_open(g, mnt);

  cgroup_evacuate(g, dirfd, o->name, o->lenient);
  close(dirfd);
}

static void attach(int mnt, char const *point)
{
  if (rk_move_mount(mnt, "", AT_FDCWD, point, MOVE_MOUNT_F_EMPTY_PATH) == -1)
    strerr_diefusys(RK_EXIT_SYS, "mount cgroup2 on ", point);
  close(mnt);
}

int main(int argc, char const *const *argv)
{
  static struct cgroup g;
  struct options o = {.uid = (uid_t)-1, .gid = (gid_t)-1};
  int mnt = -1;

  PROG = "rk-cgroup";
  argv += rk_options(&USAGE, argc, argv, &o);
  check_options(&o);
  cgroup_find(&g);
  if (o.path) {
    delegate(&g, &o);
    rk_link_exec(argv, o.keep);
  }
  if (own_namespace())
    mnt = make_mount();
  else if (!o.name)
    strerr_dief(RK_EXIT_USAGE, "nothing to do: neither -e, nor a cgroup namespace of the chain's "
                               "own to mount (rk-unshare -c)");
  if (o.name)
    evacuate(&g, &o, mnt);
  if (mnt != -1)
    attach(mnt, o.point ? o.point : g.point);
  rk_link_exec(argv, o.keep);
}
