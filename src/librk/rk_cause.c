/* SPDX-License-Identifier: ISC */
#include <rk/host.h>

#include <stdarg.h>
#include <string.h>

#include <rk/text.h>

void rk_cause_set(struct rk_cause *why, char const *id, char const *form, ...)
{
  struct rk_text to;
  va_list arg;

  memset(why, 0, sizeof *why);
  to = rk_text_in(why->id, sizeof why->id);
  rk_text_str(&to, id);
  to = rk_text_in(why->text, sizeof why->text);
  va_start(arg, form);
  for (; *form; form++) {
    if (*form == '\n')
      to = rk_text_in(why->fix, sizeof why->fix);
    else if (*form == '%')
      rk_text_str(&to, va_arg(arg, char const *));
    else
      rk_text_mem(&to, form, 1);
  }
  va_end(arg);
}
