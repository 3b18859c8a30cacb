/* SPDX-License-Identifier: ISC
   Any bytes quoted for a message or as JSON, into a buffer of any size: one line, valid UTF-8, terminated, never past the end. */
#include <rk/text.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

static void look(struct rk_text const *t, int whole)
{
  if (t->len >= t->size || t->s[t->len] || strlen(t->s) != t->len) abort();
  for (size_t i = 0; i < t->len;) {
    size_t n = rk_utf8(t->s + i, t->len - i);
    if (!n) {
      if (whole) abort();
      break; /* cut within a character */
    }
    if ((unsigned char)t->s[i] < 0x20) abort();
    i += n;
  }
  if (whole && (t->cut || t->len < 2 || t->s[0] != '"' || t->s[t->len - 1] != '"')) abort();
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  size_t room = size ? 1 + data[0] : 1, all = 8 * size + 8;
  char *small = malloc(room), *big = malloc(all);
  struct rk_text t;

  if (!small || !big) abort();
  t = rk_text_in(small, room);
  rk_text_quote(&t, (char const *)data, size);
  look(&t, 0);
  t = rk_text_in(small, room);
  rk_text_json(&t, (char const *)data, size);
  look(&t, 0);
  t = rk_text_in(big, all);
  rk_text_quote(&t, (char const *)data, size);
  look(&t, 1);
  t = rk_text_in(big, all);
  rk_text_json(&t, (char const *)data, size);
  look(&t, 1);
  free(small);
  free(big);
  return 0;
}
