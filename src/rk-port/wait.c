/* SPDX-License-Identifier: ISC
   The verb wait. */
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
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

struct options {
  int chain;
  uint32_t seconds;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'c',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, chain),
   .text = "until a chain serves them as well"},
  PORT_OPTION_SECONDS(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-port wait",
  .summary = "wait until ports listen",
  .operands = "dir [ name... ]",
  .options = OPTIONS,
};

int verb_wait(int argc, char const *const *argv)
{
  struct options o = {.seconds = 10};
  int first = rk_options(&USAGE, argc, argv, &o);
  struct port_dirs d;
  struct port_wait w;
  char const *const *names;

  argc -= first;
  argv += first;
  for (int i = 1; i < argc; i++)
    port_check_name(argv[i]);
  port_open(&d, argv[0], 1, o.seconds);
  port_watch(&w, &d);
  port_wait_for(&w, o.seconds);
  names = argv + 1;
  if (argc == 1)
    names = (char const *const *)port_names(&d);
  while (*names) {
    char err[PORT_STATUS_MAX];
    int r = there(&d, *names, o.chain, err, sizeof err);
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
