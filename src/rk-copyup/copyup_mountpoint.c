/* SPDX-License-Identifier: ISC */
#include <string.h>

#include <skalibs/types.h>

#include "copyup.h"

/* The nth field from s on, counted from 1. */
static char *field(char *s, unsigned int n)
{
  while (--n && s && (s = strchr(s, ' '))) s++;
  return s;
}

static int octal(char const *s)
{
  return s[0] >= '0' && s[0] < '4' && s[1] >= '0' && s[1] < '8' && s[2] >= '0' && s[2] < '8';
}

/* Undo \040 and the like, in place, up to the next blank. */
static void unescape(char *s)
{
  char *to = s;

  while (*s && *s != ' ') {
    if (*s == '\\' && octal(s + 1)) {
      *to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
      s += 4;
    } else
      *to++ = *s++;
  }
  *to = 0;
}

char const *copyup_mountpoint(char *line, unsigned int *parent)
{
  char *s = field(line, 2);

  if (!s || !uint_scan(s, parent) || !(s = field(s, 4))) return 0;
  unescape(s);
  return s;
}
