/* SPDX-License-Identifier: ISC */
#include <rk/proc.h>

#include <rk/text.h>

char *rk_procpath(char buf[RK_PROCPATH_MAX], pid_t pid, char const *what)
{
  struct rk_text t = rk_text_in(buf, RK_PROCPATH_MAX);

  rk_text_str(&t, "/proc/");
  if (pid)
    rk_text_num(&t, pid);
  else
    rk_text_str(&t, "self");
  if (*what)
    rk_text_add(&t, "/", what);
  return buf;
}

char *rk_procpath_fd(char buf[RK_PROCPATH_MAX], char const *what, int fd)
{
  struct rk_text t = rk_text_in(buf, RK_PROCPATH_MAX);

  rk_text_add(&t, "/proc/self/", what, "/");
  rk_text_num(&t, fd);
  return buf;
}
