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

char const *portd_srcip(struct run const *r)
{
  return r->srcip || run_lends_ports(r) ? "srcip=loopback" : "srcip=plain";
}

/* The state directory of a script that makes it itself. */
static char const DIR_VARIABLE[] = "dir";

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

void script_dir(int fd, enum script_language lang, struct run const *r)
{
  if (*r->state_dir)
    script_word(fd, lang, r->state_dir);
  else
    dprintf(fd, lang == SCRIPT_SH ? "\"$dir\"" : "${dir}");
}

static int begins_link(char const *word)
{
  return (!strncmp(word, "rk-", 3) && !strchr(word, ' ')) || !strcmp(word, "env") ||
         !strcmp(word, SHELL);
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
      int first = p == end || (p < end && begins_link(*p));
      dprintf(fd, "%s", !first ? " " : lang == SCRIPT_SH ? " \\\n  " : "\n");
    }
    if (*p == DIR_VARIABLE)
      script_dir(fd, lang, r);
    else
      script_word(fd, lang, *p);
  }
  dprintf(fd, "\n");
}

/* A file of ports/: its name, and the words that printf writes, by file_end. */
static void file_begin(int fd, enum script_language lang, struct run const *r, char const *name)
{
  dprintf(fd, lang == SCRIPT_SH ? "printf " : "if { redirfd -w 1 ");
  if (lang != SCRIPT_SH) {
    script_dir(fd, lang, r);
    dprintf(fd, "/ports/%s printf ", name);
  }
  script_word(fd, lang, "%s\\n");
  dprintf(fd, " ");
}

static void file_end(int fd, enum script_language lang, struct run const *r, char const *name)
{
  if (lang == SCRIPT_SH) {
    dprintf(fd, " > ");
    script_dir(fd, lang, r);
    dprintf(fd, "/ports/%s", name);
  }
  dprintf(fd, lang == SCRIPT_SH ? "\n" : " }\n");
}

void script_ports(int fd, enum script_language lang, struct run const *r)
{
  int sh = lang == SCRIPT_SH;

  dprintf(fd, sh ? "(umask 077 && mkdir -p " : "if { umask 077 mkdir -p ");
  script_dir(fd, lang, r);
  dprintf(fd, sh ? "/ports)\n" : "/ports }\n");
  if (*r->publish_address) {
    file_begin(fd, lang, r, ".default");
    script_word(fd, lang, r->publish_address);
    file_end(fd, lang, r, ".default");
  }
  for (size_t i = 0; i < r->publish.len; i++) {
    char const *name = run_text("%zu", i + 1);
    file_begin(fd, lang, r, name);
    script_word(fd, lang, r->publish.item[i]);
    dprintf(fd, " %s", portd_srcip(r));
    file_end(fd, lang, r, name);
  }
}

/* NAME OPTIONS DIR, which ends when the directory is gone. */
static void beside(int fd, enum script_language lang, struct run const *r, char const *command)
{
  int sh = lang == SCRIPT_SH;

  dprintf(fd, sh ? "%s " : "background { %s ", command);
  script_dir(fd, lang, r);
  dprintf(fd, sh ? " &\n" : " }\n");
}

/* A port that fails ends it all, as in RootlessKit. slirp4netns publishes when it is there: see
   run_chain. */
static void await_ports(int fd, enum script_language lang, struct run const *r)
{
  int sh = lang == SCRIPT_SH;

  if (!r->publish.len || strcmp(portd_driver(r), "relay"))
    return;
  dprintf(fd, sh ? "rk-port wait " : "ifelse -n { rk-port wait ");
  script_dir(fd, lang, r);
  dprintf(fd, sh ? " || { rk-state -r " : " } { foreground { rk-state -r ");
  script_dir(fd, lang, r);
  dprintf(fd, sh ? " rk-userns true; exit 1; }\n" : " rk-userns true } exit 1 }\n");
}

/* What rk-run does beside the chain: a directory, port files, and the two daemons. */
static void around(int fd, enum script_language lang, struct run const *r)
{
  if (!needs_outside(r))
    return;
  if (!*r->state_dir && lang == SCRIPT_SH)
    dprintf(fd, "dir=$(mktemp -d \"${XDG_RUNTIME_DIR:-/tmp}/rk.XXXXXX\")\n");
  else if (!*r->state_dir)
    dprintf(fd, "importas -D /tmp run XDG_RUNTIME_DIR\n"
                "backtick -E dir { mktemp -d ${run}/rk.XXXXXX }\n");
  script_ports(fd, lang, r);
  beside(fd, lang, r, run_text("rk-portd -P %s", portd_driver(r)));
  beside(fd, lang, r, run_text("rk-apid -P %s -o %s", r->port_driver, portd_srcip(r)));
  await_ports(fd, lang, r);
}

void script_print(int fd, enum script_language lang, struct run const *r)
{
  char const *dir = *r->state_dir ? r->state_dir : NULL;

  if (!dir && needs_outside(r))
    dir = DIR_VARIABLE;
  dprintf(fd, lang == SCRIPT_SH ? "#!/bin/sh -e\n" : "#!/usr/bin/execlineb -P\n");
  around(fd, lang, r);
  script_chain(fd, lang, r, dir);
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
