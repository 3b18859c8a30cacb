/* SPDX-License-Identifier: ISC
   Any bytes quoted for a message or as JSON, into a buffer of any size: one line, valid UTF-8,
   terminated, never past the end. */
#include <rk/text.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

enum kind { CUT, QUOTED, BARE };

static void look(struct rk_text const *t, enum kind kind)
{
  if (t->len >= t->size || t->s[t->len] || strlen(t->s) != t->len)
    abort();
  for (size_t i = 0; i < t->len;) {
    size_t n = rk_utf8(t->s + i, t->len - i);
    if (!n) {
      if (kind != CUT)
        abort();
      break; /* cut within a character */
    }
    if ((unsigned char)t->s[i] < 0x20 || t->s[i] == 0x7f)
      abort();
    /* C1 */
    if (n == 2 && t->s[i] == '\xc2' && (unsigned char)t->s[i + 1] < 0xa0)
      abort();
    /* U+2000 to U+207F */
    if (n == 3 && t->s[i] == '\xe2' && (t->s[i + 1] == '\x80' || t->s[i + 1] == '\x81')) {
      unsigned char second = (unsigned char)t->s[i + 1];
      unsigned char third = (unsigned char)t->s[i + 2];
      unsigned int c = 0x2000U + (second & 1U) * 64 + (third & 0x3fU);
      if (c == 0x200e || c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
          (c >= 0x2066 && c <= 0x2069))
        abort();
    }
    i += n;
  }
  if (kind != CUT && t->cut)
    abort();
  if (kind == QUOTED && (t->len < 2 || t->s[0] != '"' || t->s[t->len - 1] != '"'))
    abort();
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  size_t room = size ? 1 + data[0] : 1, all = 8 * size + 8;
  char *small = malloc(room), *big = malloc(all);
  struct rk_text t;

  if (!small || !big)
    abort();
  t = rk_text_in(small, room);
  rk_text_quote(&t, (char const *)data, size);
  look(&t, CUT);
  t = rk_text_in(small, room);
  rk_text_json(&t, (char const *)data, size);
  look(&t, CUT);
  t = rk_text_in(big, all);
  rk_text_quote(&t, (char const *)data, size);
  look(&t, QUOTED);
  t = rk_text_in(big, all);
  rk_text_json(&t, (char const *)data, size);
  look(&t, QUOTED);
  t = rk_text_in(big, all);
  rk_text_safe(&t, (char const *)data, size);
  look(&t, BARE);
  t = rk_text_in(big, all);
  rk_text_json_safe(&t, (char const *)data, size);
  look(&t, BARE);
  free(small);
  free(big);
  return 0;
}
