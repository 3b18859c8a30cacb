/* SPDX-License-Identifier: ISC */
#include <rk/fds.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include <rk/proc.h>

#ifndef SO_NETNS_COOKIE /* musl 1.2.3 */
#define SO_NETNS_COOKIE 71
#endif

static uint64_t cookie(int sock)
{
  uint64_t c = 0;
  socklen_t len = sizeof c;

  if (getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &c, &len) == -1 || len != sizeof c)
    return 0;
  return c;
}

uint64_t rk_netns_cookie(void)
{
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  uint64_t c;

  if (fd == -1)
    return 0;
  c = cookie(fd);
  close(fd);
  return c;
}

static int option(int fd, int name)
{
  int value = -1;
  socklen_t len = sizeof value;

  if (getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1)
    return -1;
  return value;
}

static char const *unix_leads(int fd)
{
  struct sockaddr_storage peer;
  socklen_t len = sizeof peer;

  if (option(fd, SO_TYPE) == SOCK_DGRAM)
    return "a unix datagram socket";
  if (option(fd, SO_ACCEPTCONN) == 1)
    return NULL;
  if (getpeername(fd, (struct sockaddr *)&peer, &len) == -1)
    return "an unconnected unix socket";
  if (fd <= 2)
    return NULL;
  return "a connected unix socket";
}

static char const *socket_leads(int fd, uint64_t own)
{
  if (own && cookie(fd) == own)
    return NULL;
  switch (option(fd, SO_DOMAIN)) {
    case AF_UNIX: return unix_leads(fd);
    case AF_INET:
    case AF_INET6: return "an inet socket";
    default: return "a socket that is neither inet nor unix";
  }
}

static int is_uring(int fd)
{
  static char const name[] = "anon_inode:[io_uring]";
  char path[RK_PROCPATH_MAX];
  char to[sizeof name];
  ssize_t len = readlink(rk_procpath_fd(path, "fd", fd), to, sizeof to);

  return len == sizeof name - 1 && !memcmp(to, name, sizeof name - 1);
}

char const *rk_fd_leads(int fd, unsigned int what, uint64_t own)
{
  struct stat st;

  if (fstat(fd, &st) == -1)
    return NULL;
  if (S_ISSOCK(st.st_mode)) {
    /* with O_PATH it is a name in the file system, no socket */
    if (option(fd, SO_DOMAIN) == -1)
      return NULL;
    return what & RK_FDS_SOCKETS ? socket_leads(fd, own) : NULL;
  }
  if (S_ISDIR(st.st_mode))
    return what & RK_FDS_FILES ? "a directory" : NULL;
  if (!(st.st_mode & S_IFMT) && is_uring(fd))
    return "an io_uring";
  return NULL;
}

/* The number that *s begins with, *s then at what follows it; -1: there is none. */
static int number(char const **s)
{
  unsigned int n;
  size_t len = uint_scan(*s, &n);

  if (!len || n > INT_MAX)
    return -1;
  *s += len;
  return (int)n;
}

int rk_fds_list_valid(char const *list)
{
  if (!strcmp(list, "all"))
    return 1;
  for (;; list++) {
    if (number(&list) == -1)
      return 0;
    if (!*list)
      return 1;
    if (*list != ',')
      return 0;
  }
}

int rk_fds_listed(char const *list, int fd)
{
  if (!list)
    return 0;
  if (!strcmp(list, "all"))
    return 1;
  for (;; list++) {
    if (number(&list) == fd)
      return 1;
    if (*list != ',')
      return 0;
  }
}

/* getdents64(2) */
struct entry {
  uint64_t ino;
  int64_t off;
  unsigned short reclen;
  unsigned char type;
  char name[];
};

/* Is fd open, and kept by exec(2)? What we opened ourselves is not. */
static int kept(int fd)
{
  int flags = fcntl(fd, F_GETFD);

  return flags != -1 && !(flags & FD_CLOEXEC);
}

static int use_names(char const *buf, size_t len, int (*use)(int, void *), void *data)
{
  int r = 0;

  for (size_t at = 0; at < len && !r;) {
    struct entry const *e = (struct entry const *)(void const *)(buf + at);
    char const *name = e->name;
    int fd = number(&name);
    at += e->reclen;
    if (fd != -1 && kept(fd))
      r = use(fd, data);
  }
  return r;
}

/* Where /proc is masked or missing: every number that the hard limit allows, or that the kernel
   does by default (fs.nr_open). */
static int try_all(int (*use)(int fd, void *data), void *data)
{
  struct rlimit limit;
  int end = 1 << 20, r = 0;

  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max < (rlim_t)end)
    end = (int)limit.rlim_max;
  for (int fd = 0; fd < end && !r; fd++)
    if (kept(fd))
      r = use(fd, data);
  return r;
}

int rk_fds_each(int (*use)(int fd, void *data), void *data)
{
  _Alignas(struct entry) char buf[4096];
  int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int r = 0;

  if (dir == -1)
    return try_all(use, data);
  while (!r) {
    long len = syscall(SYS_getdents64, dir, buf, sizeof buf);
    if (len <= 0) {
      r = (int)len;
      break;
    }
    r = use_names(buf, (size_t)len, use, data);
  }
  fd_close(dir); /* keeps errno */
  return r;
}
