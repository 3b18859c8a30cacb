/* SPDX-License-Identifier: ISC */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/state.h>
#include <rk/text.h>
#include "rk-state.h"

/* Without an .owner it is being made right now, by somebody who holds no lock yet; or he was killed
   over it, a minute ago or longer. */
static int orphan(int fd)
{
  struct stat st;

  if (faccessat(fd, ".owner", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return 1;
  return fstat(fd, &st) == 0 && st.st_mtime < time(0) - 60;
}

static void told(char const *path, char const *name, int e)
{
  char whole[PATH_MAX + NAME_MAX + 2];
  char text[2 * 4 * sizeof whole + 128];
  struct rk_text w = rk_text_in(whole, sizeof whole);
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_add(&w, path, "/", name);
  rk_state_left(&t, whole, "", e);
  strerr_warnw(text);
}

static void sweep_one(int parent, char const *path, char const *name)
{
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int l = -1;

  if (fd == -1 && errno == EACCES && fchmodat(parent, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1)
    return;
  if (orphan(fd) && rk_state_alive(fd, 0) == 0 &&
      (rk_state_lock(fd, 0, &l) == 0 || errno == ENOENT)) {
    if (rk_state_clear(fd, 1) == -1)
      told(path, name, errno);
    unlinkat(fd, "lock", 0);
    unlinkat(parent, name, AT_REMOVEDIR);
    if (l != -1)
      close(l);
  }
  close(fd);
}

void state_sweep(int parent, char const *path)
{
  DIR *dir = fdopendir(dup(parent));
  struct dirent *d;

  if (!dir)
    return;
  while ((d = readdir(dir)))
    if (!strncmp(d->d_name, "rk.", 3))
      sweep_one(parent, path, d->d_name);
  closedir(dir);
}
