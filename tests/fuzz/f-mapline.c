/* SPDX-License-Identifier: ISC
   fuzz: src/rk-outside/idmap_diagnose.c
   fuzz-libs: cap
   Any text as a uid_map: reading ends, and within the text. */
#include "../../src/rk-outside/idmap_diagnose.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char *text = malloc(size + 1), *s = text;
  uint32_t v[3];
  size_t lines = 0;

  if (!text)
    abort();
  memcpy(text, data, size);
  text[size] = 0;
  while (outside_mapline(&s, v))
    if (++lines > size || s > text + strlen(text))
      abort();
  free(text);
  return 0;
}
