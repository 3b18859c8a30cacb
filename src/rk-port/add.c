/* SPDX-License-Identifier: ISC
   The verbs add and rm. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/buffer.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/portspec.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "port.h"

#ifndef RENAME_NOREPLACE /* musl 1.2.3; linux/fs.h clashes with glibc's mount.h */
#define RENAME_NOREPLACE 1
#endif

enum { OPTION_MAX = 16 };
static char const *options[OPTION_MAX];
static unsigned int noptions;

/* The port file for one spec; dies if rk-portd would refuse it. */
static size_t compose(char const *spec, char *buf, size_t size)
{
  struct rk_text t = rk_text_in(buf, size);
  struct rk_portfile file;
  char err[RK_PORTSPEC_ERRMAX];
  unsigned int line;

  rk_text_str(&t, spec);
  rk_text_str(&t, "\n");
  for (unsigned int i = 0; i < noptions; i++) {
    if (strchr(options[i], '\n'))
      strerr_dief(RK_EXIT_USAGE, "an option of a port is one line");
    rk_text_str(&t, options[i]);
    rk_text_str(&t, "\n");
  }
  if (t.cut)
    strerr_dief(RK_EXIT_USAGE, "a port file has at most 4096 bytes");
  if (rk_portfile_parse(t.s, t.len, &file, &line, err, sizeof err) < 0)
    strerr_dief(RK_EXIT_USAGE, err);
  return t.len;
}

/* Put the file into ports under a name that nobody has: the given one, or the next number. name: at
   least PORT_NAME_MAX + 1. stamp: the file's time of writing, by which rk-portd's answer is known
   to be about this file. */
static void publish(struct port_dirs const *d, char const *given, char const *text, size_t len,
                    char *name, char *stamp)
{
  struct stat st;
  char tmp[RK_TEMP_MAX];
  unsigned long n = 0;
  int fd;

  fd = rk_temp_open(d->ports, "port", tmp);
  if (fd < 0)
    strerr_diefusys(RK_EXIT_SYS, "write ", d->path, "/ports");
  if (allwrite(fd, text, len) < len || fchmod(fd, 0644) < 0 || fstat(fd, &st) < 0) {
    int e = errno;
    unlinkat(d->ports, tmp, 0);
    errno = e;
    strerr_diefusys(RK_EXIT_SYS, "write ", d->path, "/ports/", tmp);
  }
  close(fd);
  stamp[uint64_fmt(stamp,
                   (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec)] = 0;
  if (given) {
    memcpy(name, given, strlen(given) + 1);
  } else {
    /* One more than the largest number there is, so that a number is not soon used again. */
    for (char **all = port_names(d); *all; all++) {
      unsigned long x;
      if (ulong0_scan(*all, &x) && x > n && x < 0xffffffff)
        n = x;
    }
    name[ulong_fmt(name, ++n)] = 0;
  }
  while (rk_renameat2(d->ports, tmp, d->ports, name, RENAME_NOREPLACE) < 0) {
    int e = errno;
    if (e == EEXIST && !given) {
      name[ulong_fmt(name, ++n)] = 0;
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
    rk_die_host("N11",
                "sysctl -w net.ipv4.ip_unprivileged_port_start=0, or setcap "
                "cap_net_bind_service=ep on rk-portd, or hand the socket in (listen-fd=)",
                "unable to publish ", spec, ": ", error);
  strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": ", error);
}

/* Until rk-portd has said what became of it. */
static void await(struct port_dirs const *d, char const *name, char const *spec, char const *stamp)
{
  char text[PORT_STATUS_MAX], value[PORT_STATUS_MAX];
  int r;

  for (;;) {
    if (port_served(d) && port_status(d, name, text, sizeof text) >= 0 &&
        port_value(text, "mtime", value, sizeof value) && !strcmp(value, stamp) &&
        port_value(text, "state", value, sizeof value)) {
      if (!strcmp(value, "listening"))
        return;
      if (!strcmp(value, "error")) {
        withdraw(d, name);
        failed(spec,
               port_value(text, "error", value, sizeof value) ? value : "rk-portd gives no reason");
      }
    }
    r = port_pause();
    if (r > 0)
      continue;
    withdraw(d, name);
    if (r < 0)
      strerr_dief(RK_EXIT_NO, "interrupted: ", spec, " is not published");
    if (!port_served(d))
      strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": no rk-portd serves ", d->path);
    strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": it does not listen yet");
  }
}

