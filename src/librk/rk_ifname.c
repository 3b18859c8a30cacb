/* SPDX-License-Identifier: ISC */
#include <rk/netlink.h>

#include <string.h>
#include <net/if.h>

int rk_ifname_ok(char const *name)
{
  size_t len = strnlen(name, IF_NAMESIZE);

  if (!len || len == IF_NAMESIZE || *name == '-')
    return 0;
  if (!strcmp(name, ".") || !strcmp(name, "..") || !strcmp(name, "all") || !strcmp(name, "default"))
    return 0;
  for (size_t i = 0; i < len; i++) {
    if ((unsigned char)name[i] <= ' ' || name[i] == 0x7f || strchr("/:%\"\\", name[i]))
      return 0;
  }
  return 1;
}
