/* SPDX-License-Identifier: ISC */
#include <rk/env.h>

#include <string.h>
#include <unistd.h>

static int names(char const *entry, char const *name, size_t len)
{
  return !strncmp(entry, name, len) && entry[len] == '=';
}

void rk_env_unset(char const *name)
{
  size_t len = strlen(name);
  char **to = environ;

  if (!environ)
    return;
  for (char **from = environ; *from; from++)
    if (!names(*from, name, len))
      *to++ = *from;
  *to = NULL;
}

int rk_env_replace(char *string)
{
  size_t len = strcspn(string, "=");

  for (char **e = environ; e && *e; e++)
    if (names(*e, string, len)) {
      *e = string;
      return 1;
    }
  return 0;
}
