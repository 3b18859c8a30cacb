/* SPDX-License-Identifier: ISC */
#include <rk/netlink.h>

#include <string.h>
#include <net/if.h>

/* Directories of /proc/sys/net/ipv4/conf that are no interfaces. */
static char const *const RESERVED[] = {".", "..", "all", "default"};

int rk_ifname_ok(char const *name)
{
  size_t len = strnlen(name, IF_NAMESIZE);

  if (!len || len == IF_NAMESIZE || *name == '-')
    return 0;
  for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++)
    if (!strcmp(name, RESERVED[i]))
      return 0;
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)name[i];
    if (c <= ' ' || c == 0x7f)
      return 0;
    if (strchr("/:%\"\\", c))
      return 0;
  }
  return 1;
}
