/* SPDX-License-Identifier: ISC */
#include <rk/host.h>

#include <stdarg.h>
#include <string.h>

void rk_cause_set(struct rk_cause *why, char const *id, char const *form, ...)
{
  char *to = why->text, *end = why->text + sizeof why->text - 1;
  va_list arg;

  memset(why, 0, sizeof *why);
  for (size_t i = 0; id[i] && i < sizeof why->id - 1; i++)
    why->id[i] = id[i];
  va_start(arg, form);
  for (; *form; form++) {
    char const one[2] = {*form, 0};
    if (*form == '\n') {
      to = why->fix;
      end = why->fix + sizeof why->fix - 1;
    } else
      for (char const *s = *form == '%' ? va_arg(arg, char const *) : one; *s && to < end; s++)
        *to++ = *s;
  }
  va_end(arg);
}
