/* SPDX-License-Identifier: ISC */
#include <rk/state.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <skalibs/allreadwrite.h>

int rk_fact_write(int dirfd, char const *name, char const *text, size_t len, mode_t mode)
{
  char tmp[256];
  size_t n = strlen(name);
  char const *slash = strrchr(name, '/');
  size_t dir = slash ? (size_t)(slash - name) + 1 : 0;
  int fd, e;

  /* A dot file beside the target, so that no reader of the directory takes it for a fact. */
  if (n + sizeof(".new-") > sizeof tmp) return errno = ENAMETOOLONG, -1;
  memcpy(tmp, name, dir);
  memcpy(tmp + dir, ".new-", 5);
  memcpy(tmp + dir + 5, name + dir, n - dir + 1);
  fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return -1;
  if (allwrite(fd, text, len) == len && fchmod(fd, mode) == 0) {
    close(fd);
    if (renameat(dirfd, tmp, dirfd, name) == 0) return 0;
    e = errno;
  } else {
    e = errno;
    close(fd);
  }
  unlinkat(dirfd, tmp, 0);
  errno = e;
  return -1;
}

ssize_t rk_fact_read(int dirfd, char const *name, char *buf, size_t size)
{
  int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  size_t len;
  int e;

  if (fd < 0) return -1;
  errno = 0;
  len = allread(fd, buf, size - 1);
  e = errno;
  close(fd);
  if (e && e != EPIPE) return errno = e, -1;
  if (len && buf[len - 1] == '\n') len--;
  buf[len] = 0;
  return (ssize_t)len;
}
