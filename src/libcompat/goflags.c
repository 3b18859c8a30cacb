/* SPDX-License-Identifier: ISC */
#include <compat/goflags.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <compat/go.h>
#include <rk/text.h>

int goflags_bool(char const *s, int *v)
{
  static char const *const yes[] = {"1", "t", "T", "TRUE", "true", "True"};
  static char const *const no[] = {"0", "f", "F", "FALSE", "false", "False"};

  for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
    int is = !strcmp(s, yes[i]);
    if (!is && strcmp(s, no[i]))
      continue;
    *v = is;
    return 1;
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

/* The prefix of a number that begins with 0, "0x1": its base; *s goes on after it. *digits: the
   zero was a digit, *under: a '_' stands between prefix and digits, which is allowed. */
static int read_base(char const **s, int *digits, int *under)
{
  char c = (*s)[1] | 0x20;
  int base = c == 'x' ? 16 : c == 'b' ? 2 : 8;

  *digits = base == 8 && c != 'o';
  *s += *digits ? 1 : 2;
  *under = **s == '_';
  if (*under)
    ++*s;
  return base;
}

/* All that follows is digits: then the number is one, if too large. */
static int all_digits(char const *s, int base)
{
  for (; *s; s++)
    if (*s != '_' && digit(*s) >= base)
      return 0;
  return 1;
}

int goflags_int(char const *s, long long *v)
{
  unsigned long long n = 0, limit = LLONG_MAX;
  int neg = *s == '-', base = 10, digits = 0, under = 0;

  if (*s == '+' || *s == '-')
    s++;
  if (*s == '0' && s[1])
    base = read_base(&s, &digits, &under);
  if (neg)
    limit++;
  for (; *s; s++) {
    int d = digit(*s);
    if (*s == '_') {
      if (under || !digits)
        return 0;
      under = 1;
      continue;
    }
    if (d >= base)
      return 0;
    under = 0;
    digits = 1;
    if (n > (limit - (unsigned int)d) / (unsigned int)base)
      return all_digits(s, base) ? -1 : 0;
    n = n * (unsigned int)base + (unsigned int)d;
  }
  if (!digits || under)
    return 0;
  *v = (long long)(neg ? 0 - n : n);
  return 1;
}

/* One element, without the blanks around it. */
static int add_item(struct goflag_list *list, char const *s, size_t len)
{
  static char const BLANKS[] = " \t\r\n\v\f";
  char const **more = realloc(list->item, (list->len + 1) * sizeof *more);
  char *copy;

  if (!more)
    return -1;
  list->item = more;
  while (len && strchr(BLANKS, *s)) {
    s++;
    len--;
  }
  while (len && strchr(BLANKS, s[len - 1]))
    len--;
  copy = malloc(len + 1);
  if (!copy)
    return -1;
  memcpy(copy, s, len);
  copy[len] = 0;
  list->item[list->len++] = copy;
  return 0;
}

static int add_items(struct goflag_list *list, char const *value)
{
  for (;;) {
    size_t len = strcspn(value, ",");
    if (add_item(list, value, len) == -1)
      return -1;
    if (!value[len])
      return 0;
    value += len + 1;
  }
}

static int is(char const *name, char const *s, size_t len)
{
  return name && strlen(name) == len && !memcmp(name, s, len);
}

/* A command line, and where its errors go. */
struct parse {
  struct goflag const *table;
  char *options;
  char *err;
  size_t errsize;
};

static int set(struct parse const *p, struct goflag const *f, char const *value, char const *name,
               int namelen)
{
  void *at = p->options + f->at;
  char quoted[512];
  int r;

  switch (f->type) {
    case GOFLAG_BOOL:
      if (goflags_bool(value, at))
        return 0;
      snprintf(p->err, p->errsize, "invalid boolean value %s for -%.*s: parse error",
               go_quote(value, quoted, sizeof quoted), namelen, name);
      return -1;
    case GOFLAG_INT:
      r = goflags_int(value, at);
      if (r > 0)
        return 0;
      snprintf(p->err, p->errsize, "invalid value %s for flag -%.*s: %s",
               go_quote(value, quoted, sizeof quoted), namelen, name,
               r ? "value out of range" : "parse error");
      return -1;
    case GOFLAG_LIST:
      if (add_items(at, value) == 0)
        return 0;
      snprintf(p->err, p->errsize, "%s", strerror(errno));
      return -1;
    default: *(char const **)at = value; return 0;
  }
}

enum { FLAGS_MAX = 64 };
static char const TWO_FORMS[] = "Cannot use two forms of the same flag: ";

int goflags_two_forms(char const *err)
{
  return !strncmp(err, TWO_FORMS, sizeof TWO_FORMS - 1);
}

/* The value of a flag that has none after a '='; *argv goes on if it is the next word. NULL: there
   is none. */
static char const *next_value(struct goflag const *f, char const *const **argv)
{
  if (f->type == GOFLAG_BOOL)
    return "true";
  if (f->type == GOFLAG_MAYBE)
    return "";
  if (!(*argv)[1])
    return NULL;
  ++*argv;
  return **argv;
}

/* The flag in **argv, which goes on to the last word of it. Its name was used, or (2) its alias;
   *which: its place in the table. -1: an error. */
static int read_flag(struct parse const *p, char const *const **argv, size_t *which)
{
  char const *word = **argv, *name = word + 1 + (word[1] == '-'), *value;
  struct goflag const *f = p->table;
  size_t len = strcspn(name, "=");

  if (!len || *name == '-') {
    snprintf(p->err, p->errsize, "bad flag syntax: %s", word);
    return -1;
  }
  while (f->name && !is(f->name, name, len) && !is(f->alias, name, len))
    f++;
  if (!f->name) {
    snprintf(p->err, p->errsize, "flag provided but not defined: -%.*s", (int)len, name);
    return -1;
  }
  value = name[len] ? name + len + 1 : next_value(f, argv);
  if (!value) {
    snprintf(p->err, p->errsize, "flag needs an argument: -%.*s", (int)len, name);
    return -1;
  }
  *which = (size_t)(f - p->table);
  if (set(p, f, value, name, (int)len) == -1)
    return -1;
  return is(f->name, name, len) ? 1 : 2;
}

ptrdiff_t goflags_parse(struct goflag const *table, void *options, char const *const *argv,
                        char *err, size_t errsize)
{
  struct parse const p = {.table = table, .options = options, .err = err, .errsize = errsize};
  unsigned char used[FLAGS_MAX] = {0}; /* 1: by name, 2: by alias */
  char const *const *word = argv;

  for (; *word && (*word)[0] == '-' && (*word)[1]; word++) {
    size_t which = 0;
    int by;
    if (!strcmp(*word, "--")) {
      word++;
      break;
    }
    by = read_flag(&p, &word, &which);
    if (by == -1)
      return -1;
    if (which < FLAGS_MAX)
      used[which] |= (unsigned char)by;
  }
  for (size_t i = 0; i < FLAGS_MAX && table[i].name; i++) {
    if (used[i] != 3)
      continue;
    snprintf(err, errsize, "%s%s %s", TWO_FORMS, table[i].alias, table[i].name);
    return -1;
  }
  return word - argv;
}

/* What stands for the value in the help text. */
static char const *argument(struct goflag const *f)
{
  if (f->type == GOFLAG_BOOL)
    return "";
  return f->arg ? f->arg : "value";
}

void goflags_help(int fd, struct goflag const *table)
{
  char left[64];

  for (struct goflag const *f = table; f->name; f++) {
    int bare = f->type == GOFLAG_BOOL, maybe = f->type == GOFLAG_MAYBE;
    char const *before = bare ? "" : maybe ? "[=" : " ";
    struct rk_text t = rk_text_in(left, sizeof left);

    if (f->group)
      dprintf(fd, "%s  %s:\n", f == table ? "" : "\n", f->group);
    rk_text_add(&t, "--", f->name, before, argument(f), maybe ? "]" : "");
    if (f->alias)
      rk_text_add(&t, ", -", f->alias, bare ? "" : " value");
    dprintf(fd, "    %-34s %s\n", left, f->help);
  }
}
