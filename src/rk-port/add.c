/* SPDX-License-Identifier: ISC
   The verb add. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>

#include <skalibs/buffer.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
#include <rk/portid.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "port.h"

#ifndef RENAME_NOREPLACE /* musl 1.2.3; linux/fs.h clashes with glibc's mount.h */
#define RENAME_NOREPLACE 1
#endif

/* The text of a port file; dies if rk-portd would refuse it. */
static size_t compose(char const *spec, struct port_lines const *options, struct rk_portfile *file,
                      char *buf, size_t size)
{
  struct rk_text t = rk_text_in(buf, size);

  rk_text_add(&t, spec, "\n");
  for (unsigned int i = 0; i < options->n; i++)
    rk_text_add(&t, options->line[i], "\n");
  port_parse(t.s, t.cut ? size : t.len, file);
  return t.len;
}

/* The next id, as a name (rk/portid.h). Dies. */
static void next_number(struct port_dirs const *d, char *name)
{
  uint32_t id;

  if (rk_portid_next(d->dir, &id) == -1)
    strerr_diefusys(RK_EXIT_SYS, "take a number from ", d->path, "/.port-ids");
  name[uint_fmt(name, id)] = 0;
}

static void check_given(char const *name)
{
  port_check_name(name);
  if (rk_portid_number(name))
    strerr_dief(RK_EXIT_USAGE, "a name that is a number is given by rk-port, not chosen: ", name);
}

/* Put the file into ports under a name that nobody has: the given one, or the next number. name: at
   least PORT_NAME_MAX + 1. */
static void publish(struct port_dirs const *d, char const *given, char const *text, size_t len,
                    char *name, char *stamp)
{
  char tmp[RK_TEMP_MAX];

  if (given)
    memcpy(name, given, strlen(given) + 1);
  else
    next_number(d, name);
  port_write(d, text, len, tmp, stamp);
  while (rk_renameat2(d->ports, tmp, d->ports, name, RENAME_NOREPLACE) == -1) {
    int e = errno;
    if (e == EEXIST && !given) { /* a file that somebody has named by a number */
      next_number(d, name);
      continue;
    }
    unlinkat(d->ports, tmp, 0);
    errno = e;
    if (e == EEXIST)
      strerr_dief(RK_EXIT_NO, "there is a port of this name: ", name);
    strerr_diefusys(RK_EXIT_SYS, "make ", d->path, "/ports/", name);
  }
}

static void withdraw(struct port_dirs const *d, char const *name)
{
  unlinkat(d->ports, name, 0);
}

/* Until rk-portd has said what became of it: its status is in text then. */
static void await(struct port_dirs const *d, struct port_wait *w, char const *name,
                  char const *spec, char const *stamp, char *text, size_t size)
{
  int woken;
  enum rk_portstate state = port_await(d, w, name, stamp, text, size, &woken);
  int e = errno;

  if (state == RK_PORTSTATE_LISTENING)
    return;
  withdraw(d, name);
  errno = e;
  if (state == RK_PORTSTATE_ERROR)
    port_refused(spec, text);
  port_unanswered(d, spec, woken);
}

/* Whoever cannot be told the name of a port cannot withdraw it either. listen: "", or the address
   that was chosen. */
static void print(struct port_dirs const *d, char const *name, char const *listen)
{
  buffer *out = buffer_1small;
  int e;

  if (buffer_puts(out, name) != -1 && buffer_puts(out, *listen ? " " : "") != -1 &&
      buffer_puts(out, listen) != -1 && buffer_putflush(out, "\n", 1) != -1)
    return;
  e = errno;
  withdraw(d, name);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "write to stdout: ", name, " is withdrawn");
}

struct options {
  char const *name;
  struct port_lines lines;
  uint32_t seconds;
  int nowait;
};

static int take_line(void *into, char const *value)
{
  port_take_line(&((struct options *)into)->lines, value);
  return 1;
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'n',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct options, name),
   .arg = "name",
   .text = "the name of the file in ports, for one spec"},
  {.letter = 'o',
   .kind = RK_OPTION_CALL,
   .arg = "key=value",
   .text = "a line of the port file, see rk-ports(5)",
   .many = 1,
   .take = take_line},
  PORT_OPTION_SECONDS(struct options),
  PORT_OPTION_NOWAIT(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-port add",
  .summary = "publish a port for each spec, and print its name",
  .operands = "dir spec...",
  .options = OPTIONS,
};

int verb_add(int argc, char const *const *argv)
{
  struct options o = {.seconds = 10};
  int first = rk_options(&USAGE, argc, argv, &o);
  char const *given = o.name;
  struct port_dirs d;
  char text[RK_PORTFILE_MAX + 1];
  char status[PORT_STATUS_MAX];
  char listen[INET6_ADDRSTRLEN + 16];
  struct rk_portfile file;
  char name[PORT_NAME_MAX + 1];
  char stamp[UINT64_FMT];
  struct port_wait w;

  argc -= first;
  argv += first;
  if (given && argc > 2)
    rk_usage_die(&USAGE, "-n names one port, and there are several specs");
  if (given)
    check_given(given);
  /* all of them before the first is there */
  for (int i = 1; i < argc; i++)
    compose(argv[i], &o.lines, &file, text, sizeof text);
  port_open(&d, argv[0], 1, o.seconds);
  if (!o.nowait)
    port_watch(&w, &d);
  for (int i = 1; i < argc; i++) {
    size_t len = compose(argv[i], &o.lines, &file, text, sizeof text);
    listen[0] = 0;
    publish(&d, given, text, len, name, stamp);
    if (!o.nowait) {
      port_wait_for(&w, o.seconds);
      await(&d, &w, name, argv[i], stamp, status, sizeof status);
      if (!file.spec.parentport && !file.spec.parentpath[0])
        port_value(status, "listen", listen, sizeof listen);
    }
    print(&d, name, listen);
  }
  return 0;
}
