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

struct options {
  int debug;
  char const *net, *maybe;
  long long mtu;
  struct goflag_list list;
};
#define AT(field) offsetof(struct options, field)

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  struct options o = {.net = ""};
  long long again;
  struct goflag const table[] = {
    {"debug", "d", GOFLAG_BOOL, AT(debug), 0, 0, ""},
    {"net", 0, GOFLAG_TEXT, AT(net), 0, 0, ""},
    {"mtu", "m", GOFLAG_INT, AT(mtu), 0, 0, ""},
    {"copy-up", 0, GOFLAG_LIST, AT(list), 0, 0, ""},
    {"maybe", 0, GOFLAG_MAYBE, AT(maybe), 0, 0, ""},
    {0},
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
  n = goflags_parse(table, &o, argv, err, sizeof err);
  if (n > argc || n < -1 || (n < 0 && !*err) || !memchr(err, 0, sizeof err))
    abort();
  if (o.debug != 0 && o.debug != 1)
    abort();
  snprintf(digits, sizeof digits, "%lld", o.mtu);
  if (goflags_int(digits, &again) != 1 || again != o.mtu)
    abort();
  for (size_t i = 0; i < o.list.len; i++) {
    if (strchr(o.list.item[i], ','))
      abort();
    free((void *)(uintptr_t)o.list.item[i]);
  }
  free(o.list.item);
  free(text);
  return 0;
}
