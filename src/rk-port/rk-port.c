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
#include "port.h"

#define USAGE "rk-port add|rm|ls|wait [ options ] dir [ spec... | name... ]"

int main(int argc, char const *const *argv)
{
  static struct {
    char const *verb;
    int (*run)(int argc, char const *const *argv);
  } const verbs[] = {
    {"add", verb_add},
    {"rm", verb_rm},
    {"ls", verb_ls},
    {"wait", verb_wait},
  };

  PROG = "rk-port";
  if (argc > 1)
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
      if (!strcmp(argv[1], verbs[i].verb))
        return verbs[i].run(argc - 1, argv + 1);
  strerr_dieusage(RK_EXIT_USAGE, USAGE);
}
