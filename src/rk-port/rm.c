/* SPDX-License-Identifier: ISC
   The verb rm. */
#include <errno.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/options.h>
#include "port.h"

/* Until rk-portd has closed it: its status is gone. */
static void await_closed(struct port_dirs const *d, struct port_wait *w, char const *name)
{
  char text[PORT_STATUS_MAX];
  int r;

  while (port_served(d)) {
    if (port_status(d, name, text, sizeof text) == -1 && errno == ENOENT)
      return;
    r = port_pause(w);
    if (r == PORT_CHANGED)
      continue;
    if (r == -1)
      strerr_diefusys(RK_EXIT_SYS, "wait until port ", name, " is closed: its file is removed");
    strerr_dief(RK_EXIT_SYS, "port ", name,
                r == PORT_INTERRUPTED ? ": interrupted" : " is not closed yet",
                ": its file is removed");
  }
}

struct options {
  int ids;
  uint32_t seconds;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'i',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, ids),
   .text = "the operands are ids instead of names"},
  PORT_OPTION_SECONDS(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-port rm",
  .summary = "withdraw ports, and wait until they are closed",
  .operands = "dir name...",
  .options = OPTIONS,
};

int verb_rm(int argc, char const *const *argv)
{
  struct options o = {.seconds = 10};
  int first = rk_options(&USAGE, argc, argv, &o);
  struct port_dirs d;
  struct port_wait w;

  argc -= first;
  argv += first;
  if (!o.ids)
    for (int i = 1; i < argc; i++)
      port_check_name(argv[i]);
  port_open(&d, argv[0], 1, o.seconds);
  port_watch(&w, &d);
  port_wait_for(&w, o.seconds);
  for (int i = 1; i < argc; i++) {
    char const *name = argv[i];
    if (o.ids)
      name = port_by_id(&d, argv[i]);
    if (!name)
      strerr_dief(RK_EXIT_NO, "no port has the id ", argv[i]);
    if (unlinkat(d.ports, name, 0) == -1) {
      if (errno == ENOENT)
        strerr_dief(RK_EXIT_NO, "no such port: ", name);
      strerr_diefusys(RK_EXIT_SYS, "remove ", d.path, "/ports/", name);
    }
    await_closed(&d, &w, name);
  }
  return 0;
}
