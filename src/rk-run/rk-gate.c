/* SPDX-License-Identifier: ISC
   rk-gate: say that the chain is set up, wait until told to go on, become prog.

   where    anywhere; best as the last link
   changes  environment: what was for the network driver is removed
   fds/env  takes READYFD and GOFD; closes the control socket (rk-outside then writes child_pid)
   forks    no
   exits    100 usage, 111 GOFD ended without a word, 126/127 prog
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/exec.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/env.h>
#include <rk/exit.h>
#include <rk/link.h>

#define USAGE "rk-gate [ -e ] readyfd gofd prog..."

/* Spoken to a network driver outside: of no use to prog. */
static char const *const DRIVERS[] = {"RK_PORT_DRIVER", "RK_DRIVER_PROGRAM",
                                      "RK_SLIRP4NETNS_SECCOMP", "RK_LXC_BRIDGE"};

static int given(char const *s, char const *name)
{
  unsigned int fd;

  if (!uint0_scan(s, &fd) || fd > INT_MAX)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
    strerr_diefusys(RK_EXIT_USAGE, "use ", name, " ", s);
  return (int)fd;
}

/* One line; only its newline means "go": whoever dies early must not let prog start. */
static void wait_for_go(int fd)
{
  for (char c = 0; c != '\n';) {
    ssize_t r = read(fd, &c, 1);
    if (r < 0 && errno == EINTR)
      continue;
    if (r < 0)
      strerr_diefusys(RK_EXIT_SYS, "read GOFD");
    if (!r)
      strerr_dief(RK_EXIT_SYS, "GOFD was closed without a newline");
  }
}

int main(int argc, char const *const *argv)
{
  char number[UINT_FMT];
  int readyfd, gofd, early = 0, e;

  PROG = "rk-gate";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (int opt; (opt = subgetopt_r(argc, argv, "e", &l)) != -1;)
      switch (opt) {
        case 'e': early = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    argc -= l.ind;
    argv += l.ind;
  }
  if (argc < 3)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  readyfd = given(argv[0], "READYFD");
  gofd = given(argv[1], "GOFD");

  if (early)
    rk_ctl_close();
  if (allwrite(readyfd, "\n", 1) < 1)
    strerr_diefusys(RK_EXIT_SYS, "write to READYFD");
  wait_for_go(gofd);
  close(gofd);
  /* Only now: who finds child_pid finds everything else as well. */
  if (!early)
    rk_ctl_close();

  for (size_t i = 0; i < sizeof DRIVERS / sizeof *DRIVERS; i++)
    rk_env_unset(DRIVERS[i]);
  exec(argv + 2);
  /* The reader of READYFD reports it in its own words; nobody there: we do. */
  e = errno;
  number[uint_fmt(number, (unsigned int)e)] = '\n';
  if (allwrite(readyfd, number, uint_fmt(number, (unsigned int)e) + 1) > 0)
    _exit(e == ENOENT ? 127 : 126);
  errno = e;
  strerr_dieexec(e == ENOENT ? 127 : 126, argv[2]);
}
