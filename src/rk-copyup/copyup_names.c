/* SPDX-License-Identifier: ISC */
#include <string.h>

#include <skalibs/types.h>

#include "copyup.h"

/* Left free at the end of the text for "and 4294967295 more". */
enum { TAIL = 24 };

void copyup_names_add(struct copyup_names *names, char const *dir, char const *name)
{
  size_t dlen = strlen(dir), nlen = strlen(name);

  names->n++;
  if (names->shown + 1 != names->n || names->len + dlen + nlen + 2 > sizeof names->text - TAIL) return;
  names->text[names->len++] = ' ';
  memcpy(names->text + names->len, dir, dlen);
  names->len += dlen;
  memcpy(names->text + names->len, name, nlen);
  names->len += nlen;
  names->shown++;
}

char const *copyup_names_text(struct copyup_names *names)
{
  size_t len = names->len;

  if (names->shown < names->n) {
    memcpy(names->text + len, " and ", 5);
    len += 5 + uint_fmt(names->text + len + 5, names->n - names->shown);
    memcpy(names->text + len, " more", 5);
    len += 5;
  }
  names->text[len] = 0;
  return names->text;
}
