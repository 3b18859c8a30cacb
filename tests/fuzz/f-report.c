/* SPDX-License-Identifier: ISC
   fuzz: src/rk-outside/report.c
   What a network driver may write to its fd 5, cut anywhere: the plan
   afterwards must be one that can be written down. */
#include "../../src/rk-outside/report.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  struct rk_net_plan plan = {.prefix = 0};
  struct report report = {.plan = &plan};
  char *copy;
  size_t cut;
  int r;

  if (!size)
    return 0;
  cut = data[0] % size;
  report_begin(&report);
  copy = malloc(size);
  if (!copy)
    abort();
  memcpy(copy, data, size);
  r = report_take(&report, copy, cut);
  if (r >= 0)
    r = report_take(&report, copy + cut, size - cut);
  if (r < 0 && (strlen(report.line) > 127 || strchr(report.line, '\n')))
    abort();
  if (plan.prefix > 32 || plan.mtu > 65535)
    abort();
  if (memchr(plan.ifname, 0, sizeof plan.ifname) == 0 || strpbrk(plan.ifname, "/: \t\n\"") ||
      plan.ifname[0] == '-')
    abort();
  if ((unsigned int)report.configured > 1 || (unsigned int)report.resident > 1)
    abort();
  free(copy);
  return 0;
}
