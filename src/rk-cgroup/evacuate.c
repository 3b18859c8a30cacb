/* SPDX-License-Identifier: ISC */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/text.h>

enum { ROUNDS = 100 };

static char const DELEGATE[] =
  "start it in a group that is the user's: as root, mkdir G; chown USER G G/cgroup.procs "
  "G/cgroup.threads G/cgroup.subtree_control; with systemd: systemd-run --user --scope -p "
  "Delegate=yes";

/* cgroup.procs, or the beginning of it. */
struct pids {
  char text[65536];
};

/* Cut the last part of a path off. */
static void to_parent(char *path)
{
  char *slash = strrchr(path, '/');

  if (slash == path)
    slash++;
  *slash = 0;
}

/* Which group above has controllers, and keeps them to itself? */
static void die_undelegated(int dirfd, char const *group)
{
  static char const fix[] = "as root, write +cpu +memory +pids to cgroup.subtree_control of that "
                            "group and of those below it, down to this one's "
                            "parent; with systemd: Delegate=cpu cpuset io memory pids";
  static char above[PATH_MAX];
  struct rk_text t = rk_text_in(above, sizeof above);
  char controllers[1024];

  rk_text_str(&t, group);
  while (above[1]) {
    int up = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    to_parent(above);
    if (up == -1 || faccessat(up, "cgroup.controllers", R_OK, 0) == -1)
      break;
    dirfd = up;
    if (cgroup_read(dirfd, group, "cgroup.controllers", controllers, sizeof controllers) <= 1)
      continue;
    controllers[strcspn(controllers, "\n")] = 0;
    rk_die_host("S5", fix, "unable to evacuate control group ", group,
                ": no controller is delegated to it: ", above, " has ", controllers,
                " and passes none on");
  }
  rk_die_host("S5", fix, "unable to evacuate control group ", group,
              ": no controller is delegated to it");
}

static int is_delegated(int dirfd)
{
  static char const *const files[] = {".", "cgroup.procs", "cgroup.subtree_control"};

  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (faccessat(dirfd, files[i], W_OK, 0) == -1)
      return 0;
  return 1;
}

/* It has no controller. */
static void refuse_bare(struct cgroup const *g, int dirfd, int lenient)
{
  if (!lenient && g->v1)
    rk_die_host("S6", "boot with systemd.unified_cgroup_hierarchy=1",
                "unable to evacuate control group ", g->path,
                ": this host is hybrid, all its controllers are cgroup v1");
  if (!lenient)
    die_undelegated(dirfd, g->path);
  strerr_warnw("no controller is delegated to control group ", g->path,
               ": groups below it can limit nothing (", g->v1 ? "S6" : "S5", ")");
}

/* 0 stands for a process that has no number here. */
static int has_outer(char const *pids)
{
  return !strncmp(pids, "0\n", 2) || strstr(pids, "\n0\n");
}

/* Nothing is changed before all this is known. */
static void check(struct cgroup const *g, int dirfd, char *controllers, size_t size, int lenient,
                  struct pids *pids)
{
  char const *group = g->path;

  if (faccessat(dirfd, "cgroup.type", F_OK, 0) == -1 && errno == ENOENT)
    rk_die_host("S7", DELEGATE, "unable to evacuate control group ", group,
                ": it is the root group, which no user owns");
  if (!is_delegated(dirfd))
    rk_die_host("S7", DELEGATE, "unable to evacuate control group ", group,
                ": it is not delegated to this user");
  if (cgroup_read(dirfd, group, "cgroup.controllers", controllers, size) <= 1)
    refuse_bare(g, dirfd, lenient);
  controllers[strcspn(controllers, "\n")] = 0;
  cgroup_read(dirfd, group, "cgroup.procs", pids->text, sizeof pids->text);
  if (has_outer(pids->text))
    strerr_dief(RK_EXIT_USAGE, "unable to evacuate control group ", group,
                ": it has processes of an outer pid namespace: put rk-cgroup before rk-pidns");
  if (g->v1 && *controllers)
    strerr_warnw("only these controllers can be delegated: ", controllers,
                 ": this host is hybrid, the others are cgroup v1 (S6)");
}

/* cgroup.procs of the group name, made for this. */
static int open_leaf(char const *group, int dirfd, char const *name)
{
  int procs = -1;
  int to;

  if (mkdirat(dirfd, name, 0755) == -1 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "make control group ", name, " in ", group);
  to = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (to != -1)
    procs = openat(to, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (procs == -1)
    strerr_diefusys(RK_EXIT_SYS, "open control group ", name, " in ", group);
  close(to);
  return procs;
}

/* A group with processes of its own cannot have controllers for groups below it ("no internal
   processes", cgroups(7)). Processes may fork meanwhile, so look again until the list is empty. */
static void move_all(char const *group, int dirfd, char const *name, struct pids *pids)
{
  int procs = open_leaf(group, dirfd, name);

  for (unsigned int round = 0;; round++) {
    char *pid = pids->text;
    char *next;
    if (!cgroup_read(dirfd, group, "cgroup.procs", pids->text, sizeof pids->text))
      break;
    if (round == ROUNDS)
      strerr_dief(RK_EXIT_SYS, "unable to evacuate control group ", group,
                  ": processes keep appearing in it");
    /* a last one that is cut off comes next time */
    while ((next = strchr(pid, '\n'))) {
      *next = 0;
      if (write(procs, pid, strlen(pid)) == -1 && errno != ESRCH)
        strerr_diefusys(RK_EXIT_SYS, "move process ", pid, " to control group ", name, " in ",
                        group);
      pid = next + 1;
    }
  }
  close(procs);
}

void cgroup_evacuate(struct cgroup const *g, int dirfd, char const *name, int lenient)
{
  static struct pids pids;
  char controllers[1024];

  check(g, dirfd, controllers, sizeof controllers, lenient, &pids);
  move_all(g->path, dirfd, name, &pids);
  cgroup_switch(dirfd, g->path, controllers, 1);
}
