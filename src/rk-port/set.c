/* SPDX-License-Identifier: ISC
   The verb set. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
#include <rk/state.h>
#include <rk/text.h>
#include "port.h"

struct options {
  struct port_lines lines;
  uint32_t seconds;
  int nowait;
};

static int take_line(void *into, char const *value)
{
  if (!strchr(value, '='))
    return 0;
  port_take_line(&((struct options *)into)->lines, value);
  return 1;
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'o',
   .kind = RK_OPTION_CALL,
   .arg = "key=value",
   .text = "this line instead of the one with the key; key= removes it",
   .many = 1,
   .take = take_line},
  PORT_OPTION_SECONDS(struct options),
  PORT_OPTION_NOWAIT(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-port set",
  .summary = "change a port; if it fails, it stays what it was",
  .operands = "dir name [ spec ]",
  .options = OPTIONS,
};

/* Is the line (len bytes) one with a key of the options? */
static int replaced(struct port_lines const *options, char const *line, size_t len)
{
  for (unsigned int i = 0; i < options->n; i++) {
    size_t key = strcspn(options->line[i], "=") + 1;
    if (len >= key && !memcmp(line, options->line[i], key))
      return 1;
  }
  return 0;
}

/* The old file with another spec (NULL: the old one), and the options in the place of those of the
   same keys. Comments stay. */
static void change(char const *old, char const *spec, struct port_lines const *options,
                   struct rk_text *t)
{
  int first = 1;

  while (*old) {
    size_t len = strcspn(old, "\n");
    char const *word = old + strspn(old, " \t");
    int text = word < old + len && *word != '#' && *word != '\r';
    if (text && first && spec) {
      rk_text_add(t, spec, "\n");
    } else if (!text || first || !replaced(options, word, (size_t)(old + len - word))) {
      rk_text_mem(t, old, len);
      rk_text_str(t, "\n");
    }
    if (text)
      first = 0;
    old += len;
    old += *old == '\n';
  }
  for (unsigned int i = 0; i < options->n; i++) {
    char const *value = strchr(options->line[i], '=');
    if (value && value[1])
      rk_text_add(t, options->line[i], "\n");
  }
}

/* Put the text in the place of the port's file. */
static void replace(struct port_dirs const *d, char const *name, char const *text, size_t len,
                    char *stamp)
{
  char tmp[RK_TEMP_MAX];

  port_write(d, text, len, tmp, stamp);
  if (renameat(d->ports, tmp, d->ports, name) == 0)
    return;
  int e = errno;
  unlinkat(d->ports, tmp, 0);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "replace ", d->path, "/ports/", name);
}

/* The old file again, and wait until rk-portd has taken it up: what was published is so again when
   this program ends. */
static void restore(struct port_dirs const *d, char const *name, char const *old, unsigned int s)
{
  char stamp[UINT64_FMT];
  char status[PORT_STATUS_MAX];
  struct port_wait w;
  int woken;

  replace(d, name, old, strlen(old), stamp);
  port_watch(&w, d);
  port_wait_for(&w, s);
  port_await(d, &w, name, stamp, status, sizeof status, &woken);
}

static void await(struct port_dirs const *d, struct port_wait *w, char const *name,
                  char const *stamp, char const *old, unsigned int seconds)
{
  char status[PORT_STATUS_MAX];
  int woken;
  enum rk_portstate state = port_await(d, w, name, stamp, status, sizeof status, &woken);
  int e = errno;

  if (state == RK_PORTSTATE_LISTENING)
    return;
  restore(d, name, old, seconds);
  errno = e;
  if (state == RK_PORTSTATE_ERROR)
    port_refused(name, status);
  port_unanswered(d, name, woken);
}

int verb_set(int argc, char const *const *argv)
{
  struct options o = {.seconds = 10};
  int first = rk_options(&USAGE, argc, argv, &o);
  struct port_dirs d;
  struct rk_portfile file;
  struct port_wait w;
  char old[RK_PORTFILE_MAX + 2];
  char text[RK_PORTFILE_MAX + 2];
  char stamp[UINT64_FMT];
  struct rk_text t = rk_text_in(text, sizeof text);

  argc -= first;
  argv += first;
  port_check_name(argv[1]);
  port_open(&d, argv[0], 1, o.seconds);
  if (rk_fact_read(d.ports, argv[1], old, sizeof old) == -1) {
    if (errno == ENOENT)
      strerr_dief(RK_EXIT_NO, "no such port: ", argv[1]);
    strerr_diefusys(RK_EXIT_SYS, "read ", d.path, "/ports/", argv[1]);
  }
  change(old, argv[2], &o.lines, &t);
  port_parse(t.s, t.cut ? sizeof text : t.len, &file);
  if (!o.nowait)
    port_watch(&w, &d);
  replace(&d, argv[1], t.s, t.len, stamp);
  if (o.nowait)
    return 0;
  port_wait_for(&w, o.seconds);
  await(&d, &w, argv[1], stamp, old, o.seconds);
  return 0;
}
