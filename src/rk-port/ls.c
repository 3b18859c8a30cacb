/* SPDX-License-Identifier: ISC
   The verb ls. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/buffer.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
#include <rk/state.h>
#include <rk/text.h>
#include "port.h"

static void out(char const *s, size_t len)
{
  if (buffer_put(buffer_1, s, len) < 0)
    strerr_diefusys(RK_EXIT_SYS, "write to stdout");
}

/* The status of a port; where there is none (no rk-portd, or it has not come to it) what its file
   says. */
static void read_status(struct port_dirs const *d, char const *name, char *text, size_t size)
{
  struct rk_text t;
  char file[4097];

  if (port_served(d)) {
    if (port_status(d, name, text, size) != -1)
      return;
    if (!port_status_missing(errno))
      strerr_diefusys(RK_EXIT_SYS, "read ", d->path, "/ports.status/", name);
  }
  t = rk_text_in(text, size);
  rk_text_str(&t, "state=unknown\n");
  if (rk_fact_read(d->ports, name, file, sizeof file) == -1)
    return;
  rk_text_str(&t, "spec=");
  rk_text_mem(&t, file, strcspn(file, "\n"));
}

/* Each line of the status as f(key, value). */
static void each(char const *text,
                 void (*f)(char const *key, size_t klen, char const *value, size_t vlen))
{
  while (*text) {
    size_t len = strcspn(text, "\n");
    char const *eq = memchr(text, '=', len);
    if (eq)
      f(text, (size_t)(eq - text), eq + 1, (size_t)(text + len - eq - 1));
    text += len;
    if (*text)
      text++;
  }
}

static void quoted(char const *s, size_t len)
{
  char buf[6 * PORT_STATUS_MAX + 3];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  rk_text_json(&t, s, len);
  out(t.s, t.len);
}

static void json_field(char const *key, size_t klen, char const *value, size_t vlen)
{
  int number = vlen > 0;

  for (size_t i = 0; i < vlen; i++)
    if (value[i] < '0' || value[i] > '9')
      number = 0;
  out(",", 1);
  quoted(key, klen);
  out(":", 1);
  if (number)
    out(value, vlen);
  else
    quoted(value, vlen);
}

static void nul_field(char const *key, size_t klen, char const *value, size_t vlen)
{
  out(key, klen);
  out("=", 1);
  out(value, vlen);
  out("", 1);
}

/* Columns: a name or text is cut off at nothing; numbers are for people: 999, 1.2K, 34M. */
static char const *human(char const *digits, char *buf, size_t size)
{
  static char const unit[] = " KMGTPE";
  struct rk_text t = rk_text_in(buf, size);
  uint64_t n = 0;
  unsigned int u = 0, tenth = 0;

  uint64_scan(digits, &n);
  while (n >= 1000) {
    tenth = (unsigned int)(n % 1000 / 100);
    n /= 1000;
    u++;
  }
  rk_text_num(&t, (long long)n);
  if (u && n < 10) {
    rk_text_str(&t, ".");
    rk_text_num(&t, tenth);
  }
  if (u)
    rk_text_mem(&t, unit + u, 1);
  return buf;
}

enum { COLUMNS = 9, CELL = 300 };
static char const *const titles[COLUMNS] = {"NAME",  "ID", "STATE", "CHAIN", "CLIENTS",
                                            "TOTAL", "IN", "OUT",   "SPEC"};
static char const *const keys[COLUMNS] = {0,       "id", "state", "chain", "connections",
                                          "total", "in", "out",   "spec"};

static void cell(int column, char const *name, char const *text, char *buf)
{
  char value[CELL];
  struct rk_text t = rk_text_in(buf, CELL);

  if (!column) {
    size_t len = strlen(name);
    rk_text_quote(&t, name, len);
    if (t.len == len + 2 && !strchr(name, ' ')) { /* nothing was escaped: no quotes either */
      t = rk_text_in(buf, CELL);
      rk_text_str(&t, name);
    }
    return;
  }
  if (!port_value(text, keys[column], value, sizeof value))
    rk_text_str(&t, "-");
  else if (column >= 4 && column <= 7)
    human(value, buf, CELL);
  else
    rk_text_safe(&t, value, strlen(value));
}

