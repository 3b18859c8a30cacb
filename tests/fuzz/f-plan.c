/* SPDX-License-Identifier: ISC
   fuzz: src/rk-net/plan.c
   Any text as rk-net's network: what is accepted is a network whose addresses lie in it, and reads
   back the same. */
#include "../../src/rk-net/plan.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

static int inside(struct plan const *p, uint32_t a)
{
  return plan_overlap(p->network, p->prefix, a, 32);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  struct plan p, again;
  char *text = malloc(size + 1), back[PLAN_TEXT];

  if (!text)
    abort();
  memcpy(text, data, size);
  text[size] = 0;
  if (plan_parse(text, &p) == PLAN_OK) {
    if (!inside(&p, p.ip) || !inside(&p, p.gateway) || !inside(&p, p.dns))
      abort();
    if (p.ip == p.gateway || p.ip == p.dns || p.ip == p.network ||
        p.ip == (p.network | 0xffffffffU >> p.prefix))
      abort();
    plan_text(back, p.network, p.prefix);
    if (strlen(back) >= PLAN_TEXT || plan_parse(back, &again) != PLAN_OK ||
        memcmp(&p, &again, sizeof p))
      abort();
  }
  free(text);
  return 0;
}
