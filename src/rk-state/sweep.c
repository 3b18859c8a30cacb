/* SPDX-License-Identifier: ISC */
#include "rk-state.h"

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

/* Without an .owner it is being made right now, by somebody who holds no lock yet; or he was killed
   over it, a minute ago or longer. */
static int orphan(int fd)
{
  struct stat st;

  if (faccessat(fd, ".owner", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return 1;
  return fstat(fd, &st) == 0 && st.st_mtime < time(NULL) - 60;
}

static void warn_left(char const *path, char const *name, int e)
{
  char whole[PATH_MAX + NAME_MAX + 2];
  char text[2 * 4 * sizeof whole + 128];
  struct rk_text w = rk_text_in(whole, sizeof whole);
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_add(&w, path, "/", name);
  rk_state_left(&t, whole, "", e);
  strerr_warnw(text);
}

/* Is the chain of this directory gone? Then its lock is ours, -1: it has none. */
static int is_abandoned(int fd, int *lockfd)
{
  *lockfd = -1;
  if (!orphan(fd))
    return 0;
  if (rk_state_alive(fd, NULL) != 0)
    return 0;
  if (rk_state_lock(fd, 0, lockfd) == 0)
    return 1;
  return errno == ENOENT;
}

static void sweep_one(int parent, char const *path, char const *name)
{
  int fd = state_open(parent, name);
  int lockfd;

  if (fd == -1)
    return;
  if (is_abandoned(fd, &lockfd)) {
    if (rk_state_clear(fd, 1) == -1)
      warn_left(path, name, errno);
    unlinkat(fd, "lock", 0);
    unlinkat(parent, name, AT_REMOVEDIR);
    if (lockfd != -1)
      close(lockfd);
  }
  close(fd);
}

void state_sweep(int parent, char const *path)
{
  int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *d;

  if (!dir && fd != -1)
    close(fd);
  if (!dir)
    return; /* the next rk-state -t will sweep */
  while ((d = readdir(dir)))
    if (!strncmp(d->d_name, "rk.", 3))
      sweep_one(parent, path, d->d_name);
  closedir(dir);
}
