/* SPDX-License-Identifier: ISC
   rk-gate: say that the chain is set up, wait until told to go on, become prog.

   where    anywhere; best as the last link
   changes  environment: what was for the network driver is removed
   fds/env  takes READYFD and GOFD; closes the control socket (rk-outside then writes child_pid),
            unless prog is a link
   forks    no
   exits    100 usage, 111 GOFD ended without a word or a system call failed, 126/127 prog
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/exec.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/ctl.h>
#include <rk/env.h>
#include <rk/exit.h>
#include <rk/link.h>
#include <rk/listen.h>
#include <rk/options.h>

struct options {
  int early;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'e',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, early),
   .text = "close the control socket before the newline on readyfd"},
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-gate",
  .summary = "report that the chain is set up, wait for permission, then execute a program",
  .operands = "readyfd gofd prog...",
  .options = OPTIONS,
};

/* Spoken to a network driver outside: of no use to prog. */
static char const *const DRIVERS[] = {"RK_PORT_DRIVER", "RK_DRIVER_PROGRAM", "RK_PESTO_PROGRAM",
                                      "RK_SLIRP4NETNS_SECCOMP", "RK_LXC_BRIDGE"};

static int given(char const *s, char const *name)
{
  unsigned int fd;

  if (!uint0_scan(s, &fd) || fd > INT_MAX)
    rk_usage_die(&USAGE, name, " is not the number of a file descriptor: ", s);
  if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
    strerr_diefusys(errno == EBADF ? RK_EXIT_USAGE : RK_EXIT_SYS, "use ", name, " ", s);
  return (int)fd;
}

/* Tell READYFD's reader what became of prog: an errno of its exec, or NOT_TRIED. 1: he knows. */
enum { NOT_TRIED = 0 };

static int tell(int readyfd, int e)
{
  char number[UINT_FMT];
  size_t n = uint_fmt(number, (unsigned int)e);

  number[n++] = '\n';
  signal(SIGPIPE, SIG_IGN); /* nobody there: then we say it; prog does not see this */
  return allwrite(readyfd, number, n) == n;
}

/* One line; only its newline means "go": whoever dies early must not let prog start. */
static void wait_for_go(int fd, int readyfd)
{
  for (char c = 0; c != '\n';) {
    ssize_t r = read(fd, &c, 1);
    if (r == -1 && errno == EINTR)
      continue;
    if (r == -1) {
      int e = errno;
      tell(readyfd, NOT_TRIED);
      errno = e;
      strerr_diefusys(RK_EXIT_SYS, "read GOFD");
    }
    if (!r)
      strerr_dief(RK_EXIT_SYS, "GOFD was closed without a newline");
  }
}

/* As rk_ctl_close does it, but so that READYFD's reader learns that prog was not even tried. */
static void close_control(int readyfd)
{
  struct rk_reply said;
  enum rk_ctl_closed r = rk_ctl_try_close(&said);
  int e = errno;

  if (r == RK_CTL_CLOSED)
    return;
  tell(readyfd, NOT_TRIED);
  errno = e;
  rk_ctl_close_die(r, &said);
}

static void keep_control(void)
{
  int control = rk_ctl_fd();

  if (control != -1 && fcntl(control, F_SETFD, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "keep the control socket open");
}

int main(int argc, char const *const *argv)
{
  struct options o = {0};
  int readyfd, gofd, link, e;

  PROG = "rk-gate";
  argv += rk_options(&USAGE, argc, argv, &o);
  readyfd = given(argv[0], "READYFD");
  gofd = given(argv[1], "GOFD");

  link = rk_link_is(argv[2]);
  if (!link)
    rk_listen_end(argv[2]);
  if (o.early)
    rk_ctl_close();
  if (allwrite(readyfd, "\n", 1) < 1)
    strerr_diefusys(RK_EXIT_SYS, "write to READYFD");
  wait_for_go(gofd, readyfd);
  close(gofd);
  /* Only now: who finds child_pid finds everything else as well. A link (rk-confine) closes it
     itself. */
  if (!o.early && !link)
    close_control(readyfd);
  if (!o.early && link)
    keep_control();

  for (size_t i = 0; i < sizeof DRIVERS / sizeof *DRIVERS; i++)
    rk_env_unset(DRIVERS[i]);
  exec(argv + 2);
  e = errno;
  if (tell(readyfd, e)) /* in its own words */
    _exit(e == ENOENT ? 127 : 126);
  errno = e;
  strerr_dieexec(e == ENOENT ? 127 : 126, argv[2]);
}
