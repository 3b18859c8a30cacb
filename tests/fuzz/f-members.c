/* SPDX-License-Identifier: ISC
   f-members: any bytes as /etc/group, cut anywhere: the same groups come out, each once.
   fuzz: src/rk-setid/members.c
 */
#include "../../src/rk-setid/members.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static char const *const names[] = {"u", "second name", NULL};
  static struct members whole, cut;
  char const *text = (char const *)data;
  size_t half = size ? data[0] % size : 0;

  whole.n = cut.n = 0;
  whole.names = cut.names = names;
  members_feed(&whole, text, size);
  members_end(&whole);
  members_feed(&cut, text, half);
  members_feed(&cut, text + half, size - half);
  members_end(&cut);
  if (whole.n != cut.n || memcmp(whole.group, cut.group, whole.n * sizeof *whole.group) != 0)
    abort();
  for (size_t i = 0; i < whole.n; i++)
    for (size_t j = 0; j < i; j++)
      if (whole.group[i] == whole.group[j] || whole.group[i] == UINT32_MAX)
        abort();
  return 0;
}
