/* SPDX-License-Identifier: ISC
   rk-ls: list chains: whose program runs since when, how its network and its ports do.

   where    outside; root sees the chains of all users
   changes  nothing
   fds/env  -
   forks    no
   exits    1 a chain that was named does not run, 100, 111
*/
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include "ls.h"

#define USAGE "rk-ls [ -j | -m ] [ dir... ]"

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
  subgetopt options = SUBGETOPT_ZERO;
  int opt, forms = 0, missing = 0;

  PROG = "rk-ls";
  while ((opt = subgetopt_r(argc, argv, "jm", &options)) != -1) {
    switch (opt) {
      case 'j': l.form = LS_JSON; break;
      case 'm': l.form = LS_METRICS; break;
      default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
    }
    forms++;
  }
  argv += options.ind;
  if (forms > 1)
    strerr_dief(RK_EXIT_USAGE, "-j and -m exclude one another");
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
