/* SPDX-License-Identifier: ISC
   rk-port: publish, withdraw, list and await ports, by the files of DIR/ports.

   where    outside (or inside, where the state directory can be seen)
   changes  DIR/ports
   fds/env  -
   forks    no
   exits    0; 1 no such port, a port failed or is not there yet; 100 usage or malformed spec; 102
            privileged port; 111
 */
#include <string.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/options.h>
#include "port.h"

static struct rk_option const NONE[] = {{0}};

static struct rk_usage const USAGE = {
  .name = "rk-port",
  .summary = "publish, change, withdraw and list ports, and wait for them",
  .more = "rk-port add --help, rk-port ls --help, ... tell the options of each.",
  .operands = "add|set|rm|ls|wait [ arguments... ]",
  .options = NONE,
};

int main(int argc, char const *const *argv)
{
  static struct {
    char const *verb;
    int (*run)(int argc, char const *const *argv);
  } const verbs[] = {
    {"add", verb_add}, {"set", verb_set}, {"rm", verb_rm}, {"ls", verb_ls}, {"wait", verb_wait},
  };

  PROG = "rk-port";
  int first = rk_options(&USAGE, argc, argv, NULL);
  argc -= first;
  argv += first;
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (!strcmp(argv[0], verbs[i].verb))
      return verbs[i].run(argc, argv);
  rk_usage_die(&USAGE, "unknown verb ", argv[0]);
}
