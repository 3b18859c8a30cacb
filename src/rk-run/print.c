/* SPDX-License-Identifier: ISC
   The chain as a script, to be read, edited and run: one link a line. */
#include "run.h"
#include "script.h"
#include <string.h>
#include <unistd.h>

/* The name of a language, not a program that is run. */
static char const SHELL[] = {'s', 'h', 0};

static int needs_outside(struct run const *r)
{
  return strcmp(r->port_driver, "none") && strcmp(r->port_driver, "implicit");
}

/* rk-portd's name for RootlessKit's port driver. */
char const *portd_driver(struct run const *r)
{
  return strcmp(r->port_driver, "builtin") ? r->port_driver : "relay";
}

/* A word that no language needs to quote. */
static int plain(char const *s)
{
  return *s &&
         !s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_-+=:,./")];
}

void script_word(int fd, enum script_language lang, char const *s)
{
  if (plain(s)) {
    dprintf(fd, "%s", s);
    return;
  }
  dprintf(fd, lang == SCRIPT_SH ? "'" : "\"");
  for (; *s; s++) {
    if (lang == SCRIPT_SH && *s == '\'')
      dprintf(fd, "'\\''");
    else if (lang == SCRIPT_EXECLINE && (*s == '"' || *s == '\\'))
      dprintf(fd, "\\%c", *s);
    else
      dprintf(fd, "%c", *s);
  }
  dprintf(fd, lang == SCRIPT_SH ? "'" : "\"");
}

/* A line for each rk program, one for the command. */
void script_chain(int fd, enum script_language lang, struct run const *r, char const *state_dir)
{
  char const *const *chain = run_chain(r, 0, 0, state_dir);
  char const *const *end = chain;

  while (*end)
    end++;
  for (char const *const *command = r->command; *command; command++)
    end--;
  if (lang == SCRIPT_SH)
    dprintf(fd, "exec ");
  for (char const *const *p = chain; *p; p++) {
    if (p != chain) {
      int first = p == end || (p < end && !strncmp(*p, "rk-", 3));
      dprintf(fd, "%s", !first ? " " : lang == SCRIPT_SH ? " \\\n  " : "\n");
    }
    script_word(fd, lang, *p);
  }
  dprintf(fd, "\n");
}

/* What rk-run would do beside the chain, as far as a script can: port files, and the two
   daemons. */
static void around(int fd, enum script_language lang, struct run const *r)
{
  int sh = lang == SCRIPT_SH;

  if (!needs_outside(r))
    return;
  dprintf(fd, sh ? "mkdir -p " : "if { mkdir -p ");
  script_word(fd, lang, run_text("%s/ports", r->state_dir));
  dprintf(fd, sh ? "\n" : " }\n");
  for (size_t i = 0; i < r->publish.len; i++) {
    char const *file = run_text("%s/ports/%zu", r->state_dir, i + 1);
    dprintf(fd, sh ? "echo " : "if { redirfd -w 1 ");
    if (!sh) {
      script_word(fd, lang, file);
      dprintf(fd, " echo ");
    }
    script_word(fd, lang, r->publish.item[i]);
    if (sh) {
      dprintf(fd, " > ");
      script_word(fd, lang, file);
    }
    dprintf(fd, sh ? "\n" : " }\n");
  }
  dprintf(fd, sh ? "rk-portd -P %s " : "background { rk-portd -P %s ", portd_driver(r));
  script_word(fd, lang, r->state_dir);
  dprintf(fd, sh ? " &\n" : " }\n");
  dprintf(fd, sh ? "rk-apid -P %s " : "background { rk-apid -P %s ", r->port_driver);
  script_word(fd, lang, r->state_dir);
  dprintf(fd, sh ? " &\n" : " }\n");
}

void script_print(int fd, enum script_language lang, struct run const *r)
{
  if (needs_outside(r) && !*r->state_dir)
    run_die("--print with a port driver needs --state-dir");
  dprintf(fd, lang == SCRIPT_SH ? "#!/bin/sh -e\n" : "#!/usr/bin/execlineb -P\n");
  around(fd, lang, r);
  script_chain(fd, lang, r, *r->state_dir ? r->state_dir : 0);
}

void run_print(struct run const *r)
{
  enum script_language lang = SCRIPT_EXECLINE;

  if (!strcmp(r->print, SHELL))
    lang = SCRIPT_SH;
  else if (*r->print && strcmp(r->print, "execline"))
    run_die("expected --print=execline or --print=sh, got %s", r->print);
  script_print(1, lang, r);
  _exit(0);
}
