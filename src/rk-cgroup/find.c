/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/mountinfo.h>
#include "cgroup.h"

static void find_mount(struct cgroup *g)
{
  static struct rk_mountinfo m;
  int r;

  m.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (m.fd < 0)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/mountinfo");
  while ((r = rk_mountinfo_next(&m)) > 0) {
    char *type = strstr(m.line, " - ");
    char *root = rk_mountinfo_field(m.line, 4), *point = rk_mountinfo_field(m.line, 5);
    if (!type || !root || !point)
      continue;
    if (!strncmp(type, " - cgroup ", 10))
      g->v1 |= !strstr(type, "name=");
    if (strncmp(type, " - cgroup2 ", 11))
      continue;
    rk_mountinfo_unescape(point);
    rk_mountinfo_unescape(root);
    /* the first place, but there what lies on top */
    if (*g->point && strcmp(g->point, point))
      continue;
    if (strlen(point) >= sizeof g->point || strlen(root) >= sizeof g->root)
      strerr_dief(RK_EXIT_SYS, "a mount point of cgroup2 in /proc/self/mountinfo is too long");
    strcpy(g->point, point);
    strcpy(g->root, root);
  }
  if (r < 0)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/mountinfo");
  close(m.fd);
  if (!*g->point)
    rk_die_host("S6",
                "boot with systemd.unified_cgroup_hierarchy=1 or mount cgroup2 on /sys/fs/cgroup",
                g->v1 ? "cgroup v2 is not mounted: this host has cgroup v1 only"
                      : "cgroup v2 is not mounted");
}

/* The line "0::PATH" of /proc/self/cgroup (cgroups(7)). */
static void find_group(struct cgroup *g)
{
  char text[4 * PATH_MAX];
  char *line = text;
  int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  size_t len;

  if (fd < 0)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/cgroup");
  len = allread(fd, text, sizeof text - 1);
  close(fd);
  text[len] = 0;
  while (line && strncmp(line, "0::/", 4)) {
    line = strchr(line, '\n');
    if (line)
      line++;
  }
  if (!line)
    strerr_dief(RK_EXIT_SYS, "no cgroup v2 group in /proc/self/cgroup");
  line += 3;
  line[strcspn(line, "\n")] = 0;
  if (strlen(line) >= sizeof g->path)
    strerr_dief(RK_EXIT_SYS, "path of the control group too long");
  strcpy(g->path, line);
}

void cgroup_find(struct cgroup *g)
{
  find_mount(g);
  find_group(g);
}

/* This process's group as a directory: below the new mount, or below the one that is there. */
int cgroup_open(struct cgroup const *g, int mnt)
{
  static char path[2 * PATH_MAX];
  size_t skip = strlen(g->root);
  int fd;

  if (mnt >= 0)
    fd = openat(mnt, g->path[1] ? g->path + 1 : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  else {
    if (skip == 1)
      skip = 0; /* "/" */
    if (strncmp(g->path, g->root, skip) || (skip && g->path[skip] && g->path[skip] != '/'))
      strerr_dief(RK_EXIT_SYS, "control group ", g->path, " is not visible in ", g->point,
                  ", which shows ", g->root);
    strcpy(path, g->point);
    strcat(path, g->path + skip);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  }
  if (fd < 0)
    strerr_diefusys(RK_EXIT_SYS, "open control group ", g->path);
  return fd;
}
