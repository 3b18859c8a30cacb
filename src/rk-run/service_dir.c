/* SPDX-License-Identifier: ISC
   Service directories and a unit for a chain. Under s6 and runit the chain is the run script: the
   pid that they supervise is the command's own. rk-portd and rk-apid are services beside it, so
   that ports stay bound while the chain restarts. */
#include <compat/go.h>
#include "script.h"
#include "state.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <rk/text.h>
#include <sys/stat.h>

static void make_dir(char const *path)
{
  if (mkdir(path, 0755) < 0 && errno != EEXIST)
    run_die("mkdir %s: %s", path, go_errno(errno));
}

static int create(char const *path, mode_t mode)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

  if (fd < 0)
    run_die("create %s: %s", path, go_errno(errno));
  return fd;
}

static void done(int fd, char const *path)
{
  if (fsync(fd) < 0 || close(fd) < 0)
    run_die("write %s: %s", path, go_errno(errno));
}

static void fact(char const *path, char const *line)
{
  int fd = create(path, 0644);

  dprintf(fd, "%s\n", line);
  done(fd, path);
}

/* NAME-portd and NAME-apid: `notification-fd` 3 under s6. */
static void daemon_service(char const *dir, char const *suffix, struct run const *r,
                           enum script_language lang)
{
  char const *own = run_text("%s-%s", dir, suffix);
  char const *run = run_text("%s/run", own);
  int is_portd = !strcmp(suffix, "portd");
  int fd;

  make_dir(own);
  if (lang == SCRIPT_EXECLINE)
    fact(run_text("%s/notification-fd", own), "3");
  fd = create(run, 0755);
  dprintf(fd, lang == SCRIPT_SH ? "#!/bin/sh -e\nexec 2>&1\n"
                                : "#!/usr/bin/execlineb -P\nfdmove -c 2 1\n");
  if (is_portd) /* each time: the directory may be on a file system that a reboot empties */
    script_ports(fd, lang, r);
  dprintf(fd, "%srk-%s %s-P %s ", lang == SCRIPT_SH ? "exec " : "", suffix,
          lang == SCRIPT_EXECLINE ? "-d 3 " : "", is_portd ? portd_driver(r) : r->port_driver);
  if (!is_portd)
    dprintf(fd, "-o %s ", portd_srcip(r));
  script_word(fd, lang, r->state_dir);
  dprintf(fd, "\n");
  done(fd, run);
}

static void supervised(struct run *r, char const *dir, enum script_language lang)
{
  char const *run = run_text("%s/run", dir);
  int ports = strcmp(r->port_driver, "none") && strcmp(r->port_driver, "implicit"), fd;

  make_dir(dir);
  fd = create(run, 0755);
  dprintf(fd, lang == SCRIPT_SH ? "#!/bin/sh -e\nexec 2>&1\n"
                                : "#!/usr/bin/execlineb -P\nfdmove -c 2 1\n");
  script_chain(fd, lang, r, r->state_dir);
  done(fd, run);
  if (!ports)
    return;
  daemon_service(dir, "portd", r, lang);
  daemon_service(dir, "apid", r, lang);
}

/* systemd.service(5), Command lines: one word, whatever it holds; a newline in it would be a line
   of the unit. */
static void unit_word(int fd, char const *s)
{
  dprintf(fd, "\"");
  for (; *s; s++) {
    unsigned char c = (unsigned char)*s;
    if (c < 0x20 || c == 0x7f) {
      dprintf(fd, "\\x%02x", c);
      continue;
    }
    if (c == '"' || c == '\\')
      dprintf(fd, "\\");
    if (c == '%' || c == '$')
      dprintf(fd, "%c", c);
    dprintf(fd, "%c", c);
  }
  dprintf(fd, "\"");
}

/* systemd wants one main process that passes signals on and takes all with it: rk-run itself. */
static void unit(struct run const *r, char const *dir)
{
  char const *name = strrchr(r->command[0], '/');
  char const *path;
  char self[4096], safe[1024];
  struct rk_text t;
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  int fd;

  if (n < 0)
    run_die("readlink /proc/self/exe: is /proc mounted?");
  self[n] = 0;
  make_dir(dir);
  path = run_text("%s/%s.service", dir, name ? name + 1 : r->command[0]);
  fd = create(path, 0644);
  name = name ? name + 1 : r->command[0];
  t = rk_text_in(safe, sizeof safe);
  rk_text_safe(&t, name, strlen(name));
  dprintf(fd, "[Unit]\nDescription=%s in a user namespace\n\n[Service]\nExecStart=", safe);
  unit_word(fd, self);
  for (char const *const *p = r->given; *p; p++) {
    if (p == r->command - 1)
      continue; /* the directory */
    if (p < r->command && (!strncmp(*p, "--service=", 10) || !strncmp(*p, "-service=", 9)))
      continue;
    if (p < r->command && (!strcmp(*p, "--service") || !strcmp(*p, "-service"))) {
      p++;
      continue;
    }
    dprintf(fd, " ");
    unit_word(fd, *p);
  }
  dprintf(fd,
          "\nExecReload=kill -s HUP "
          "$MAINPID\nType=simple\nNotifyAccess=all\nKillMode=mixed\nDelegate=yes\nRestart=always\n"
          "RestartSec=2\n\n[Install]\nWantedBy=default.target\n");
  done(fd, path);
}

static void check_kind(char const *kind)
{
  static char const *const known[] = {"s6", "runit", "systemd"};

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!strcmp(kind, known[i]))
      return;
  run_die("expected --service=s6, --service=runit or --service=systemd, got %s", kind);
}

void run_service(struct run *r)
{
  char const *dir = r->command[0];

  check_kind(r->service);

  if (!dir)
    run_die("--service needs a directory before the command");
  r->command++;
  if (!r->command[0])
    run_die("no command specified");
  if (!*r->state_dir && strcmp(r->service, "systemd"))
    run_die("--service=%s needs --state-dir", r->service);
  if (*r->state_dir)
    r->state_dir = run_state_path(r->state_dir);
  if (!strcmp(r->service, "s6"))
    supervised(r, dir, SCRIPT_EXECLINE);
  else if (!strcmp(r->service, "runit"))
    supervised(r, dir, SCRIPT_SH);
  else
    unit(r, dir);
  _exit(0);
}
