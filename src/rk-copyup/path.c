/* SPDX-License-Identifier: ISC
   Paths by the kernel's names. */
#include "copyup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rk/proc.h>

/* The working directory for a moment. Not where the way back is closed: then this fails first. */
static int visit(int dir, int (*there)(char *arg), char *arg)
{
  int here = open(".", O_PATH | O_CLOEXEC);
  int r = -1;
  int e;

  if (here == -1)
    return -1;
  if (fchdir(here) == 0 && fchdir(dir) == 0) {
    r = there(arg);
    e = errno;
    if (fchdir(here) == -1)
      r = -1;
    else
      errno = e;
  }
  close(here);
  return r;
}

static int name_here(char *real)
{
  return syscall(SYS_getcwd, real, (unsigned long)PATH_MAX) == -1 ? -1 : 0;
}

static int detach_here(char *unused)
{
  (void)unused;
  return umount2(".", MNT_DETACH);
}

void copyup_real_path(struct copyup const *dir, char real[PATH_MAX])
{
  char path[RK_PROCPATH_MAX];
  ssize_t len = readlink(rk_procpath_fd(path, "fd", dir->fd), real, PATH_MAX);

  if (len >= 0 && len < PATH_MAX) {
    real[len] = 0;
    return;
  }
  if (visit(dir->fd, name_here, real) == -1) /* no /proc, perhaps */
    copyup_die("find the real path of", dir->path, "");
}

int copyup_is_below(char const *path, char const *real)
{
  size_t len = strlen(real);

  return !strncmp(path, real, len) && (path[len] == '/' || !path[len]);
}

void copyup_detach(int mountfd)
{
  char path[RK_PROCPATH_MAX];

  if (umount2(rk_procpath_fd(path, "fd", mountfd), MNT_DETACH) == 0)
    return;
  if (visit(mountfd, detach_here, NULL) == -1)
    copyup_die("detach", "a tmpfs", "");
}
