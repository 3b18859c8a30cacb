/* SPDX-License-Identifier: ISC */
#include <rk/options.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/text.h>

enum {
  USAGE_MAX = 512, /* of a usage line */
  HELP_MAX = 4096,
  COLUMN_MAX = 16, /* where --help's texts begin; a longer option has a line before its own */
};

static void usage_line(struct rk_text *t, struct rk_usage const *u)
{
  char const *before = " [ ";

  rk_text_str(t, u->name);
  for (struct rk_option const *o = u->options; o->letter; o++) {
    if (!o->text)
      continue;
    rk_text_add(t, before, "-");
    rk_text_mem(t, &o->letter, 1);
    if (o->arg)
      rk_text_add(t, " ", o->arg);
    before = o->join;
    if (before)
      continue;
    rk_text_str(t, o->many ? " ]..." : " ]");
    before = " [ ";
  }
  if (*u->operands)
    rk_text_add(t, " ", u->operands);
}

void rk_usage_diev(struct rk_usage const *usage, char const *const *text, size_t n)
{
  char buf[USAGE_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  usage_line(&t, usage);
  strerr_warnv(text, (unsigned int)n);
  strerr_dieusage(RK_EXIT_USAGE, buf);
}

static void __attribute__((noreturn)) print(struct rk_text const *t)
{
  if (allwrite(1, t->s, t->len) < t->len)
    strerr_diefusys(RK_EXIT_SYS, "write to stdout");
  _exit(0);
}

static void help_option(struct rk_text *t, char const *option, char const *arg, char const *text,
                        size_t column)
{
  size_t len = strlen(option) + strlen(arg);

  rk_text_add(t, "  ", option, arg);
  if (len > column) {
    rk_text_str(t, "\n  ");
    len = 0;
  }
  for (; len < column; len++)
    rk_text_str(t, " ");
  rk_text_add(t, "  ", text, "\n");
}

static void __attribute__((noreturn)) help(struct rk_usage const *u)
{
  char buf[HELP_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  size_t column = sizeof "-V, --version" - 1;

  for (struct rk_option const *o = u->options; o->letter; o++) {
    size_t len = o->arg ? sizeof "-x " - 1 + strlen(o->arg) : 0;
    if (len > column && len <= COLUMN_MAX)
      column = len;
  }
  rk_text_str(&t, "usage: ");
  usage_line(&t, u);
  rk_text_add(&t, "\n", u->name, ": ", u->summary, "\n");
  for (struct rk_option const *o = u->options; o->letter; o++) {
    if (!o->text)
      continue;
    char option[] = {'-', o->letter, o->arg ? ' ' : 0, 0};
    help_option(&t, option, o->arg ? o->arg : "", o->text, column);
  }
  help_option(&t, "-h, --help", "", "print this and exit", column);
  help_option(&t, "-V, --version", "", "print the version and exit", column);
  if (u->more)
    rk_text_add(&t, u->more, "\n");
  print(&t);
}

static void __attribute__((noreturn)) version(struct rk_usage const *u)
{
  char buf[64];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_mem(&t, u->name, strcspn(u->name, " "));
  rk_text_str(&t, " " RK_VERSION "\n");
  print(&t);
}

/* One that is in no table. */
static void __attribute__((noreturn)) common(struct rk_usage const *u, char const *option)
{
  if (!strcmp(option, "-h") || !strcmp(option, "--help"))
    help(u);
  if (!strcmp(option, "-V") || !strcmp(option, "--version"))
    version(u);
  rk_usage_die(u, "unknown option ", option);
}

static void __attribute__((noreturn))
needs(struct rk_usage const *u, struct rk_option const *o, char const *what, char const *value)
{
  char const letter[] = {o->letter, 0};

  rk_usage_die(u, "option -", letter, " needs ", what, ": got \"", value, "\"");
}

static uint32_t number(struct rk_usage const *u, struct rk_option const *o, char const *value)
{
  char buf[64];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  uint32_t n;

  if (uint320_scan(value, &n) && n >= o->min && (!o->max || n <= o->max))
    return n;
  rk_text_str(&t, "a number");
  if (o->min || o->max) {
    rk_text_str(&t, " from ");
    rk_text_num(&t, o->min);
    rk_text_str(&t, o->max ? " to " : " up");
  }
  if (o->max)
    rk_text_num(&t, o->max);
  needs(u, o, buf, value);
}

/* Its place among words with | between, which may be empty; -1: it is none of them. */
static int place(char const *words, char const *value)
{
  size_t len = strlen(value);
  int n = 0;

  for (; words && len; n++) {
    size_t width = strcspn(words, "|");
    if (width == len && !memcmp(words, value, len))
      return n;
    words += width;
    words = *words ? words + 1 : NULL;
  }
  return -1;
}

static int word(struct rk_usage const *u, struct rk_option const *o, char const *value)
{
  int n = place(o->arg, value);

  if (n == -1)
    n = place(o->aliases, value);
  if (n == -1)
    needs(u, o, o->arg, value);
  return n;
}

static int descriptor(struct rk_usage const *u, struct rk_option const *o, char const *value)
{
  uint32_t fd;

  if (!uint320_scan(value, &fd) || fd > INT_MAX)
    needs(u, o, "the number of an open file descriptor", value);
  if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
    return (int)fd;
  if (errno == EBADF)
    needs(u, o, "the number of an open file descriptor", value);
  strerr_diefusys(RK_EXIT_SYS, "use file descriptor ", value);
}

static void set(struct rk_usage const *u, struct rk_option const *o, char const *value, void *into)
{
  void *at = (char *)into + o->at;

  switch (o->kind) {
    case RK_OPTION_FLAG: *(int *)at = 1; break;
    case RK_OPTION_TEXT:
      if (o->valid && !o->valid(value))
        needs(u, o, o->arg, value);
      *(char const **)at = value;
      break;
    case RK_OPTION_NUMBER: *(uint32_t *)at = number(u, o, value); break;
    case RK_OPTION_WORD: *(int *)at = word(u, o, value); break;
    case RK_OPTION_FD: *(int *)at = descriptor(u, o, value); break;
    case RK_OPTION_CALL:
      if (!o->take(into, value))
        needs(u, o, o->arg, value);
      break;
  }
}

static struct rk_option const *named(struct rk_usage const *u, char letter)
{
  char const option[] = {'-', letter, 0};

  for (struct rk_option const *o = u->options; o->letter; o++)
    if (o->letter == letter || (o->other && o->other == letter))
      return o;
  common(u, option);
}

/* The letters of one argument; next: the one after it. Returns whether that is the value of the
   last. */
static int letters(struct rk_usage const *u, char const *s, char const *next, void *into)
{
  for (; *s; s++) {
    struct rk_option const *o = named(u, *s);
    char const letter[] = {*s, 0};
    if (!o->arg) {
      set(u, o, "", into);
      continue;
    }
    if (!s[1] && !next)
      rk_usage_die(u, "option -", letter, " needs a value: ", o->arg);
    set(u, o, s[1] ? s + 1 : next, into);
    return !s[1];
  }
  return 0;
}

static void __attribute__((noreturn))
missing(struct rk_usage const *u, char const *operand, size_t len)
{
  char buf[64];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_mem(&t, operand, len);
  rk_usage_die(u, "no ", strcmp(buf, "prog") ? buf : "program", " given");
}

/* Are there as many as the usage line names? */
static void check_operands(struct rk_usage const *u, char const *const *argv)
{
  int optional = 0, many = 0, more = 0;

  for (char const *s = u->operands; *s;) {
    size_t width = strcspn(s, " ");
    size_t len = strcspn(s, ". ");
    if (*s == '[' || *s == ']') {
      optional = *s == '[';
    } else {
      many = len < width;
      more += optional;
      if (!*argv && !optional)
        missing(u, s, len);
      argv += *argv && !optional;
    }
    s += width;
    s += strspn(s, " ");
  }
  for (; *argv && more; more--)
    argv++;
  if (*argv && !many)
    rk_usage_die(u, "unexpected operand ", *argv);
}

int rk_options(struct rk_usage const *usage, int argc, char const *const *argv, void *into)
{
  int i = argc > 0;

  while (i < argc && argv[i][0] == '-' && argv[i][1]) {
    char const *option = argv[i];
    i++;
    if (!strcmp(option, "--"))
      break;
    if (option[1] == '-')
      common(usage, option);
    i += letters(usage, option + 1, argv[i], into);
  }
  check_operands(usage, argv + i);
  return i;
}
