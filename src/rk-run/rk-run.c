/* SPDX-License-Identifier: ISC
   rk-run, also installed as rootlesskit: RootlessKit's command line in front of a chain of rk
   programs.

   where    outside
   changes  nothing itself
   fds/env  passes everything on; LISTEN_PID is corrected when it names this process
   forks    the chain, rk-portd, rk-apid: all die with it
   holds    the user's host ids; of its file's capabilities CAP_NET_BIND_SERVICE, not effective:
            it goes to rk-portd alone (privilege.c)
   lives    as long as the chain's process
   exits    the command's status; 255 when a signal ended it; 1 for every error of its own
            (doc/rk-run.1)
 */
#include "privilege.h"
#include "run.h"
#include "state.h"
#include <string.h>
#include <unistd.h>
#include <skalibs/strerr.h>

int main(int argc, char const *const *argv)
{
  struct run r;
  int portd_dir = privilege_take();
  char const *name = argc ? strrchr(argv[0], '/') : 0;

  PROG = name ? name + 1 : argc ? argv[0] : "rk-run";
  run_flags(&r, argv + (argc > 0));
  r.portd_dir = portd_dir;
  if (r.print && *r.state_dir)
    r.state_dir = run_state_path(r.state_dir);
  if (r.print)
    run_print(&r);
  if (r.service)
    run_service(&r);
  if (!r.command[0])
    run_die("no command specified");
  if (*r.state_dir)
    r.state_dir = run_state_path(r.state_dir);
  run_check(&r);
  r.keep_fds = run_fds(&r);
  return run_supervise(&r);
}
