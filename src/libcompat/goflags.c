/* SPDX-License-Identifier: ISC */
#include <compat/goflags.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <compat/go.h>

int goflags_bool(char const *s, int *v)
{
  static char const *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
  static char const *const no[] = {"0", "f", "F", "FALSE", "false", "False"};

  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
    if (!strcmp(s, yes[i]))
      return *v = 1, 1;
    if (!strcmp(s, no[i]))
      return *v = 0, 1;
  }
  return 0;
}

static int digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z')
    return c - 'A' + 10;
  return 99;
}

int goflags_int(char const *s, long long *v)
{
  unsigned long long n = 0, limit;
  int neg = 0, base = 10, seen = 0, under = 0;

  if (*s == '+' || *s == '-')
    neg = *s++ == '-';
  if (*s == '0' && s[1]) {
    char c = s[1] | 0x20;
    base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
    s += c == 'x' || c == 'b' || c == 'o' ? 2 : 1;
    seen = base == 8 && c != 'o'; /* the zero itself is a digit */
    under = *s == '_';            /* allowed between the prefix and the first digit */
    if (under)
      s++;
  }
  limit = neg ? (unsigned long long)LLONG_MAX + 1 : LLONG_MAX;
  for (; *s; s++) {
    int d = digit(*s);
    if (*s == '_') {
      if (under || !seen)
        return 0;
      under = 1;
      continue;
    }
    if (d >= base)
      return 0;
    under = 0;
    seen = 1;
    if (n > (limit - (unsigned long long)d) / (unsigned long long)base) {
      for (; *s; s++)
        if (*s != '_' && digit(*s) >= base)
          return 0;
      return -1;
    }
    n = n * (unsigned long long)base + (unsigned long long)d;
  }
  if (!seen || under)
    return 0;
  *v = neg ? (long long)(0 - n) : (long long)n;
  return 1;
}

static int add_items(struct goflag_list *list, char const *value)
{
  for (;;) {
    char const *comma = strchr(value, ',');
    size_t len = comma ? (size_t)(comma - value) : strlen(value);
    char const *p = value;
    char const **more = realloc(list->item, (list->len + 1) * sizeof *more);
    char *copy;
    if (!more)
      return -1;
    list->item = more;
    while (len && strchr(" \t\r\n\v\f", *p))
      p++, len--;
    while (len && strchr(" \t\r\n\v\f", p[len - 1]))
      len--;
    copy = malloc(len + 1);
    if (!copy)
      return -1;
    memcpy(copy, p, len);
    copy[len] = 0;
    list->item[list->len++] = copy;
    if (!comma)
      return 0;
    value = comma + 1;
  }
}

static int is(char const *name, char const *s, size_t len)
{
  return name && strlen(name) == len && !memcmp(name, s, len);
}

static int set(struct goflag const *f, char const *value, char const *name, int namelen, char *err,
               size_t errsize)
{
  char quoted[512];
  int r;

  switch (f->type) {
    case GOFLAG_BOOL:
      if (goflags_bool(value, f->value))
        return 0;
      snprintf(err, errsize, "invalid boolean value %s for -%.*s: parse error",
               go_quote(value, quoted, sizeof quoted), namelen, name);
      return -1;
    case GOFLAG_INT:
      r = goflags_int(value, f->value);
      if (r > 0)
        return 0;
      snprintf(err, errsize, "invalid value %s for flag -%.*s: %s",
               go_quote(value, quoted, sizeof quoted), namelen, name,
               r ? "value out of range" : "parse error");
      return -1;
    case GOFLAG_LIST:
      if (add_items(f->value, value) == 0)
        return 0;
      snprintf(err, errsize, "%s", strerror(errno));
      return -1;
    default: *(char const **)f->value = value; return 0;
  }
}

enum { FLAGS_MAX = 64 };
static char const TWO_FORMS[] = "Cannot use two forms of the same flag: ";

int goflags_two_forms(char const *err)
{
  return !strncmp(err, TWO_FORMS, sizeof TWO_FORMS - 1);
}

ptrdiff_t goflags_parse(struct goflag const *table, char const *const *argv, char *err,
                        size_t errsize)
{
  unsigned char used[FLAGS_MAX] = {0}; /* 1: by name, 2: by alias */
  char const *const *p = argv;

  for (; *p; p++) {
    char const *name = *p, *value;
    struct goflag const *f = table;
    size_t len;
    if (name[0] != '-' || !name[1])
      break;
    if (!strcmp(name, "--")) {
      p++;
      break;
    }
    name += 1 + (name[1] == '-');
    if (!*name || *name == '-' || *name == '=') {
      snprintf(err, errsize, "bad flag syntax: %s", *p);
      return -1;
    }
    value = strchr(name, '=');
    len = value ? (size_t)(value++ - name) : strlen(name);
    while (f->name && !is(f->name, name, len) && !is(f->alias, name, len))
      f++;
    if (!f->name) {
      snprintf(err, errsize, "flag provided but not defined: -%.*s", (int)len, name);
      return -1;
    }
    if (!value) {
      if (f->type == GOFLAG_BOOL)
        value = "true";
      else if (f->type == GOFLAG_MAYBE)
        value = "";
      else if (p[1])
        value = *++p;
      else {
        snprintf(err, errsize, "flag needs an argument: -%.*s", (int)len, name);
        return -1;
      }
    }
    if (set(f, value, name, (int)len, err, errsize) < 0)
      return -1;
    if (f - table < FLAGS_MAX)
      used[f - table] |= is(f->name, name, len) ? 1 : 2;
  }
  for (size_t i = 0; i < FLAGS_MAX && table[i].name; i++)
    if (used[i] == 3) {
      snprintf(err, errsize, "%s%s %s", TWO_FORMS, table[i].alias, table[i].name);
      return -1;
    }
  return p - argv;
}

void goflags_help(int fd, struct goflag const *table)
{
  char left[64];

  for (struct goflag const *f = table; f->name; f++) {
    int bare = f->type == GOFLAG_BOOL;
    if (f->group)
      dprintf(fd, "%s  %s:\n", f == table ? "" : "\n", f->group);
    snprintf(left, sizeof left, "--%s%s%s%s%s%s%s", f->name,
             bare                      ? ""
             : f->type == GOFLAG_MAYBE ? "[="
                                       : " ",
             bare     ? ""
             : f->arg ? f->arg
                      : "value",
             f->type == GOFLAG_MAYBE ? "]" : "", f->alias ? ", -" : "", f->alias ? f->alias : "",
             f->alias && !bare ? " value" : "");
    dprintf(fd, "    %-34s %s\n", left, f->help);
  }
}
