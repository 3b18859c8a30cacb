/* SPDX-License-Identifier: ISC
   The file of a unix socket inside the chain, for the relay to connect to.

   Root inside is hostile. Its path is walked in the root of the chain's program, so that it leads
   nowhere that root inside could not go, by a child (netns.c), since it may lead through FUSE. The
   relay connects as the user: a socket must belong to an id of the chain, so that nobody is let in
   by the user's own name where root inside would not be (a chain that root has made has other ids
   than root). And connect(2) asks the file's own file system for permission, which then must be one
   that answers: none that root inside can mount but tmpfs. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include <rk/clock.h>
#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/sys.h>
#include "chain.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

enum { MAP_MAX = 16384, SLOW_MS = 10000 };

static int answers(int fd)
{
  static long const trusted[] = {TMPFS_MAGIC,     RAMFS_MAGIC,       EXT4_SUPER_MAGIC,
                                 XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC};
  struct statfs fs;

  if (fstatfs(fd, &fs) == -1)
    return -1;
  for (size_t i = 0; i < sizeof trusted / sizeof *trusted; i++)
    if ((long)fs.f_type == trusted[i])
      return 0;
  return rk_fail(EOPNOTSUPP);
}

/* Does a line "INSIDE OUTSIDE COUNT" of the uid_map (user_namespaces(7)) have it? */
static int is_mapped(pid_t pid, uid_t uid)
{
  char path[RK_PROCPATH_MAX];
  char text[MAP_MAX];
  unsigned int n[3];
  char const *at = text;

  if (rk_slurp(rk_procpath(path, pid, "uid_map"), text, sizeof text) == -1)
    return -1;
  while (*at) {
    for (int i = 0; i < 3; i++) {
      at += strspn(at, " \n");
      size_t len = uint_scan(at, &n[i]);
      if (!len)
        return rk_fail(EPERM);
      at += len;
    }
    if (uid >= n[1] && uid - n[1] < n[2])
      return 0;
    at += strspn(at, " \n");
  }
  return rk_fail(EPERM);
}

static int check(int fd, pid_t pid)
{
  struct stat st;

  if (fstat(fd, &st) == -1)
    return -1;
  if (!S_ISSOCK(st.st_mode))
    return rk_fail(ENOTSOCK);
  if (answers(fd) == -1)
    return -1;
  return is_mapped(pid, st.st_uid);
}

static int open_socket(char const *path, pid_t pid)
{
  struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  char name[RK_PROCPATH_MAX];
  int root = open(rk_procpath(name, pid, "root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd;

  if (root == -1)
    return -1;
  fd = rk_openat2(root, path + 1, &how);
  fd_close(root); /* keeps errno */
  if (fd == -1 || check(fd, pid) == 0)
    return fd;
  fd_close(fd);
  return -1;
}

/* There may be thousands of ports whose path keeps us waiting: not more than one at a time. */
int chain_socket(struct chain *chain, char const *path)
{
  int fd;

  if (rk_clock_ms() < chain->slow)
    return rk_fail(ETIMEDOUT);
  fd = chain_open_inside(open_socket, path, &chain->openerfd, chain->pid);
  if (fd == -1 && errno == ETIMEDOUT)
    chain->slow = rk_clock_ms() + SLOW_MS;
  if (fd != -1 && chain_ended(chain)) { /* the number may be another's by now */
    fd_close(fd);
    return rk_fail(ESRCH);
  }
  return fd;
}
