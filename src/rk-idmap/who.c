/* SPDX-License-Identifier: ISC */
#include "idmap.h"

#include <rk/names.h>

char const *const *idmap_user(uint32_t uid)
{
  static struct rk_names names;
  char line[RK_LINE_MAX];

  rk_names_read(&names, "/etc/passwd", uid);
  if (!names.n) {
    idmap_getent(uid, line, sizeof line);
    rk_names_take(&names, line);
  }
  return names.list;
}

char const *const *idmap_group(uint32_t gid)
{
  static struct rk_names names;

  rk_names_read(&names, "/etc/group", gid);
  return names.list;
}
