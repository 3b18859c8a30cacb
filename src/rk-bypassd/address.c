/* SPDX-License-Identifier: ISC */
#include "bypassd.h"

#include <string.h>

struct address address_plain(struct address const *address)
{
  struct address plain = {.u.v4 = {.sin_family = AF_INET}, .len = sizeof plain.u.v4};

  if (address->u.sa.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address->u.v6.sin6_addr))
    return *address;
  plain.u.v4.sin_port = address->u.v6.sin6_port;
  memcpy(&plain.u.v4.sin_addr, address->u.v6.sin6_addr.s6_addr + 12, sizeof plain.u.v4.sin_addr);
  return plain;
}

/* sin_port and sin6_port have one place. */
unsigned int address_port(struct address const *address)
{
  return ntohs(address->u.v4.sin_port);
}

int address_is_any(struct address const *plain)
{
  if (plain->u.sa.sa_family == AF_INET)
    return plain->u.v4.sin_addr.s_addr == 0;
  return IN6_IS_ADDR_UNSPECIFIED(&plain->u.v6.sin6_addr);
}

int address_is_loopback(struct address const *plain)
{
  if (plain->u.sa.sa_family == AF_INET)
    return ntohl(plain->u.v4.sin_addr.s_addr) >> 24 == 127;
  return IN6_IS_ADDR_LOOPBACK(&plain->u.v6.sin6_addr);
}

int address_is(struct address const *plain, struct rk_relay_dest const *dest)
{
  if (plain->u.sa.sa_family != dest->family)
    return 0;
  if (dest->family == AF_INET)
    return plain->u.v4.sin_addr.s_addr == dest->addr.v4.s_addr;
  return memcmp(&plain->u.v6.sin6_addr, &dest->addr.v6, sizeof dest->addr.v6) == 0;
}
