/* SPDX-License-Identifier: ISC
   fuzz: src/rk-copyup/escape.c src/rk-copyup/list.c
   The text of a symbolic link: walking it by hand from depth d must end outside only if
   escape_climb says that it may. */
#include <stdlib.h>
#include <string.h>

#include "../../src/rk-copyup/copyup.h"

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

/* Does the path leave a directory d levels up, if no component is a link? */
static int leaves(char const *s, int d)
{
  int low = d;

  if (*s == '/')
    return 0;
  while (*s) {
    size_t n = strcspn(s, "/");
    if (n == 2 && !memcmp(s, "..", 2))
      d--;
    else if (n && !(n == 1 && *s == '.'))
      d++;
    if (d < low)
      low = d;
    s += n;
    s += strspn(s, "/");
  }
  return low < 0;
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  struct escape_climb c = {0};
  char *text;
  unsigned int depth;

  if (!size)
    return 0;
  depth = data[0] % 8;
  text = malloc(size);
  if (!text)
    abort();
  memcpy(text, data + 1, size - 1);
  text[size - 1] = 0;
  escape_climb(&c, text, depth);
  if (leaves(text, (int)depth) && !c.out)
    abort();
  if (*text == '/' && (c.out || c.tops))
    abort();
  free(text);
  return 0;
}
