/* SPDX-License-Identifier: ISC */
#include <rk/ns.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/nsfs.h>

#include <skalibs/djbunix.h>

int rk_ns_same(int fd, char const *path)
{
  struct stat a, b;

  if (fstat(fd, &a) == -1 || stat(path, &b) == -1)
    return -1;
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int rk_ns_owner(int nsfd)
{
  int same, userfd = ioctl(nsfd, NS_GET_USERNS);

  if (userfd == -1)
    return errno == EPERM ? RK_NS_OUTER : -1;
  same = rk_ns_same(userfd, "/proc/self/ns/user");
  fd_close(userfd); /* keeps errno */
  if (same == -1)
    return -1;
  return same ? RK_NS_OURS : RK_NS_INNER;
}

int rk_ns_owner_at(char const *path)
{
  int owner, fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd == -1)
    return -1;
  owner = rk_ns_owner(fd);
  fd_close(fd);
  return owner;
}

int rk_ns_child_of(struct stat const *outer, int userns)
{
  struct stat st;
  int parent, at = fcntl(userns, F_DUPFD_CLOEXEC, 0);

  while (at != -1) {
    parent = ioctl(at, NS_GET_PARENT);
    if (parent == -1 && errno == EPERM)
      errno = EXDEV;
    if (parent == -1 || fstat(parent, &st) == -1)
      break;
    if (st.st_dev == outer->st_dev && st.st_ino == outer->st_ino) {
      fd_close(parent);
      return at;
    }
    fd_close(at);
    at = parent;
  }
  if (at != -1)
    fd_close(at);
  return -1;
}
