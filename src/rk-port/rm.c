/* SPDX-License-Identifier: ISC
   The verb rm. */
#include <errno.h>
#include <unistd.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
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

int verb_rm(int argc, char const *const *argv)
{
  subgetopt l = SUBGETOPT_ZERO;
  struct port_dirs d;
  struct port_wait w;
  unsigned int seconds = 10;
  int byid = 0;
  int opt;

  while ((opt = subgetopt_r(argc, argv, "it:", &l)) != -1)
    switch (opt) {
      case 'i': byid = 1; break;
      case 't':
        if (!uint0_scan(l.arg, &seconds))
          strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_RM);
        break;
      default: strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_RM);
    }
  argc -= l.ind;
  argv += l.ind;
  if (argc < 2)
    strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_RM);
  if (!byid)
    for (int i = 1; i < argc; i++)
      port_check_name(argv[i]);
  port_open(&d, argv[0], 1, seconds);
  port_watch(&w, &d);
  port_wait_for(&w, seconds);
  for (int i = 1; i < argc; i++) {
    char const *name = argv[i];
    if (byid)
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
