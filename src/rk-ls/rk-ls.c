/* SPDX-License-Identifier: ISC
   rk-ls: list chains: whose program runs since when, how its network and its ports do.

   where    outside; root sees the chains of all users
   changes  nothing
   fds/env  -
   forks    no
   exits    1 a chain that was named does not run, 100, 111
*/
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/options.h>
#include "ls.h"

struct options {
  int json;
  int metrics;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'j',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, json),
   .text = "JSON, one object on each line",
   .join = " | "},
  {.letter = 'm',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, metrics),
   .text = "metrics in the text format of Prometheus"},
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-ls",
  .summary = "list running chains",
  .operands = "[ dir... ]",
  .options = OPTIONS,
};

struct listing {
  enum ls_form form;
  struct chain chain;
};

static void list(char const *dir, void *data)
{
  struct listing *l = data;

  ls_look(dir, &l->chain);
  ls_one(l->form, &l->chain);
}

int main(int argc, char const *const *argv)
{
  struct listing l = {.form = LS_TABLE};
  struct options o = {0};
  int missing = 0;

  PROG = "rk-ls";
  argv += rk_options(&USAGE, argc, argv, &o);
  if (o.json && o.metrics)
    rk_usage_die(&USAGE, "-j and -m exclude one another");
  if (o.json)
    l.form = LS_JSON;
  if (o.metrics)
    l.form = LS_METRICS;
  for (char const *const *dir = argv; *dir; dir++)
    if (!**dir)
      rk_usage_die(&USAGE, "the state directory must not be empty");
  ls_begin(l.form);
  for (char const *const *dir = argv; *dir; dir++) {
    list(*dir, &l);
    missing |= !l.chain.pid;
  }
  if (!*argv && ls_find(list, &l) == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc");
  ls_end();
  return missing ? RK_EXIT_NO : 0;
}
