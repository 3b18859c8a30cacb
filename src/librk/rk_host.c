/* SPDX-License-Identifier: ISC */
#include <rk/host.h>

#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>

enum { TEXT_MAX = 12 };

void rk_die_hostv(char const *id, char const *fix, char const *const *text, size_t n)
{
  char const *line[TEXT_MAX + 2] = {PROG, ": fatal: "};
  unsigned int len = 2;

  for (size_t i = 0; i < n && i < TEXT_MAX; i++)
    line[len++] = text[i];
  strerr_warnv(line, len);
  strerr_warni(id, ": ", fix);
  _exit(RK_EXIT_HOST);
}
