/* SPDX-License-Identifier: ISC */
#include <rk/prog.h>

#include <string.h>

#include <skalibs/strerr.h>

#include <rk/text.h>

void rk_prog_dir(char const *name, char const *path, char *buf)
{
  struct rk_text t = rk_text_in(buf, RK_PROG_MAX);

  rk_text_add(&t, name, " ");
  rk_text_safe(&t, path, strlen(path));
  PROG = buf;
}
