/* SPDX-License-Identifier: ISC */
#include "bind_unix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include <rk/bind.h>
#include <rk/exit.h>
#include <rk/fail.h>
#include <rk/state.h>
#include <rk/sys.h>

#ifndef RENAME_NOREPLACE /* musl 1.2.3; linux/fs.h clashes with glibc's mount.h */
#define RENAME_NOREPLACE 1
#endif

void unix_dirs_add(struct unix_dirs *dirs, char const *path)
{
  char *real = realpath(path, NULL);

  if (dirs->n == UNIX_DIRS_MAX)
    strerr_dief(RK_EXIT_USAGE, "at most 8 directories for unix sockets");
  if (!real)
    strerr_diefusys(RK_EXIT_SYS, "resolve ", path);
  dirs->dir[dirs->n].path = real;
  dirs->dir[dirs->n].fd = open(real, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (dirs->dir[dirs->n].fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open directory ", path);
  dirs->n++;
}

/* Open the directory of the socket, O_PATH. *name: what is after it in path. -1 with errno or
   *why. */
static int open_dir(struct unix_dirs const *dirs, char const *path, char const **name,
                    struct rk_text *why)
{
  struct open_how const how = {
    .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
  };
  char below[RK_PORTSPEC_PATHMAX];

  *name = strrchr(path, '/') + 1;
  for (unsigned int i = 0; i < dirs->n; i++) {
    size_t len = strlen(dirs->dir[i].path);
    struct rk_text t = rk_text_in(below, sizeof below);
    if (strncmp(path, dirs->dir[i].path, len) != 0 || path[len] != '/')
      continue;
    rk_text_mem(&t, path + len + 1, (size_t)(*name - (path + len + 1)));
    return rk_openat2(dirs->dir[i].fd, t.len ? below : ".", &how);
  }
  rk_text_str(why, "rk-portd makes unix sockets only below the directories that its option -u "
                   "names");
  return rk_fail(EACCES);
}

/* By the fd of its directory: a path may be longer than the 108 bytes of unix(7). 0, or -1:
   ENAMETOOLONG. */
static int address(int dir, char const *name, struct sockaddr_un *sa)
{
  struct rk_text t = rk_text_in(sa->sun_path, sizeof sa->sun_path);

  sa->sun_family = AF_UNIX;
  rk_text_str(&t, "/proc/self/fd/");
  rk_text_num(&t, dir);
  rk_text_add(&t, "/", name);
  return t.cut ? rk_fail(ENAMETOOLONG) : 0;
}

static int stream(void)
{
  return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/* Does somebody listen there? 1, 0, or -1 with errno. */
static int listened(int dir, char const *name)
{
  struct sockaddr_un sa;
  int fd;
  int r;

  if (address(dir, name, &sa) == -1)
    return -1;
  fd = stream();
  if (fd == -1)
    return -1;
  r = connect(fd, (struct sockaddr *)&sa, sizeof sa);
  fd_close(fd);                  /* keeps errno */
  if (r == 0 || errno == EAGAIN) /* its queue is full */
    return 1;
  return errno == ECONNREFUSED ? 0 : -1;
}

/* May the name be taken? RENAME_NOREPLACE: nothing has it; 0: what has it may be replaced; -1 with
   errno. */
static int vacant(int dir, char const *name)
{
  struct stat st;
  int r;

  if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
    return errno == ENOENT ? RENAME_NOREPLACE : -1;
  if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid())
    return rk_fail(EEXIST);
  r = listened(dir, name);
  if (r == 1)
    return rk_fail(EADDRINUSE);
  return r;
}

/* A listening socket with the name temp, and its mode: the file that bind(2) makes has that of the
   socket (unix_bind_bsd()). By its name it could not be changed: root inside may see the directory,
   and put a link there. */
static int make(int dir, char const *temp, uint16_t mode)
{
  struct sockaddr_un sa;
  mode_t mask;
  int fd;
  int r;

  if (address(dir, temp, &sa) == -1)
    return -1;
  fd = stream();
  if (fd == -1)
    return -1;
  mask = umask(0);
  r = fchmod(fd, mode);
  if (r == 0)
    r = bind(fd, (struct sockaddr *)&sa, sizeof sa);
  umask(mask);
  if (r == 0) {
    if (listen(fd, RK_BACKLOG) == 0)
      return fd;
    int e = errno;
    unlinkat(dir, temp, 0);
    errno = e;
  }
  fd_close(fd);
  return -1;
}

/* The socket under its own name, at once, with nothing in between. Its fd, or -1 with errno. */
static int put(int dir, char const *name, uint16_t mode, struct stat *made)
{
  char temp[RK_TEMP_MAX];
  struct sockaddr_un sa;
  int flags = vacant(dir, name);
  int fd;

  if (flags == -1)
    return -1;
  if (address(dir, name, &sa) == -1) /* nobody could connect to it in this way */
    return -1;
  rk_temp_name(".new", "", temp);
  fd = make(dir, temp, mode);
  if (fd == -1)
    return -1;
  if (fstatat(dir, temp, made, AT_SYMLINK_NOFOLLOW) == 0 &&
      rk_renameat2(dir, temp, dir, name, (unsigned int)flags) == 0)
    return fd;
  int e = errno;
  unlinkat(dir, temp, 0);
  close(fd);
  return rk_fail(e);
}

int unix_bind(struct unix_dirs const *dirs, struct published *p, struct rk_text *why)
{
  char const *name;
  struct stat made;
  int dir = open_dir(dirs, p->file.spec.parentpath, &name, why);
  int fd;

  if (dir == -1)
    return -1;
  fd = put(dir, name, p->file.spec.mode, &made);
  if (fd == -1) {
    fd_close(dir);
    return -1;
  }
  p->fds[0] = fd;
  p->nfds = 1;
  p->socketdir = dir;
  p->socketdev = made.st_dev;
  p->socketino = made.st_ino;
  return 0;
}

void unix_undo(struct published *p)
{
  char const *name = strrchr(p->file.spec.parentpath, '/') + 1;
  struct stat st;

  if (fstatat(p->socketdir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == p->socketdev &&
      st.st_ino == p->socketino)
    unlinkat(p->socketdir, name, 0);
  close(p->socketdir);
  close(p->fds[0]);
  p->nfds = 0;
}
