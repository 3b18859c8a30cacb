/* SPDX-License-Identifier: ISC */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <rk/text.h>

static int write_once(char const *path, char const *text, struct rk_cause *why)
{
  size_t len = strlen(text);
  char const *fix = "start the chain from a process whose own ids are mapped";
  int e = 0;
  int fd = open(path, O_WRONLY | O_CLOEXEC);

  if (fd == -1 || write(fd, text, len) != (ssize_t)len)
    e = errno;
  if (fd != -1)
    close(fd);
  if (!e)
    return 0;
  if (e == EACCES)
    fix = "make rk-idmap readable for its user (chmod 0755), and /proc writable";
  rk_cause_set(why, "I8", "unable to write %: %\n%", path, strerror(e), fix);
  return -1;
}

static int map_one(char const *path, uint32_t id, struct rk_cause *why)
{
  char text[32];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "0 ");
  rk_text_num(&t, id);
  rk_text_str(&t, " 1\n");
  return write_once(path, text, why);
}

/* An unprivileged process may map its own gid only after it has given up setgroups(2) for good,
   user_namespaces(7). */
int idmap_single(struct idmap_who const *who, struct rk_cause *why)
{
  if (write_once("/proc/self/setgroups", "deny", why) == -1)
    return -1;
  if (map_one("/proc/self/gid_map", who->gid, why) == -1)
    return -1;
  return map_one("/proc/self/uid_map", who->uid, why);
}
