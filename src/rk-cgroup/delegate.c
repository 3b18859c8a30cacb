/* SPDX-License-Identifier: ISC */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/proc.h>
#include <rk/text.h>

/* What the kernel lets the owner of a delegated group have (cgroups(7)): the list of this kernel,
   or that of the first. */
static void read_list(char *list, size_t size)
{
  struct rk_text t;

  if (rk_slurp("/sys/kernel/cgroup/delegate", list, size) > 0)
    return;
  t = rk_text_in(list, size);
  rk_text_str(&t, "cgroup.procs\ncgroup.threads\ncgroup.subtree_control");
}

static void give_away(int dirfd, char const *path, uid_t uid, gid_t gid)
{
  char list[1024];
  char *next;

  read_list(list, sizeof list);
  if (fchownat(dirfd, "", uid, gid, AT_EMPTY_PATH) == -1)
    strerr_diefusys(RK_EXIT_SYS, "give control group ", path, " away");
  for (char *name = list; name; name = next) {
    next = strchr(name, '\n');
    if (next)
      *next++ = 0;
    /* a file of a controller that is not enabled here is missing */
    if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) == -1 && errno != ENOENT)
      strerr_diefusys(RK_EXIT_SYS, "give ", name, " of control group ", path, " away");
  }
}

/* What ran here before has left controllers enabled for groups below, and so nothing may move in
   (EBUSY): take them back, unless something still lives there. */
static void vacate(int dirfd, char const *path)
{
  char controllers[1024];
  char events[256];

  cgroup_read(dirfd, path, "cgroup.subtree_control", controllers, sizeof controllers);
  if (!*controllers || *controllers == '\n')
    return;
  cgroup_read(dirfd, path, "cgroup.events", events, sizeof events);
  if (strstr(events, "populated 1"))
    strerr_dief(RK_EXIT_SYS, "control group ", path,
                " is in use: there are processes in groups below it");
  cgroup_switch(dirfd, path, controllers, 0);
}

static void die_no_controller(struct cgroup const *g, char const *path, char const *name)
{
  char const *fix = "enable them in each group above, as this does from the root on";

  if (g->v1)
    fix = "boot with systemd.unified_cgroup_hierarchy=1";
  rk_die_host(g->v1 ? "S6" : "S5", fix, "unable to delegate control group ", path,
              ": there is no controller of cgroup v2 for ", name);
}

/* Make and open the group name, a part of path, with all controllers that there are at dirfd. */
static int make_group(struct cgroup const *g, int dirfd, char const *path, char const *name)
{
  char controllers[1024];
  int fd;

  cgroup_read(dirfd, path, "cgroup.controllers", controllers, sizeof controllers);
  controllers[strcspn(controllers, "\n")] = 0;
  if (!*controllers)
    die_no_controller(g, path, name);
  cgroup_switch(dirfd, path, controllers, 1);
  if (mkdirat(dirfd, name, 0755) == -1 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "make control group ", name, " of ", path);
  fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open control group ", name, " of ", path);
  return fd;
}

void cgroup_delegate(struct cgroup const *g, int rootfd, char const *path, uid_t uid, gid_t gid)
{
  char const *rest = path + strspn(path, "/");
  int dirfd = rootfd;
  int procs;

  while (*rest) {
    char name[NAME_MAX + 1];
    struct rk_text t = rk_text_in(name, sizeof name);
    size_t len = strcspn(rest, "/");
    int fd;
    rk_text_mem(&t, rest, len);
    fd = make_group(g, dirfd, path, name);
    if (dirfd != rootfd)
      close(dirfd);
    dirfd = fd;
    rest += len;
    rest += strspn(rest, "/");
  }
  vacate(dirfd, path);
  give_away(dirfd, path, uid, gid);
  procs = openat(dirfd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  /* 0: the writer itself */
  if (procs == -1 || write(procs, "0", 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "move to control group ", path);
  close(procs);
  close(dirfd);
}
