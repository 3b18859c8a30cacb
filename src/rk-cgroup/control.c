/* SPDX-License-Identifier: ISC */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/text.h>

size_t cgroup_read(int dirfd, char const *group, char const *name, char *buf, size_t size)
{
  int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC);
  size_t len;

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", name, " of control group ", group);
  errno = 0;
  len = allread(fd, buf, size - 1);
  if (errno && errno != EPIPE)
    strerr_diefusys(RK_EXIT_SYS, "read ", name, " of control group ", group);
  close(fd);
  buf[len] = 0;
  return len;
}

void cgroup_switch(int dirfd, char const *group, char const *controllers, int on)
{
  int fd = openat(dirfd, "cgroup.subtree_control", O_WRONLY | O_CLOEXEC);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open cgroup.subtree_control of control group ", group);
  for (char const *name = controllers; *name;) {
    size_t len = strcspn(name, " \n");
    char word[64];
    struct rk_text t = rk_text_in(word, sizeof word);
    rk_text_str(&t, on ? "+" : "-");
    rk_text_mem(&t, name, len);
    if (!t.cut && write(fd, word, t.len) == -1)
      strerr_diefusys(RK_EXIT_SYS, on ? "enable" : "disable", " controller ", word + 1,
                      " below control group ", group);
    name += len;
    name += strspn(name, " \n");
  }
  close(fd);
}
