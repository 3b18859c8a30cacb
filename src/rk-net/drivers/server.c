/* SPDX-License-Identifier: ISC */
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <skalibs/fmtscan.h>
#include <skalibs/posixplz.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/spawn.h>
#include <rk/sys.h>

/* In the child: of the driver's fds the program gets keep, as SERVER_KEEP, and its stderr. */
static void __attribute__((noreturn))
execute(struct server const *s, char const *path, int io, int keep, pid_t parent)
{
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 || getppid() != parent)
    _exit(RK_EXIT_SYS);
  if (io != -1 && (dup2(io, 0) == -1 || dup2(io, 1) == -1))
    strerr_diefusys(RK_EXIT_SYS, "arrange fds");
  if (dup2(keep, SERVER_KEEP) == -1)
    strerr_diefusys(RK_EXIT_SYS, "arrange fds");
  rk_close_range(SERVER_KEEP + 1, UINT_MAX, 0);
  execve(path, (char **)(uintptr_t)s->argv, environ);
  strerr_dieexec(126, path);
}

void server_start(struct server *s, int io, int keep)
{
  char const *file = driver_program(s->argv[0]);
  char path[PATH_MAX];
  pid_t parent = getpid();

  if (rk_which(file, path, sizeof path) == -1) {
    if (errno == ENOENT)
      rk_die_host("I13", s->fix, "unable to find ", file, " in PATH");
    strerr_dieexec(126, file);
  }
  s->pid = fork();
  if (s->pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!s->pid)
    execute(s, path, io, keep, parent);
  s->pidfd = rk_pidfd_open(s->pid, 0);
  if (s->pidfd == -1)
    strerr_diefusys(RK_EXIT_SYS, "watch ", s->argv[0]);
}

void server_ended(struct server const *s)
{
  char number[UINT_FMT];
  int status;

  kill(s->pid, SIGKILL); /* it has closed its end, if it is there at all */
  if (waitpid(s->pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for ", s->argv[0]);
  if (WIFSIGNALED(status)) {
    number[uint_fmt(number, (unsigned int)WTERMSIG(status))] = 0;
    strerr_dief(RK_EXIT_SYS, s->argv[0], " was killed by signal ", number);
  }
  if (s->old && WEXITSTATUS(status) == s->old)
    rk_die_host("I13", s->fix, "this ", s->argv[0], " is too old");
  number[uint_fmt(number, (unsigned int)WEXITSTATUS(status))] = 0;
  strerr_dief(RK_EXIT_SYS, s->argv[0], " exited with status ", number);
}

/* The plan of rk-net that a frame needs. */
static void plan_address(char const *name, unsigned char addr[4])
{
  char const *s = driver_plan(name);

  if (!ip4_scan(s, (char *)addr))
    strerr_dieinvalid(RK_EXIT_USAGE, name);
}

void server_serve(struct server const *s, struct pump *p, int gateway_is_host)
{
  static char const report[] = "cleanup=no\n\n"; /* neither of us makes anything outside */
  unsigned char ip[4];
  struct ifreq ifr = {0};
  int r;

  p->leave = LEAVE;
  p->pidfd = s->pidfd;
  p->rules.gateway_is_host = gateway_is_host;
  plan_address("RK_NET_IP", ip);
  plan_address("RK_NET_GATEWAY", p->rules.gateway);
  if (ioctl(p->tap, SIOCGIFHWADDR, &ifr) == -1)
    strerr_diefusys(RK_EXIT_SYS, "read the tap's hardware address");
  if (fcntl(p->server, F_SETFL, O_NONBLOCK) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a socket non-blocking");
  r = pump_greet(p, ip, (unsigned char const *)ifr.ifr_hwaddr.sa_data);
  if (!r) {
    if (write(REPORT, report, sizeof report - 1) != sizeof report - 1)
      strerr_diefusys(RK_EXIT_SYS, "report");
    close(REPORT);
    r = pump_run(p);
  }
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "move frames between the tap and ", s->argv[0]);
  if (!r)
    _exit(0);
  server_ended(s);
}
