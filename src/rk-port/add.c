/* SPDX-License-Identifier: ISC
   The verb add. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/buffer.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
#include <rk/host.h>
#include <rk/portid.h>
#include <rk/portspec.h>
#include <rk/portstatus.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "port.h"

#ifndef RENAME_NOREPLACE /* musl 1.2.3; linux/fs.h clashes with glibc's mount.h */
#define RENAME_NOREPLACE 1
#endif

enum { OPTION_MAX = 16 };

/* The lines after the spec, from -o. */
struct lines {
  char const *line[OPTION_MAX];
  unsigned int n;
};

/* The port file for one spec; dies if rk-portd would refuse it. */
static size_t compose(char const *spec, struct lines const *options, char *buf, size_t size)
{
  struct rk_text t = rk_text_in(buf, size);
  struct rk_portfile file;
  char err[RK_PORTSPEC_ERRMAX];
  unsigned int line;

  rk_text_str(&t, spec);
  rk_text_str(&t, "\n");
  for (unsigned int i = 0; i < options->n; i++) {
    if (strchr(options->line[i], '\n'))
      strerr_dief(RK_EXIT_USAGE, "an option of a port is one line");
    rk_text_str(&t, options->line[i]);
    rk_text_str(&t, "\n");
  }
  if (t.cut)
    strerr_dief(RK_EXIT_USAGE, "a port file has at most 4096 bytes");
  if (rk_portfile_parse(t.s, t.len, &file, &line, err, sizeof err) == -1)
    strerr_dief(RK_EXIT_USAGE, err);
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

static int fill(int fd, char const *text, size_t len)
{
  if (allwrite(fd, text, len) < len)
    return -1;
  return fchmod(fd, 0644);
}

/* The file under a name that begins with a dot, which tmp becomes. stamp: its time of writing, by
   which rk-portd's answer is known to be about this file. */
static void write_file(struct port_dirs const *d, char const *text, size_t len, char *tmp,
                       char *stamp)
{
  struct stat st;
  uint64_t ns;
  int fd = rk_temp_open(d->ports, "port", tmp);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "write ", d->path, "/ports");
  if (fill(fd, text, len) == -1 || fstat(fd, &st) == -1) {
    int e = errno;
    unlinkat(d->ports, tmp, 0);
    errno = e;
    strerr_diefusys(RK_EXIT_SYS, "write ", d->path, "/ports/", tmp);
  }
  close(fd);
  ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
  stamp[uint64_fmt(stamp, ns)] = 0;
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
  write_file(d, text, len, tmp, stamp);
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

static void failed(char const *spec, char const *error) __attribute__((noreturn));
static void failed(char const *spec, char const *error)
{
  if (!strncmp(error, "cannot expose privileged port ", 30))
    rk_die_host(
      "N11",
      "sysctl -w net.ipv4.ip_unprivileged_port_start=0, or setcap "
      "cap_net_bind_service=ep on rootlesskit or rk-portd, or hand the socket in (listen-fd=)",
      "unable to publish ", spec, ": ", error);
  strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": ", error);
}

/* What rk-portd says of this very file: RK_PORTSTATE_NONE: nothing yet. */
static enum rk_portstate answer(struct port_dirs const *d, char const *name, char const *stamp,
                                char *text, size_t size)
{
  char value[UINT64_FMT];

  if (!port_served(d))
    return RK_PORTSTATE_NONE;
  if (port_status(d, name, text, size) == -1)
    return RK_PORTSTATE_NONE;
  if (!port_value(text, "mtime", value, sizeof value))
    return RK_PORTSTATE_NONE;
  if (strcmp(value, stamp) != 0)
    return RK_PORTSTATE_NONE;
  return rk_portstatus_state(text);
}

/* Until rk-portd has said what became of it. */
static void await(struct port_dirs const *d, struct port_wait *w, char const *name,
                  char const *spec, char const *stamp)
{
  char text[PORT_STATUS_MAX];
  char value[PORT_STATUS_MAX];
  int r = PORT_CHANGED;
  int e;

  while (r == PORT_CHANGED) {
    enum rk_portstate state = answer(d, name, stamp, text, sizeof text);
    if (state == RK_PORTSTATE_LISTENING)
      return;
    if (state == RK_PORTSTATE_ERROR) {
      char const *why = port_value(text, "error", value, sizeof value);
      withdraw(d, name);
      failed(spec, why ? why : "rk-portd gives no reason");
    }
    r = port_pause(w);
  }
  e = errno;
  withdraw(d, name);
  errno = e;
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait until ", spec, " is published");
  if (r == PORT_INTERRUPTED)
    strerr_dief(RK_EXIT_NO, "interrupted: ", spec, " is not published");
  if (!port_served(d))
    strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": no rk-portd serves ", d->path);
  strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": it does not listen yet");
}

/* Whoever cannot be told the name of a port cannot withdraw it either. */
static void print(struct port_dirs const *d, char const *name)
{
  buffer *out = buffer_1small;
  int e;

  if (buffer_puts(out, name) != -1 && buffer_putflush(out, "\n", 1) != -1)
    return;
  e = errno;
  withdraw(d, name);
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "write to stdout: ", name, " is withdrawn");
}

struct options {
  char const *name;
  struct lines lines;
  uint32_t seconds;
  int nowait;
};

static int take_line(void *into, char const *value)
{
  struct lines *l = &((struct options *)into)->lines;

  if (l->n == OPTION_MAX)
    strerr_dief(RK_EXIT_USAGE, "a port takes at most 16 options -o");
  l->line[l->n] = value;
  l->n++;
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
  {.letter = 't',
   .kind = RK_OPTION_NUMBER,
   .at = offsetof(struct options, seconds),
   .arg = "seconds",
   .text = "wait so long at most; 10 by default"},
  {.letter = 'N',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, nowait),
   .text = "do not wait until the port listens"},
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
    compose(argv[i], &o.lines, text, sizeof text);
  port_open(&d, argv[0], 1, o.seconds);
  if (!o.nowait)
    port_watch(&w, &d);
  for (int i = 1; i < argc; i++) {
    size_t len = compose(argv[i], &o.lines, text, sizeof text);
    publish(&d, given, text, len, name, stamp);
    if (!o.nowait) {
      port_wait_for(&w, o.seconds);
      await(&d, &w, name, argv[i], stamp);
    }
    print(&d, name);
  }
  return 0;
}
