/* SPDX-License-Identifier: ISC
   Mode overlay: an overlay of the directory and a tmpfs. The tmpfs is mounted on the directory and
   the overlay on the tmpfs, so that all layers are attached where the kernel looks at them (before
   6.15 it refuses detached ones). */
#include "copyup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/mountinfo.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>

static char const MOUNTINFO[] = "/proc/self/mountinfo";

/* Layers by fd where the kernel takes them (lowerdir+ 6.5, upperdir and workdir 6.13), else by
   name. */
static void set_layer(int fsfd, char const *key, char const *oldkey, int fd)
{
  char path[RK_PROCPATH_MAX];

  if (rk_fsconfig(fsfd, FSCONFIG_SET_FD, key, NULL, fd) == 0)
    return;
  if (errno != EINVAL)
    copyup_die("set", "overlay", key);
  copyup_fs_set(fsfd, "overlay", oldkey, rk_procpath_fd(path, "fd", fd));
}

static int set_up_layer(int layer, struct stat const *st)
{
  struct timespec const times[] = {st->st_atim, st->st_mtim};

  if (copyup_chown(layer, st) == -1)
    return -1;
  if (fchmod(layer, st->st_mode & 07777) == -1)
    return -1;
  return futimens(layer, times);
}

static int make_layer(int fd, char const *name, struct stat const *st)
{
  int layer = -1;

  if (rk_mkdirat(fd, name, 0700) == 0)
    layer = copyup_read_dir(fd, name);
  if (layer == -1 || set_up_layer(layer, st) == -1)
    copyup_die("make the layer", name, "");
  return layer;
}

/* Without user attributes the kernel makes an overlay that fails at random later (opaque
   directories). */
static void check_attributes(int work)
{
  static char const name[] = "user.rk-copyup";

  if (fsetxattr(work, name, "", 0, 0) == 0 && fremovexattr(work, name) == 0)
    return;
  copyup_die("set a user attribute (Linux 6.6) on", "tmpfs", "");
}

static int open_overlay(void)
{
  int fsfd = rk_fsopen("overlay");

  if (fsfd != -1)
    return fsfd;
  if (errno == ENODEV || errno == EPERM)
    rk_die_host("D8", "Linux 5.11 or later with overlay, or mode symlink or copy",
                "unable to make a new overlay: not supported here");
  copyup_die("make a new", "overlay", "");
}

void copyup_overlay(struct copyup const *dir)
{
  int cover;
  int upper;
  int work;
  int fsfd;
  int overlay;

  copyup_overlay_check(dir); /* again: an element before this one may have mounted something */
  cover = copyup_tmpfs(0700);
  upper = make_layer(cover, "upper", &dir->st);
  work = make_layer(cover, "work", &dir->st);
  check_attributes(work);
  copyup_attach(cover, dir->fd, "", dir->path);

  fsfd = open_overlay();
  copyup_fs_set(fsfd, "overlay", "source", "rk-copyup");
  copyup_fs_set(fsfd, "overlay", "userxattr", NULL);
  set_layer(fsfd, "lowerdir+", "lowerdir", dir->fd);
  set_layer(fsfd, "upperdir", "upperdir", upper);
  set_layer(fsfd, "workdir", "workdir", work);
  overlay = copyup_fs_mount(fsfd, "overlay");
  copyup_attach(overlay, cover, "", dir->path);
  copyup_special(dir, overlay);
  close(overlay);
  close(work);
  close(upper);
  close(cover);
}

/* The number of the mount that fd is on, as in mountinfo: from its fdinfo (proc_pid_fdinfo(5)). */
static unsigned int mount_id(int fd)
{
  static char const key[] = "mnt_id:\t";
  char path[RK_PROCPATH_MAX];
  char text[512];
  char const *s;
  unsigned int id;

  if (rk_slurp(rk_procpath_fd(path, "fdinfo", fd), text, sizeof text) == -1)
    copyup_die("read", path, "");
  s = strstr(text, key);
  if (!s || !uint_scan(s + sizeof key - 1, &id))
    strerr_dief(RK_EXIT_BUG, "no mnt_id in ", path);
  return id;
}

/* Where a line of mountinfo says that a mount lies on that one, below the directory real, NULL: it
   says another thing. */
static char *mounted_below(char *line, unsigned int id, char const *real)
{
  char *parent = rk_mountinfo_field(line, 2);
  char *at = rk_mountinfo_field(line, 5);
  unsigned int n;

  if (!at || !uint_scan(parent, &n))
    return NULL;
  if (n != id)
    return NULL;
  rk_mountinfo_unescape(at);
  if (!strcmp(at, real) || !copyup_is_below(at, real))
    return NULL;
  return at;
}

void copyup_overlay_check(struct copyup const *dir)
{
  static struct rk_mountinfo l;
  static char real[PATH_MAX];
  static char shown[4 * PATH_MAX + 3];
  unsigned int id = mount_id(dir->fd);
  int r;

  copyup_real_path(dir, real);
  l.len = 0;
  l.pos = 0;
  l.fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
  if (l.fd == -1)
    copyup_die("read", MOUNTINFO, "");
  while ((r = rk_mountinfo_next(&l)) > 0) {
    char const *at = mounted_below(l.line, id, real);
    if (!at)
      continue;
    copyup_shown(shown, sizeof shown, "", at);
    strerr_dief(RK_EXIT_USAGE, "mode overlay cannot show ", shown, ", which is mounted below ",
                dir->path, ": use mode symlink or copy");
  }
  if (r == -1)
    copyup_die("read", MOUNTINFO, "");
  close(l.fd);
}
