/* SPDX-License-Identifier: ISC
   fuzz: src/rk-outside/report.c
   What a network driver may write to its fd 5, cut anywhere: the plan afterwards must be one that
   can be written down. */
#include "../../src/rk-outside/driver.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

struct outside outside = {.state = -1};
struct netup netdriver;

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *bad = 0;
  char *copy;
  size_t cut;
  int r;

  if (!size)
    return 0;
  cut = data[0] % size;
  memset(&netdriver, 0, sizeof netdriver);
  report_begin();
  copy = malloc(size);
  if (!copy)
    abort();
  memcpy(copy, data, size);
  r = report_take(copy, cut, &bad);
  if (r >= 0)
    r = report_take(copy + cut, size - cut, &bad);
  if (r < 0 && (!bad || strlen(bad) > 127 || strchr(bad, '\n')))
    abort();
  if (netdriver.ask.prefix > 32 || netdriver.ask.mtu > 65535)
    abort();
  if (memchr(netdriver.ask.ifname, 0, sizeof netdriver.ask.ifname) == 0 ||
      strpbrk(netdriver.ask.ifname, "/: \t\n\"") || netdriver.ask.ifname[0] == '-')
    abort();
  if ((unsigned int)netdriver.configured > 1 || (unsigned int)netdriver.resident > 1)
    abort();
  free(copy);
  return 0;
}
