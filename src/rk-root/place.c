/* SPDX-License-Identifier: ISC */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/sys.h>

static int look(int root, char const *path)
{
  struct open_how const how = {
    .flags = O_PATH | O_CLOEXEC,
    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
  };

  return rk_openat2(root, path, &how);
}

static int make_at(int parent, char const *name, int file)
{
  int fd;

  if (!file)
    return mkdirat(parent, name, 0755);
  fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd == -1)
    return -1;
  return close(fd);
}

/* path, of len bytes, whose parent directory is there. */
static int make(int root, char *path, int file)
{
  char *name = strrchr(path, '/');
  int parent;
  int r;

  if (!name)
    return make_at(root, path, file);
  *name = 0;
  parent = look(root, *path ? path : ".");
  *name = '/';
  if (parent == -1)
    return -1;
  r = make_at(parent, name + 1, file);
  close(parent);
  return r;
}

/* Every directory of path, from the first one on, then itself. */
static int make_all(int root, char *path, int file)
{
  size_t end = strspn(path, "/");

  while (path[end]) {
    char next;
    int fd;
    end += strcspn(path + end, "/");
    next = path[end];
    path[end] = 0;
    fd = look(root, path);
    if (fd != -1)
      close(fd);
    else if (errno != ENOENT || make(root, path, file && !next) == -1)
      return -1;
    path[end] = next;
    end += strspn(path + end, "/");
  }
  return 0;
}

int root_place(int root, char const *path, int file)
{
  char copy[PATH_MAX];
  size_t len = strlen(path);
  int fd = look(root, path);
  mode_t mask;
  int made;

  if (fd != -1)
    return fd;
  if (len >= sizeof copy)
    errno = ENAMETOOLONG;
  if (errno != ENOENT)
    strerr_diefusys(RK_EXIT_SYS, "open ", path, " in the new root");
  memcpy(copy, path, len + 1);
  while (len > 1 && copy[len - 1] == '/')
    copy[--len] = 0;
  /* others inside go through these directories, whatever the caller's umask */
  mask = umask(022);
  made = make_all(root, copy, file);
  if (made == -1 && errno == EEXIST)
    strerr_dief(RK_EXIT_SYS, "unable to make ", path,
                " in the new root: a symbolic link that leads to nothing there is in its place");
  if (made == -1)
    strerr_diefusys(RK_EXIT_SYS, "make ", path, " in the new root");
  umask(mask);
  fd = look(root, path);
  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", path, " in the new root");
  return fd;
}
