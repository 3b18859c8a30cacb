/* SPDX-License-Identifier: ISC
   The verb wait. */
#include <string.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include "port.h"

/* Is it there? 1 yes, 0 not yet, -1 it failed (err is why). */
static int there(struct port_dirs const *d, char const *name, int chain, char *err, size_t errsize)
{
  char text[PORT_STATUS_MAX];
  char value[64];

  if (port_status(d, name, text, sizeof text) == -1 ||
      !port_value(text, "state", value, sizeof value))
    return 0;
  if (!strcmp(value, "error"))
    return port_value(text, "error", err, errsize) ? -1 : 0;
  if (strcmp(value, "listening"))
    return 0;
  if (!chain)
    return 1;
  if (!port_value(text, "chain", value, sizeof value))
    return 0;
  return !strcmp(value, "attached");
}

int verb_wait(int argc, char const *const *argv)
{
  subgetopt l = SUBGETOPT_ZERO;
  struct port_dirs d;
  struct port_wait w;
  unsigned int seconds = 10;
  int chain = 0;
  int opt;
  char const *const *names;

  while ((opt = subgetopt_r(argc, argv, "ct:", &l)) != -1)
    switch (opt) {
      case 'c': chain = 1; break;
      case 't':
        if (!uint0_scan(l.arg, &seconds))
          strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_WAIT);
        break;
      default: strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_WAIT);
    }
  argc -= l.ind;
  argv += l.ind;
  if (argc < 1)
    strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_WAIT);
  for (int i = 1; i < argc; i++)
    port_check_name(argv[i]);
  port_open(&d, argv[0], 1, seconds);
  port_watch(&w, &d);
  port_wait_for(&w, seconds);
  names = argv + 1;
  if (argc == 1)
    names = (char const *const *)port_names(&d);
  while (*names) {
    char err[PORT_STATUS_MAX];
    int r = there(&d, *names, chain, err, sizeof err);
    if (r == -1)
      strerr_dief(RK_EXIT_NO, "port ", *names, ": ", err);
    if (r == 1) {
      names++;
      continue;
    }
    r = port_pause(&w);
    if (r == -1)
      strerr_diefusys(RK_EXIT_SYS, "poll");
    if (r == PORT_INTERRUPTED)
      _exit(RK_EXIT_NO);
    if (r == PORT_TIME_OVER)
      strerr_dief(RK_EXIT_NO, "port ", *names,
                  port_served(&d) ? " is not published yet" : ": no rk-portd serves ",
                  port_served(&d) ? "" : d.path);
  }
  return 0;
}
