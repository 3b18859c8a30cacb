/* SPDX-License-Identifier: ISC
   fuzz: src/rk-outside/report.c
   What a network driver may write to its fd 5, cut anywhere: the plan afterwards must be one that can be written down. */
#include "../../src/rk-outside/driver.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

struct outside outside = {.state = -1};
struct netup netup;

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *bad = 0;
  char *copy;
  size_t cut;
  int r;

  if (!size) return 0;
  cut = data[0] % size;
  memset(&netup, 0, sizeof netup);
  netup_report_begin();
  copy = malloc(size);
  if (!copy) abort();
  memcpy(copy, data, size);
  r = netup_report(copy, cut, &bad);
  if (r >= 0) r = netup_report(copy + cut, size - cut, &bad);
  if (r < 0 && (!bad || strlen(bad) > 127 || strchr(bad, '\n'))) abort();
  if (netup.ask.prefix > 32 || netup.ask.mtu > 65535) abort();
  if (memchr(netup.ask.ifname, 0, sizeof netup.ask.ifname) == 0 || strpbrk(netup.ask.ifname, "/: \t\n\"") || netup.ask.ifname[0] == '-') abort();
  if ((unsigned int)netup.configured > 1 || (unsigned int)netup.resident > 1) abort();
  free(copy);
  return 0;
}
