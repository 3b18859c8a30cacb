/* SPDX-License-Identifier: ISC
   fuzz: src/libcompat/goflags.c src/libcompat/go_quote.c src/libcompat/go_text.c
   Any words as a command line of RootlessKit's kind: as many are taken as there are, an error is a
   text, a number that is taken reads back the same. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <compat/goflags.h>

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size);

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  int debug = 0;
  char const *net = "", *maybe = 0;
  long long mtu = 0, again;
  struct goflag_list list = {0};
  struct goflag const table[] = {
    {"debug", "d", GOFLAG_BOOL, &debug, 0, 0, ""}, {"net", 0, GOFLAG_TEXT, &net, 0, 0, ""},
    {"mtu", "m", GOFLAG_INT, &mtu, 0, 0, ""},      {"copy-up", 0, GOFLAG_LIST, &list, 0, 0, ""},
    {"maybe", 0, GOFLAG_MAYBE, &maybe, 0, 0, ""},  {0},
  };
  char const *argv[66];
  char err[64], *text = malloc(size + 1), digits[32];
  int argc = 0;
  ptrdiff_t n;

  if (!text)
    abort();
  memcpy(text, data, size);
  text[size] = 0;
  for (char *s = text; s && argc < 65; s = strchr(s, '\n') ? strchr(s, '\n') + 1 : 0)
    argv[argc++] = s;
  for (char *s = text; *s; s++)
    if (*s == '\n')
      *s = 0;
  argv[argc] = 0;
  err[0] = 0;
  n = goflags_parse(table, argv, err, sizeof err);
  if (n > argc || n < -1 || (n < 0 && !*err) || !memchr(err, 0, sizeof err))
    abort();
  if (debug != 0 && debug != 1)
    abort();
  snprintf(digits, sizeof digits, "%lld", mtu);
  if (goflags_int(digits, &again) != 1 || again != mtu)
    abort();
  for (size_t i = 0; i < list.len; i++) {
    if (strchr(list.item[i], ','))
      abort();
    free((void *)(uintptr_t)list.item[i]);
  }
  free(list.item);
  free(text);
  return 0;
}
