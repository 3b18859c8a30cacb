/* SPDX-License-Identifier: ISC
   The ways in which servers are told of sockets that they inherit. */
#include "listen.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/env.h>
#include <rk/exit.h>
#include <rk/text.h>

enum { FIRST_FD = 3 /* SD_LISTEN_FDS_START, sd_listen_fds(3) */, WORD = 8 };

void listen_setenv(char const *name, char const *value)
{
  if (setenv(name, value, 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set ", name);
}

static void set_number(char const *name, unsigned int n)
{
  char value[UINT_FMT];

  value[uint_fmt(value, n)] = 0;
  listen_setenv(name, value);
}

/* sd_listen_fds(3). The process that starts the chain becomes prog; a link that gives it another
   pid corrects LISTEN_PID (rk/wait.h). */
static void tell_listen(struct sockets const *s)
{
  static char names[SOCKETS_MAX * WORD];
  struct rk_text t = rk_text_in(names, sizeof names);

  for (int i = 0; i < s->n; i++) {
    if (i)
      rk_text_str(&t, ":");
    rk_text_num(&t, s->list[i].name);
  }
  set_number("LISTEN_PID", (unsigned int)getpid());
  set_number("LISTEN_FDS", (unsigned int)s->n);
  listen_setenv("LISTEN_FDNAMES", names);
  rk_env_unset("LISTEN_PIDFDID"); /* somebody else's */
}

/* ngx_add_inherited_sockets of nginx: each number ends with a semicolon. */
static void tell_nginx(struct sockets const *s)
{
  static char list[SOCKETS_MAX * WORD];
  struct rk_text t = rk_text_in(list, sizeof list);

  for (int i = 0; i < s->n; i++) {
    rk_text_num(&t, s->list[i].fd);
    rk_text_str(&t, ";");
  }
  listen_setenv("NGINX", list);
}

/* s6-fdholder-getdump of s6. */
static void tell_s6(struct sockets const *s)
{
  set_number("S6_FD#", (unsigned int)s->n);
  for (int i = 0; i < s->n; i++) {
    char name[sizeof "S6_FDID_" + UINT_FMT];
    struct rk_text t = rk_text_in(name, sizeof name);
    rk_text_str(&t, "S6_FD_");
    rk_text_num(&t, i);
    set_number(name, (unsigned int)s->list[i].fd);
    t = rk_text_in(name, sizeof name);
    rk_text_str(&t, "S6_FDID_");
    rk_text_num(&t, i);
    set_number(name, s->list[i].name);
  }
}

static struct {
  char const *name;
  void (*tell)(struct sockets const *s); /* NULL: nothing need be told */
} const FORMS[] = {
  {.name = "listen", .tell = tell_listen},
  {.name = "nginx", .tell = tell_nginx},
  {.name = "s6", .tell = tell_s6},
  {.name = "stdin"},
};
enum { LISTEN, STDIN = 3, FORMS_ALL = sizeof FORMS / sizeof *FORMS };

void listen_form(struct listen_forms *forms, char const *name)
{
  for (int i = 0; i < FORMS_ALL; i++) {
    if (strcmp(name, FORMS[i].name) != 0)
      continue;
    forms->chosen |= 1U << i;
    return;
  }
  strerr_dief(RK_EXIT_USAGE, "unknown form: -e takes listen, nginx, s6 or stdin");
}

void listen_forms_end(struct listen_forms *forms, struct sockets *s)
{
  s->from = FIRST_FD;
  s->max = SOCKETS_MAX;
  if (!forms->chosen)
    forms->chosen = 1U << LISTEN;
  if (!(forms->chosen & 1U << STDIN))
    return;
  if (forms->chosen != 1U << STDIN)
    strerr_dief(RK_EXIT_USAGE, "-e stdin excludes other forms");
  s->from = 0;
  s->max = 1;
}

void listen_tell(struct listen_forms const *forms, struct sockets const *s)
{
  for (int i = 0; i < FORMS_ALL; i++)
    if (forms->chosen & 1U << i && FORMS[i].tell)
      FORMS[i].tell(s);
}
