/* SPDX-License-Identifier: ISC */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/mountinfo.h>
#include <rk/text.h>

/* Cut to size it would be another path. */
static void set_path(char path[PATH_MAX], char const *value)
{
  struct rk_text t = rk_text_in(path, PATH_MAX);

  rk_text_str(&t, value);
  if (t.cut)
    strerr_dief(RK_EXIT_SYS, "a mount point of cgroup2 in /proc/self/mountinfo is too long");
}

/* A line of mountinfo. */
static void take_mount(struct cgroup *g, char *line)
{
  char *type = strstr(line, " - ");
  char *root = rk_mountinfo_field(line, 4);
  char *point = rk_mountinfo_field(line, 5);

  if (!type || !root || !point)
    return;
  if (!strncmp(type, " - cgroup ", 10) && !strstr(type, "name="))
    g->v1 = 1;
  if (strncmp(type, " - cgroup2 ", 11))
    return;
  rk_mountinfo_unescape(point);
  rk_mountinfo_unescape(root);
  /* the first place, but there what lies on top */
  if (*g->point && strcmp(g->point, point))
    return;
  set_path(g->point, point);
  set_path(g->root, root);
}

static void find_mount(struct cgroup *g)
{
  static struct rk_mountinfo m;
  int r;

  m.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (m.fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/mountinfo");
  while ((r = rk_mountinfo_next(&m)) > 0)
    take_mount(g, m.line);
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/mountinfo");
  close(m.fd);
  if (!*g->point)
    rk_die_host("S6",
                "boot with systemd.unified_cgroup_hierarchy=1 or mount cgroup2 on /sys/fs/cgroup",
                "cgroup v2 is not mounted", g->v1 ? ": this host has cgroup v1 only" : "");
}

/* The line "0::PATH" of /proc/self/cgroup (cgroups(7)). */
static void find_group(struct cgroup *g)
{
  char text[4 * PATH_MAX];
  char *line = text;
  int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
  size_t len;

  if (fd == -1)
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

/* Below the mount that is there, which may show a part of the tree. */
static int open_below(struct cgroup const *g, int flags)
{
  static char path[2 * PATH_MAX];
  struct rk_text t = rk_text_in(path, sizeof path);
  size_t skip = strlen(g->root);
  char const *rest;

  if (skip == 1)
    skip = 0; /* "/" */
  rest = g->path + skip;
  if (strncmp(g->path, g->root, skip) || (skip && *rest && *rest != '/'))
    strerr_dief(RK_EXIT_SYS, "control group ", g->path, " is not visible in ", g->point,
                ", which shows ", g->root);
  rk_text_add(&t, g->point, rest);
  return open(path, flags);
}

/* This process's group as a directory: below the new mount, or below the one that is there. */
int cgroup_open(struct cgroup const *g, int mnt)
{
  int const flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  int fd;

  if (mnt == -1)
    fd = open_below(g, flags);
  else if (g->path[1])
    fd = openat(mnt, g->path + 1, flags);
  else
    fd = openat(mnt, ".", flags);
  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open control group ", g->path);
  return fd;
}
