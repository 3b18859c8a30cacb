/* SPDX-License-Identifier: ISC
   Any bytes as a netlink message: whatever attribute is asked for, what is found lies within the
   message. */
#include <rk/netlink.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  struct nlmsghdr *msg;
  size_t len, sum = 0;

  if (size < sizeof *msg + 1)
    return 0;
  msg = malloc(size);
  if (!msg)
    abort();
  memcpy(msg, data, size);
  msg->nlmsg_len = (uint32_t)size;
  for (uint16_t type = 0; type < 64; type++) {
    unsigned char const *v = rk_nl_find(msg, data[size - 1] % 64, type, &len);
    if (!v)
      continue;
    if (v < (unsigned char *)msg || v + len > (unsigned char *)msg + size)
      abort();
    for (size_t i = 0; i < len; i++)
      sum += v[i];
  }
  free(msg);
  return (int)(sum & 0);
}
