/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include "cgroup.h"

enum { ROUNDS = 100 };

static char const DELEGATE[] =
  "start it in a group that is the user's: as root, mkdir G; chown USER G G/cgroup.procs "
  "G/cgroup.threads G/cgroup.subtree_control; with systemd: systemd-run --user --scope -p "
  "Delegate=yes";
static char const *group; /* its path, for messages */
static char pids[65536];  /* its cgroup.procs, or the beginning of it */

/* Which group above has controllers, and keeps them to itself? */
static void die_undelegated(int dirfd)
{
  static char const fix[] = "as root, write +cpu +memory +pids to cgroup.subtree_control of that "
                            "group and of those below it, down to this one's "
                            "parent; with systemd: Delegate=cpu cpuset io memory pids";
  static char above[PATH_MAX];
  char controllers[1024];
  size_t len;

  strcpy(above, group);
  while ((len = strlen(above)) > 1) {
    int up = openat(dirfd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (len > 1 && above[len - 1] != '/')
      len--;
    above[len > 1 ? len - 1 : 1] = 0;
    if (up < 0 || faccessat(up, "cgroup.controllers", R_OK, 0) < 0)
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

/* Nothing is changed before all this is known. */
static void check(struct cgroup const *g, int dirfd, char *controllers, size_t size, int lenient)
{
  if (faccessat(dirfd, "cgroup.type", F_OK, 0) < 0 && errno == ENOENT)
    rk_die_host("S7", DELEGATE, "unable to evacuate control group ", group,
                ": it is the root group, which no user owns");
  if (faccessat(dirfd, ".", W_OK, 0) < 0 || faccessat(dirfd, "cgroup.procs", W_OK, 0) < 0 ||
      faccessat(dirfd, "cgroup.subtree_control", W_OK, 0) < 0)
    rk_die_host("S7", DELEGATE, "unable to evacuate control group ", group,
                ": it is not delegated to this user");
  if (cgroup_read(dirfd, group, "cgroup.controllers", controllers, size) <= 1) {
    if (!lenient && g->v1)
      rk_die_host("S6", "boot with systemd.unified_cgroup_hierarchy=1",
                  "unable to evacuate control group ", group,
                  ": this host is hybrid, all its controllers are cgroup v1");
    if (!lenient)
      die_undelegated(dirfd);
    strerr_warnw("no controller is delegated to control group ", group,
                 ": groups below it can limit nothing (", g->v1 ? "S6" : "S5", ")");
  }
  controllers[strcspn(controllers, "\n")] = 0;
  if (cgroup_read(dirfd, group, "cgroup.procs", pids, sizeof pids) &&
      (!strncmp(pids, "0\n", 2) || strstr(pids, "\n0\n")))
    strerr_dief(RK_EXIT_SYS, "unable to evacuate control group ", group,
                ": it has processes of an outer pid namespace: put rk-cgroup before rk-pidns");
  if (g->v1 && *controllers)
    strerr_warnw("only these controllers can be delegated: ", controllers,
                 ": this host is hybrid, the others are cgroup v1 (S6)");
}

/* A group with processes of its own cannot have controllers for groups below it ("no internal
   processes", cgroups(7)). Processes may fork meanwhile, so look again until the list is empty. */
static void move_all(int dirfd, char const *name)
{
  int to, procs;

  if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "make control group ", name, " in ", group);
  to = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  procs = to < 0 ? -1 : openat(to, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  if (procs < 0)
    strerr_diefusys(RK_EXIT_SYS, "open control group ", name, " in ", group);
  for (unsigned int round = 0; cgroup_read(dirfd, group, "cgroup.procs", pids, sizeof pids) > 0;
       round++) {
    char *next;
    if (round == ROUNDS)
      strerr_dief(RK_EXIT_SYS, "unable to evacuate control group ", group,
                  ": processes keep appearing in it");
    /* a last one that is cut off comes next time */
    for (char *pid = pids; (next = strchr(pid, '\n')); pid = next + 1) {
      *next = 0;
      if (write(procs, pid, strlen(pid)) < 0 && errno != ESRCH)
        strerr_diefusys(RK_EXIT_SYS, "move process ", pid, " to control group ", name, " in ",
                        group);
    }
  }
  close(procs);
  close(to);
}

void cgroup_evacuate(struct cgroup const *g, int dirfd, char const *name, int lenient)
{
  char controllers[1024];

  group = g->path;
  check(g, dirfd, controllers, sizeof controllers, lenient);
  move_all(dirfd, name);
  cgroup_switch(dirfd, group, controllers, 1);
}
