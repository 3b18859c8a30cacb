/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include <rk/fail.h>

/* Root inside writes the same directory at the same moment: it may put a link, a FIFO or another
   directory in the place of anything between two of our calls. So no component of a path is
   followed if it is a link, nothing is opened so that the open can wait, and what we write goes
   into a file that did not exist before, under a name that cannot be guessed. */

/* An fd of the directory that holds the last component of path, which becomes *last. It is dirfd
   itself if there is no slash in path. -1 with errno; ENOTDIR also if a component is a symbolic
   link. */
static int parent(int dirfd, char const *path, char const **last)
{
  char part[NAME_MAX + 1];
  int at = dirfd;
  char const *slash;

  while ((slash = strchr(path, '/'))) {
    size_t n = (size_t)(slash - path);
    int next = -1, e = ENAMETOOLONG;
    if (n < sizeof part) {
      memcpy(part, path, n);
      part[n] = 0;
      next = openat(at, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      e = errno;
    }
    if (at != dirfd)
      close(at);
    if (next == -1)
      return rk_fail(e);
    at = next;
    path = slash + 1;
  }
  *last = path;
  return at;
}

/* GRND_INSECURE of getrandom(2), Linux 5.6: never waits, also right after boot. */
enum { INSECURE = 4 };

void rk_temp_name(char const *prefix, char const *name, char *buf)
{
  static char const hex[] = "0123456789abcdef";
  uint64_t r = 0;
  size_t n = strlen(prefix), len = strlen(name);

  syscall(SYS_getrandom, &r, sizeof r, INSECURE);
  if (len > RK_TEMP_MAX - 1 - n - 17)
    len = RK_TEMP_MAX - 1 - n - 17;
  memcpy(buf, prefix, n);
  memcpy(buf + n, name, len);
  n += len;
  buf[n++] = '-';
  for (int i = 0; i < 16; i++) {
    buf[n++] = hex[r & 15];
    r >>= 4;
  }
  buf[n] = 0;
}

int rk_temp_open(int dirfd, char const *name, char *temp)
{
  rk_temp_name(".new-", name, temp);
  return openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

/* Beyond RLIMIT_FSIZE write(2) fails with EFBIG, but first SIGXFSZ kills us, unless it is ignored;
   and an ignored signal would stay so over exec. */
static size_t write_all(int fd, char const *text, size_t len)
{
  struct sigaction const ignore = {.sa_handler = SIG_IGN};
  struct sigaction was;
  size_t n;
  int e;

  sigaction(SIGXFSZ, &ignore, &was);
  n = allwrite(fd, text, len);
  e = errno;
  sigaction(SIGXFSZ, &was, NULL);
  errno = e;
  return n;
}

static int write_in(int dirfd, char const *name, char const *text, size_t len, mode_t mode)
{
  char temp[RK_TEMP_MAX];
  int fd = rk_temp_open(dirfd, name, temp);
  int e = 0;

  if (fd == -1)
    return -1;
  if (write_all(fd, text, len) < len || fchmod(fd, mode) == -1)
    e = errno;
  close(fd);
  if (!e) {
    if (renameat(dirfd, temp, dirfd, name) == 0)
      return 0;
    e = errno;
  }
  unlinkat(dirfd, temp, 0);
  return rk_fail(e);
}

int rk_fact_write(int dirfd, char const *path, char const *text, size_t len, mode_t mode)
{
  char const *name;
  int at = parent(dirfd, path, &name);
  int r;

  if (at == -1)
    return -1;
  r = write_in(at, name, text, len, mode);
  if (at != dirfd)
    fd_close(at); /* keeps errno */
  return r;
}

int rk_regular_open(int dirfd, char const *path, int flags)
{
  char const *name;
  struct stat st;
  int at = parent(dirfd, path, &name);
  int fd;

  if (at == -1)
    return -1;
  fd = openat(at, name, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
  if (at != dirfd)
    fd_close(at);
  if (fd == -1)
    return -1;
  if (fstat(fd, &st) == -1) {
    fd_close(fd); /* keeps errno */
    return -1;
  }
  if (S_ISREG(st.st_mode))
    return fd;
  close(fd);
  return rk_fail(S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
}

ssize_t rk_fact_read(int dirfd, char const *path, char *buf, size_t size)
{
  int fd = rk_regular_open(dirfd, path, O_RDONLY);
  size_t len;
  int e;

  if (fd == -1)
    return -1;
  errno = 0;
  len = allread(fd, buf, size - 1);
  e = errno;
  close(fd);
  if (e && e != EPIPE)
    return rk_fail(e);
  if (len && buf[len - 1] == '\n')
    len--;
  buf[len] = 0;
  return (ssize_t)len;
}

int rk_state_foreign(int dirfd, char const *name)
{
  struct stat above, st;
  int e = errno;

  if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1 || fstat(dirfd, &above) == -1) {
    errno = e;
    return 0;
  }
  return !S_ISDIR(st.st_mode) || st.st_uid != above.st_uid || (st.st_mode & 0700) != 0700;
}

int rk_state_sub(int dirfd, char const *name, int make)
{
  struct stat above, st;
  int fd;

  if (make && rk_mkdirat(dirfd, name, 0700) == -1 && errno != EEXIST)
    return -1;
  fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1)
    return -1;
  if (fstat(dirfd, &above) == -1 || fstat(fd, &st) == -1) {
    fd_close(fd); /* keeps errno */
    return -1;
  }
  if (st.st_uid == above.st_uid)
    return fd;
  close(fd);
  return rk_fail(EPERM);
}