int verb_add(int argc, char const *const *argv)
{
  subgetopt l = SUBGETOPT_ZERO;
  struct port_dirs d;
  char text[RK_PORTFILE_MAX + 1], name[PORT_NAME_MAX + 1], stamp[UINT64_FMT];
  char const *given = 0;
  unsigned int seconds = 10;
  int opt, nowait = 0;

  while ((opt = subgetopt_r(argc, argv, "n:o:t:N", &l)) != -1)
    switch (opt) {
      case 'n': given = l.arg; break;
      case 'o':
        if (noptions == OPTION_MAX)
          strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_ADD);
        options[noptions++] = l.arg;
        break;
      case 't':
        if (!uint0_scan(l.arg, &seconds))
          strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_ADD);
        break;
      case 'N': nowait = 1; break;
      default: strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_ADD);
    }
  argc -= l.ind;
  argv += l.ind;
  if (argc < 2 || (given && argc > 2))
    strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_ADD);
  if (given)
    port_check_name(given);
  /* all of them before the first is there */
  for (int i = 1; i < argc; i++)
    compose(argv[i], text, sizeof text);
  port_open(&d, argv[0], 1);
  for (int i = 1; i < argc; i++) {
    if (!nowait)
      port_watch(&d, seconds);
    publish(&d, given, text, compose(argv[i], text, sizeof text), name, stamp);
    if (!nowait)
      await(&d, name, argv[i], stamp);
    if (buffer_puts(buffer_1small, name) < 0 || buffer_putflush(buffer_1small, "\n", 1) < 0)
      strerr_diefusys(RK_EXIT_SYS, "write to stdout");
  }
  return 0;
}

int verb_rm(int argc, char const *const *argv)
{
  subgetopt l = SUBGETOPT_ZERO;
  struct port_dirs d;
  char text[PORT_STATUS_MAX];
  unsigned int seconds = 10;
  int opt, byid = 0;

  while ((opt = subgetopt_r(argc, argv, "it:", &l)) != -1)
    switch (opt) {
      case 'i': byid = 1; break;
      case 't':
        if (!uint0_scan(l.arg, &seconds))
          strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_RM);
        break;
      default: strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_RM);
    }
  argc -= l.ind;
  argv += l.ind;
  if (argc < 2)
    strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_RM);
  if (!byid)
    for (int i = 1; i < argc; i++)
      port_check_name(argv[i]);
  port_open(&d, argv[0], 1);
  port_watch(&d, seconds);
  for (int i = 1; i < argc; i++) {
    char const *name = byid ? port_by_id(&d, argv[i]) : argv[i];
    if (!name)
      strerr_dief(RK_EXIT_NO, "no port has the id ", argv[i]);
    if (unlinkat(d.ports, name, 0) < 0) {
      if (errno == ENOENT)
        strerr_dief(RK_EXIT_NO, "no such port: ", name);
      strerr_diefusys(RK_EXIT_SYS, "remove ", d.path, "/ports/", name);
    }
    while (port_served(&d) && port_status(&d, name, text, sizeof text) >= 0) {
      int r = port_pause();
      if (r > 0)
        continue;
      strerr_dief(RK_EXIT_SYS, "port ", name, r ? ": interrupted" : " is not closed yet",
                  ": its file is removed");
    }
  }
  return 0;
}
