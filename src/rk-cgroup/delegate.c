/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/proc.h>
#include "cgroup.h"

/* What the kernel lets the owner of a delegated group have (cgroups(7)): the list of this kernel,
   or that of the first. */
static char delegable[1024];

static void read_list(void)
{
  if (rk_slurp("/sys/kernel/cgroup/delegate", delegable, sizeof delegable) <= 0)
    strcpy(delegable, "cgroup.procs\ncgroup.threads\ncgroup.subtree_control");
}

static void give(int dirfd, char const *path, uid_t uid, gid_t gid)
{
  char *next;

  if (fchownat(dirfd, "", uid, gid, AT_EMPTY_PATH) < 0)
    strerr_diefusys(RK_EXIT_SYS, "give control group ", path, " away");
  for (char *name = delegable; name; name = next) {
    next = strchr(name, '\n');
    if (next)
      *next++ = 0;
    /* a file of a controller that is not enabled here is missing */
    if (fchownat(dirfd, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
      strerr_diefusys(RK_EXIT_SYS, "give ", name, " of control group ", path, " away");
  }
}

/* What ran here before has left controllers enabled for groups below, and so nothing may move in
   (EBUSY): take them back, unless something still lives there. */
static void vacate(int dirfd, char const *path)
{
  char controllers[1024], events[256];

  if (!cgroup_read(dirfd, path, "cgroup.subtree_control", controllers, sizeof controllers) ||
      *controllers == '\n')
    return;
  cgroup_read(dirfd, path, "cgroup.events", events, sizeof events);
  if (strstr(events, "populated 1"))
    strerr_dief(RK_EXIT_SYS, "control group ", path,
                " is in use: there are processes in groups below it");
  cgroup_switch(dirfd, path, controllers, 0);
}

void cgroup_delegate(struct cgroup const *g, int rootfd, char const *path, uid_t uid, gid_t gid)
{
  char name[NAME_MAX + 1], controllers[1024];
  char const *rest = path + strspn(path, "/");
  int dirfd = rootfd, fd;

  read_list();
  while (*rest) {
    size_t len = strcspn(rest, "/");
    memcpy(name, rest, len);
    name[len] = 0;
    rest += len;
    rest += strspn(rest, "/");
    cgroup_read(dirfd, path, "cgroup.controllers", controllers, sizeof controllers);
    controllers[strcspn(controllers, "\n")] = 0;
    if (!*controllers)
      rk_die_host(g->v1 ? "S6" : "S5",
                  g->v1 ? "boot with systemd.unified_cgroup_hierarchy=1"
                        : "enable them in each group above, as this does from the root on",
                  "unable to delegate control group ", path,
                  ": there is no controller of cgroup v2 for ", name);
    cgroup_switch(dirfd, path, controllers, 1);
    if (mkdirat(dirfd, name, 0755) < 0 && errno != EEXIST)
      strerr_diefusys(RK_EXIT_SYS, "make control group ", name, " of ", path);
    fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      strerr_diefusys(RK_EXIT_SYS, "open control group ", name, " of ", path);
    if (dirfd != rootfd)
      close(dirfd);
    dirfd = fd;
  }
  vacate(dirfd, path);
  give(dirfd, path, uid, gid);
  fd = openat(dirfd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
  /* 0: the writer itself */
  if (fd < 0 || write(fd, "0", 1) < 0)
    strerr_diefusys(RK_EXIT_SYS, "move to control group ", path);
  close(fd);
  close(dirfd);
}
