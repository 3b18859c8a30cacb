/* SPDX-License-Identifier: ISC
   Mode overlay: an overlay of the directory and a tmpfs. The tmpfs is mounted on the directory and
   the overlay on the tmpfs, so that all layers are attached where the kernel looks at them (before
   6.15 it refuses detached ones). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/mountinfo.h>
#include <rk/proc.h>
#include <rk/sys.h>
#include "copyup.h"

static char const MOUNTINFO[] = "/proc/self/mountinfo";

static char const *fd_path(char *buf, char const *dir, int fd)
{
  size_t len = strlen(dir);

  memcpy(buf, dir, len);
  buf[len + uint_fmt(buf + len, (unsigned int)fd)] = 0;
  return buf;
}

/* Layers by fd where the kernel takes them (lowerdir+ 6.5, upperdir and workdir 6.13), else by
   name. */
static void layer(int fsfd, char const *key, char const *oldkey, int fd)
{
  char path[32];

  if (rk_fsconfig(fsfd, FSCONFIG_SET_FD, key, 0, fd) == 0)
    return;
  if (errno != EINVAL)
    copyup_die("set", "overlay", key);
  copyup_fs_set(fsfd, "overlay", oldkey, fd_path(path, "/proc/self/fd/", fd), -1);
}

static int layer_dir(int fd, char const *name, struct stat const *st)
{
  struct timespec const times[] = {st->st_atim, st->st_mtim};
  int r;

  if (mkdirat(fd, name, 0700) < 0 ||
      (r = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 || copyup_chown(r, st) == -1 ||
      fchmod(r, st->st_mode & 07777) < 0 || futimens(r, times) < 0)
    copyup_die("make the layer", name, "");
  return r;
}

void copyup_overlay(struct copyup const *dir)
{
  int cover, upper, work, fsfd, overlay;

  copyup_overlay_check(dir); /* again: an element before this one may have mounted something */
  cover = copyup_tmpfs(0700);
  upper = layer_dir(cover, "upper", &dir->st);
  work = layer_dir(cover, "work", &dir->st);
  /* without user attributes the kernel makes an overlay that fails at random later (opaque
     directories) */
  if (fsetxattr(work, "user.rk-copyup", "", 0, 0) < 0 || fremovexattr(work, "user.rk-copyup") < 0)
    copyup_die("set a user attribute (Linux 6.6) on", "tmpfs", "");
  copyup_attach(cover, dir->fd, "", dir->path);

  fsfd = rk_fsopen("overlay");
  if (fsfd < 0 && (errno == ENODEV || errno == EPERM))
    rk_die_host("D8", "Linux 5.11 or later with overlay, or mode symlink or copy",
                "unable to make a new overlay: not supported here");
  if (fsfd < 0)
    copyup_die("make a new", "overlay", "");
  copyup_fs_set(fsfd, "overlay", "source", "rk-copyup", -1);
  copyup_fs_set(fsfd, "overlay", "userxattr", 0, -1);
  layer(fsfd, "lowerdir+", "lowerdir", dir->fd);
  layer(fsfd, "upperdir", "upperdir", upper);
  layer(fsfd, "workdir", "workdir", work);
  overlay = copyup_fs_mount(fsfd, "overlay");
  copyup_attach(overlay, cover, "", dir->path);
  close(overlay);
  close(work);
  close(upper);
  close(cover);
}

/* The number of the mount that fd is on, as in mountinfo: from its fdinfo (proc_pid_fdinfo(5)). */
static unsigned int mount_id(int fd)
{
  char path[40], text[512];
  char const *s = text;
  unsigned int id;

  if (rk_slurp(fd_path(path, "/proc/self/fdinfo/", fd), text, sizeof text) < 0)
    copyup_die("read", path, "");
  while (s && strncmp(s, "mnt_id:\t", 8))
    s = (s = strchr(s, '\n')) ? s + 1 : 0;
  if (!s || !uint_scan(s + 8, &id))
    strerr_dief(RK_EXIT_BUG, "no mnt_id in ", path);
  return id;
}

void copyup_overlay_check(struct copyup const *dir)
{
  static struct rk_mountinfo l;
  static char real[PATH_MAX], shown[4 * PATH_MAX + 3];
  unsigned int id = mount_id(dir->fd), parent;
  size_t len;
  int r, here = open(".", O_PATH | O_CLOEXEC);

  if (here < 0 || fchdir(dir->fd) < 0 || syscall(SYS_getcwd, real, sizeof real) < 0 ||
      fchdir(here) < 0)
    copyup_die("find the real path of", dir->path, "");
  close(here);
  len = strlen(real);
  l.len = l.pos = 0;
  l.fd = open(MOUNTINFO, O_RDONLY | O_CLOEXEC);
  if (l.fd < 0)
    copyup_die("read", MOUNTINFO, "");
  while ((r = rk_mountinfo_next(&l)) > 0) {
    char *s = rk_mountinfo_field(l.line, 2), *at = rk_mountinfo_field(l.line, 5);
    if (!at || !uint_scan(s, &parent) || parent != id)
      continue;
    rk_mountinfo_unescape(at);
    if (!strncmp(at, real, len) && at[len] == '/') {
      copyup_shown(shown, sizeof shown, "", at);
      strerr_dief(RK_EXIT_USAGE, "mode overlay cannot show ", shown, ", which is mounted below ",
                  dir->path, ": use mode symlink or copy");
    }
  }
  if (r < 0)
    copyup_die("read", MOUNTINFO, "");
  close(l.fd);
}
