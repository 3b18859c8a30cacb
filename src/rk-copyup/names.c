/* SPDX-License-Identifier: ISC
   File names in messages. Anybody may have given them. */
#include <limits.h>
#include <string.h>

#include <rk/text.h>
#include "copyup.h"

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
    path[--whole.len] = 0;
  rk_text_quote(&shown, path, whole.len);
  if (shown.len != whole.len + 2 || path[strcspn(path, marks)])
    return;
  shown.len = 0; /* nothing was escaped */
  rk_text_mem(&shown, path, whole.len);
}

void copyup_shown(char *buf, size_t size, char const *dir, char const *name)
{
  show(buf, size, dir, name, "");
}

void copyup_names_add(struct copyup_names *names, char const *dir, char const *name)
{
  static char shown[4 * (PATH_MAX + NAME_MAX) + 3];
  size_t len;

  if (!names->n)
    names->len = names->shown = 0;
  names->n++;
  show(shown, sizeof shown, dir, name, " "); /* blanks part the names */
  len = strlen(shown);
  if (names->shown + 1 != names->n || names->len + len + 1 > sizeof names->text - TAIL)
    return;
  names->text[names->len++] = ' ';
  memcpy(names->text + names->len, shown, len);
  names->len += len;
  names->shown++;
}

char const *copyup_names_text(struct copyup_names *names)
{
  struct rk_text t = {.s = names->text, .size = sizeof names->text, .len = names->len};

  names->text[names->len] = 0;
  if (names->shown < names->n) {
    rk_text_str(&t, " and ");
    rk_text_num(&t, names->n - names->shown);
    rk_text_str(&t, " more");
  }
  return names->text;
}
