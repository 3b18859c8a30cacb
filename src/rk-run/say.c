/* SPDX-License-Identifier: ISC
   Messages in RootlessKit's form: errors are one plain line, `[rootlesskit:parent] error: TEXT`. */
#include "run.h"
#include <compat/go.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <rk/put.h>

enum { LINE = 8192 };

static struct {
  void (*tidy)(void *ctx);
  void *ctx;
} death;

/* Returns the length. */
static size_t compose(char line[LINE], char const *who, char const *level, char const *format,
                      va_list ap)
{
  int head = snprintf(line, LINE, "[rootlesskit:%s] %s: ", who, level);
  int n = vsnprintf(line + head, LINE - (size_t)head - 1, format, ap);
  size_t len = (size_t)head + (n < 0 ? 0 : (size_t)n);

  return len > LINE - 2 ? LINE - 2 : len;
}

static void say(char const *who, char const *level, char const *format, va_list ap)
{
  char line[LINE];

  rk_put_line(2, line, compose(line, who, level, format, ap));
}

void run_on_death(void (*tidy)(void *ctx), void *ctx)
{
  death.tidy = tidy;
  death.ctx = ctx;
}

void run_error(char const *who, char const *format, ...)
{
  va_list ap;

  va_start(ap, format);
  say(who, "error", format, ap);
  va_end(ap);
}

void run_die(char const *format, ...)
{
  void (*tidy)(void *ctx) = death.tidy;
  char line[LINE];
  size_t len;
  va_list ap;

  va_start(ap, format);
  len = compose(line, "parent", "error", format, ap); /* of errno and others' memory: before all */
  va_end(ap);
  death.tidy = NULL; /* it may fail as well */
  if (tidy)
    tidy(death.ctx);
  rk_put_line(2, line, len);
  _exit(1);
}

void run_end(void)
{
  void (*tidy)(void *ctx) = death.tidy;

  death.tidy = NULL;
  if (tidy)
    tidy(death.ctx);
  _exit(1);
}

void run_warn(char const *format, ...)
{
  va_list ap;

  va_start(ap, format);
  say("parent", "warning", format, ap);
  va_end(ap);
}

void run_debug(struct run const *r, char const *format, ...)
{
  va_list ap;

  if (!r->debug)
    return;
  va_start(ap, format);
  say("parent", "debug", format, ap);
  va_end(ap);
}

void *run_alloc(size_t size)
{
  void *p = malloc(size);

  if (!p)
    run_die("cannot allocate memory");
  return p;
}

char *run_text(char const *format, ...)
{
  va_list ap;
  char *p = 0;
  int n;

  va_start(ap, format);
  n = vasprintf(&p, format, ap);
  va_end(ap);
  if (n < 0)
    run_die("cannot allocate memory");
  return p;
}

char *run_words(char const *const *argv)
{
  char *text = run_text("%s", "");

  for (char const *const *word = argv; *word; word++) {
    size_t size = 4 * strlen(*word) + 3; /* each byte may become \xNN */
    char *quoted = run_alloc(size);
    char *more = run_text("%s%s%s", text, word == argv ? "" : " ", go_quote(*word, quoted, size));
    free(quoted);
    free(text);
    text = more;
  }
  return text;
}
