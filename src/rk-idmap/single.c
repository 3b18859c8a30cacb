/* SPDX-License-Identifier: ISC */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

static int put(char const *path, char const *text, size_t len, struct rk_cause *why)
{
  int fd = open(path, O_WRONLY | O_CLOEXEC), e = 0;

  if (fd == -1 || write(fd, text, len) != (ssize_t)len)
    e = errno;
  if (fd != -1)
    close(fd);
  if (!e)
    return 0;
  rk_cause_set(why, "I8", "unable to write %: %\n%", path, strerror(e),
               e == EACCES ? "make rk-idmap readable for its user (chmod 0755), and /proc writable"
                           : "start the chain from a process whose own ids are mapped");
  return -1;
}

static int map(char const *path, uint32_t id, struct rk_cause *why)
{
  char text[2 + UINT_FMT + 3] = "0 ";
  size_t len = 2 + uint32_fmt(text + 2, id);

  memcpy(text + len, " 1\n", 3);
  return put(path, text, len + 3, why);
}

/* An unprivileged process may map its own gid only after it has given up setgroups(2) for good,
   user_namespaces(7). */
int idmap_single(struct idmap_who const *who, struct rk_cause *why)
{
  if (put("/proc/self/setgroups", "deny", 4, why) == -1)
    return -1;
  if (map("/proc/self/gid_map", who->gid, why) == -1)
    return -1;
  return map("/proc/self/uid_map", who->uid, why);
}
