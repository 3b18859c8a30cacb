/* SPDX-License-Identifier: ISC
   Any text as a recorded identity (of a state directory that others wrote). */
#include <rk/state.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char *text = malloc(size + 1);
  int r;

  if (!text)
    abort();
  memcpy(text, data, size);
  text[size] = 0;
  r = rk_identity_alive(text);
  if (r < -1 || r > 1)
    abort();
  free(text);
  return 0;
}
