/* SPDX-License-Identifier: ISC */
#include <compat/go.h>

#include <string.h>

#include <rk/text.h>

char *go_quote(char const *s, char *out, size_t size)
{
  struct rk_text t = rk_text_in(out, size);

  rk_text_quote(&t, s, strlen(s));
  return out;
}