/* Why it is in that state, as rk-portd wrote it or somebody else did. */
static void reason(char const *text, char const *key)
{
  char value[PORT_STATUS_MAX], safe[4 * PORT_STATUS_MAX];
  struct rk_text t = rk_text_in(safe, sizeof safe);

  if (!port_value(text, key, value, sizeof value))
    return;
  rk_text_safe(&t, value, strlen(value));
  out("  ", 2);
  out(t.s, t.len);
}

static void row(size_t const *width, char const *name, char const *text)
{
  char buf[CELL], error[PORT_STATUS_MAX];

  for (int c = 0; c < COLUMNS; c++) {
    size_t len;
    if (text)
      cell(c, name, text, buf);
    else
      memcpy(buf, titles[c], strlen(titles[c]) + 1);
    len = strlen(buf);
    out(buf, len);
    if (c < COLUMNS - 1)
      for (size_t i = len; i < width[c] + 2; i++)
        out(" ", 1);
  }
  if (text)
    reason(text, port_value(text, "error", error, sizeof error) ? "error" : "reason");
  out("\n", 1);
}

static void table(struct port_dirs const *d, char const *const *names)
{
  size_t width[COLUMNS];
  char text[PORT_STATUS_MAX], buf[CELL];

  for (int c = 0; c < COLUMNS; c++)
    width[c] = strlen(titles[c]);
  for (char const *const *n = names; *n; n++) {
    read_status(d, *n, text, sizeof text);
    for (int c = 0; c < COLUMNS; c++) {
      cell(c, *n, text, buf);
      if (strlen(buf) > width[c])
        width[c] = strlen(buf);
    }
  }
  row(width, 0, 0);
  for (; *names; names++) {
    read_status(d, *names, text, sizeof text);
    row(width, *names, text);
  }
}

static int missing(struct port_dirs const *d, char const *name)
{
  if (d->ports == -1)
    return 1;
  return faccessat(d->ports, name, F_OK, AT_SYMLINK_NOFOLLOW) == -1 && errno == ENOENT;
}

static void print_json(char const *name, char const *text)
{
  out("{\"name\":", 8);
  quoted(name, strlen(name));
  each(text, json_field);
  out("}\n", 2);
}

static void print_nul(char const *name, char const *text)
{
  nul_field("name", 4, name, strlen(name));
  each(text, nul_field);
  out("", 1);
}

struct options {
  int json;
  int nul;
  uint32_t seconds;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'j',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, json),
   .text = "JSON, one object on each line",
   .join = " | "},
  {.letter = '0',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, nul),
   .text = "fields key=value, each ended by a zero byte; an empty one ends a port"},
  PORT_OPTION_SECONDS(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-port ls",
  .summary = "list ports: all, or those named",
  .operands = "dir [ name... ]",
  .options = OPTIONS,
};

int verb_ls(int argc, char const *const *argv)
{
  struct options o = {.seconds = 10};
  int first = rk_options(&USAGE, argc, argv, &o);
  struct port_dirs d;
  char text[PORT_STATUS_MAX];
  char const *const *names;

  argc -= first;
  argv += first;
  if (o.json && o.nul)
    rk_usage_die(&USAGE, "-j and -0 exclude one another");
  for (int i = 1; i < argc; i++)
    port_check_name(argv[i]);
  port_open(&d, argv[0], 0, o.seconds);
  for (int i = 1; i < argc; i++)
    if (missing(&d, argv[i]))
      strerr_dief(RK_EXIT_NO, "no such port: ", argv[i]);
  if (!port_served(&d))
    strerr_warnw("no rk-portd serves ", d.path, ": nobody knows the states of its ports");
  port_refresh(&d);
  names = argv + 1;
  if (argc == 1)
    names = (char const *const *)port_names(&d);
  if (!o.json && !o.nul)
    table(&d, names);
  else
    for (; *names; names++) {
      read_status(&d, *names, text, sizeof text);
      if (o.json)
        print_json(*names, text);
      else
        print_nul(*names, text);
    }
  if (!buffer_flush(buffer_1))
    strerr_diefusys(RK_EXIT_SYS, "write to stdout");
  return 0;
}
