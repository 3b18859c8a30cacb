/* SPDX-License-Identifier: ISC */
#include <rk/proc.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include <rk/fail.h>

ssize_t rk_slurp(char const *path, char *buf, size_t size)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  size_t len;

  if (fd == -1)
    return -1;
  errno = 0;
  len = allread(fd, buf, size - 1);
  fd_close(fd); /* keeps errno */
  if (errno && errno != EPIPE)
    return -1;
  if (len && buf[len - 1] == '\n')
    len--;
  buf[len] = 0;
  return (ssize_t)len;
}

int rk_proc_stat(pid_t pid, unsigned int field, unsigned long long *value)
{
  char path[RK_PROCPATH_MAX];
  char buf[1024];
  char *p;

  if (rk_slurp(rk_procpath(path, pid, "stat"), buf, sizeof buf) == -1) {
    if (errno == ENOENT)
      errno = ESRCH;
    return -1;
  }
  /* The name is in parentheses and may contain any byte: fields are counted from the last
     one. */
  p = strrchr(buf, ')');
  if (!p || field < 4)
    return rk_fail(EINVAL);
  for (p++; field > 2 && *p; field--) {
    while (*p == ' ')
      p++;
    if (field == 3) {
      uint64_t v = 0;
      if (*p == '-')
        return rk_fail(ERANGE);
      if (!uint64_scan(p, &v))
        break;
      *value = v;
      return 0;
    }
    while (*p && *p != ' ')
      p++;
  }
  return rk_fail(EINVAL);
}

int rk_descends(pid_t pid, pid_t root, unsigned int depth)
{
  while (pid > 0 && pid != root) {
    unsigned long long parent;
    if (!depth--)
      return 0;
    if (rk_proc_stat(pid, 4, &parent) == -1)
      return errno == ESRCH ? 0 : -1;
    pid = (pid_t)parent;
  }
  return pid > 0;
}

ssize_t rk_proc_status(char const *key, char *buf, size_t size)
{
  static char text[4096];
  size_t klen = strlen(key);
  char *line = text;

  if (rk_slurp("/proc/self/status", text, sizeof text) == -1)
    return -1;
  while (line) {
    char *next = strchr(line, '\n');
    if (next)
      *next++ = 0;
    if (!strncmp(line, key, klen) && line[klen] == ':') {
      size_t len;
      line += klen + 1;
      line += strspn(line, " \t");
      len = strlen(line);
      if (len >= size)
        return rk_fail(ENAMETOOLONG);
      memcpy(buf, line, len + 1);
      return (ssize_t)len;
    }
    line = next;
  }
  return rk_fail(ENOENT);
}

/* "Pid:\t1234" of /proc/self/fdinfo/N (proc_pid_fdinfo(5)). */
pid_t rk_pidfd_pid(int pidfd)
{
  char path[RK_PROCPATH_MAX];
  char text[512];
  char *p;
  unsigned int pid;

  if (rk_slurp(rk_procpath_fd(path, "fdinfo", pidfd), text, sizeof text) == -1)
    return -1;
  p = strstr(text, "Pid:\t");
  if (p && p[5] == '-')
    return 0;
  if (!p || !uint_scan(p + 5, &pid))
    return rk_fail(EBADF);
  return (pid_t)pid;
}
