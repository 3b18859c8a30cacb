/* SPDX-License-Identifier: ISC
   File names in messages. Anybody may have given them. */
#include "copyup.h"

#include <limits.h>
#include <string.h>

#include <rk/text.h>

/* Left free at the end of the text for " and 4294967295 more". */
enum { TAIL = 24 };

/* In quotes if it needs them, or holds one of the bytes of marks. */
static void show(char *buf, size_t size, char const *dir, char const *name, char const *marks)
{
  char path[PATH_MAX + NAME_MAX + 1];
  struct rk_text whole = rk_text_in(path, sizeof path);
  struct rk_text shown = rk_text_in(buf, size);

  rk_text_add(&whole, dir, name);
  if (!*name && whole.len > 1 && path[whole.len - 1] == '/')
    whole.len--;
  path[whole.len] = 0;
  rk_text_quote(&shown, path, whole.len);
  if (strpbrk(path, marks))
    return;
  if (shown.len != whole.len + 2)
    return; /* something was escaped */
  shown.len = 0;
  rk_text_mem(&shown, path, whole.len);
}

void copyup_shown(char *buf, size_t size, char const *dir, char const *name)
{
  show(buf, size, dir, name, "");
}

void copyup_names_add(struct copyup_names *names, char const *dir, char const *name)
{
  static char shown[4 * (PATH_MAX + NAME_MAX) + 3];
  struct rk_text t = {.s = names->text, .size = sizeof names->text - TAIL};

  if (!names->n) {
    names->len = 0;
    names->shown = 0;
  }
  names->n++;
  if (names->shown + 1 != names->n)
    return;                                  /* one before did not fit */
  show(shown, sizeof shown, dir, name, " "); /* blanks part the names */
  t.len = names->len;
  rk_text_add(&t, " ", shown);
  if (t.cut)
    return;
  names->len = t.len;
  names->shown++;
}

char const *copyup_names_text(struct copyup_names *names)
{
  struct rk_text t = {
    .s = names->text,
    .size = sizeof names->text,
    .len = names->len,
  };

  names->text[names->len] = 0;
  if (names->shown < names->n) {
    rk_text_str(&t, " and ");
    rk_text_num(&t, names->n - names->shown);
    rk_text_str(&t, " more");
  }
  return names->text;
}
