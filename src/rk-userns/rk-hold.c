/* SPDX-License-Identifier: ISC
   rk-hold: stay, and so keep the namespaces of a chain, until told to end. The last program of a
   chain.

   where    inside, at the end of a chain
   changes  nothing: there is no next program
   fds/env  -d FD gets a newline, then is closed; the control socket is closed, so child_pid names
            this process before FD says ready
   forks    no. As pid 1 (rk-pidns -R) it reaps. Who may kill it: the supervisor, by TERM
   holds    the namespaces, and whatever fds it was given
   exits    0 told to end, 100, 111
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/listen.h>
#include <rk/options.h>

struct options {
  int readyfd;
};

static struct rk_option const OPTIONS[] = {
  RK_OPTION_READY(struct options, "a newline to fd when the namespaces are held, then close it"),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-hold",
  .summary = "hold the namespaces of a chain, so that programs in them may come and go",
  .operands = "",
  .options = OPTIONS,
};

/* INT and HUP too: from a terminal, it must not survive its window. If the caller ignores them
   (nohup, a background job), so does this. */
static void add_unless_ignored(sigset_t *set, int sig)
{
  struct sigaction now;

  if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
    return;
  sigaddset(set, sig);
}

int main(int argc, char const *const *argv)
{
  struct sigaction const ignore = {.sa_handler = SIG_IGN};
  struct options o = {.readyfd = -1};
  int sig;
  sigset_t end;

  PROG = "rk-hold";
  rk_options(&USAGE, argc, argv, &o);
  if (geteuid() && !getenv("RK_UID"))
    strerr_dief(RK_EXIT_USAGE, "there is no chain to hold: put rk-userns rk-idmap before rk-hold");

  sigaction(SIGCHLD, &ignore, NULL); /* the kernel reaps them */
  sigemptyset(&end);
  sigaddset(&end, SIGTERM);
  add_unless_ignored(&end, SIGINT);
  add_unless_ignored(&end, SIGHUP);
  sigprocmask(SIG_BLOCK, &end, NULL);
  if (chdir("/") == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to /");
  rk_listen_end(PROG);
  rk_ctl_close();
  if (o.readyfd != -1) {
    if (fd_write(o.readyfd, "\n", 1) < 1)
      strerr_diefusys(RK_EXIT_SYS, "say ready");
    close(o.readyfd);
  }
  while (sigwait(&end, &sig)) {
  }
  return 0;
}
