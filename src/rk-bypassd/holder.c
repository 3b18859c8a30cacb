/* SPDX-License-Identifier: ISC
   Who has a socket? The kernel does not tell how often a file is open, so the fds of the chain's
   processes are looked through. That happens when a process that was known to have it has ended,
   and when it is to be bound a second time. */
#include "bypassd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>

#include <skalibs/types.h>

#include <rk/sys.h>
#include <rk/text.h>

/* Is the process one of the chain? Those that cannot be looked at are not. The user may have other
   chains: to close a file of theirs would ask their FUSE servers (FUSE_FLUSH). */
static int inside(struct bypassd const *b, char const *name)
{
  char path[64];
  struct rk_text t = rk_text_in(path, sizeof path);
  int userns;

  rk_text_add(&t, name, "/ns/user");
  userns = openat(b->proc, path, O_RDONLY | O_CLOEXEC);
  return userns != -1 && userns_is_inner(b, userns);
}

/* How many fds the process has room for (proc_pid_status(5), FDSize). */
static unsigned int room(struct bypassd const *b, char const *name)
{
  char path[64];
  char text[4096];
  struct rk_text t = rk_text_in(path, sizeof path);
  unsigned int n = 0;
  char const *at;
  ssize_t len;
  int fd;

  rk_text_add(&t, name, "/status");
  fd = openat(b->proc, path, O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    return 0;
  len = read(fd, text, sizeof text - 1);
  close(fd);
  if (len <= 0)
    return 0;
  text[len] = 0;
  at = strstr(text, "\nFDSize:");
  if (at)
    uint_scan(at + sizeof "\nFDSize:" - 1 + strspn(at + sizeof "\nFDSize:" - 1, "\t "), &n);
  return n;
}

static int has(int pidfd, unsigned int fds, uint64_t cookie)
{
  for (unsigned int i = 0; i < fds; i++) {
    int fd = task_fd(pidfd, i);
    int same;
    if (fd == -1 && errno == EBADF)
      continue;
    if (fd == -1)
      return 0;
    same = socket_cookie(fd, SO_COOKIE) == cookie;
    close(fd);
    if (same)
      return 1;
  }
  return 0;
}

int holder_find(struct bypassd const *b, int socket)
{
  uint64_t cookie = socket_cookie(socket, SO_COOKIE);
  int dir = openat(b->proc, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = dir == -1 ? NULL : fdopendir(dir);
  struct dirent const *e;
  int found = -1;

  if (!d)
    return -1;
  while (found == -1 && (e = readdir(d))) {
    unsigned int pid;
    if (!uint0_scan(e->d_name, &pid) || !inside(b, e->d_name))
      continue;
    found = rk_pidfd_open((pid_t)pid, 0);
    if (found == -1 || has(found, room(b, e->d_name), cookie))
      continue;
    close(found);
    found = -1;
  }
  closedir(d);
  return found;
}
