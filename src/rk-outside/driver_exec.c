/* SPDX-License-Identifier: ISC
   A network driver's executable, its environment and its fds. */
#include "driver.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>

#include <skalibs/fmtscan.h>
#include <skalibs/posixplz.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/fail.h>
#include <rk/link.h>
#include <rk/sys.h>
#include <rk/text.h>

enum { ENV_MAX = 512, FDS = 5, PROGRAM = 2 + FDS };
#define OURS \
  "RK_" \
  "NET_"

/* RK_NET_PATH stood in the environment before the user namespace was entered: it is the user's
   word, not the chain's. */
int driver_find(char const *name, char *file, size_t size)
{
  char const *s = getenv("RK_NET_PATH");
  char libexec[4 + sizeof(struct rk_net_plan)];
  struct rk_text t;

  if (!*name || *name == '.' || strchr(name, '/'))
    return rk_fail(EINVAL);
  while (s && *s) {
    size_t len = strcspn(s, ":");

    t = rk_text_in(file, size);
    rk_text_mem(&t, s, len);
    rk_text_add(&t, "/", name);
    if (len && !t.cut && access(file, X_OK) == 0)
      return 0;
    s += len;
    if (*s)
      s++;
  }
  t = rk_text_in(libexec, sizeof libexec);
  rk_text_add(&t, "net/", name);
  if (rk_libexec(libexec, file, size) == -1)
    return -1;
  return access(file, X_OK);
}

struct words {
  char **v;
  size_t n;
  struct rk_text t;
};

/* One variable NAME=VALUE, cut off never: the buffer holds the longest plan. */
static void variable(struct words *w, char const *name, char const *value)
{
  w->v[w->n] = w->t.s + w->t.len;
  w->n++;
  rk_text_add(&w->t, name, "=", value);
  w->t.len++; /* the terminator stays */
  w->v[w->n] = NULL;
}

static void variable_ip4(struct words *w, char const *name, struct in_addr const *addr)
{
  char text[IP4_FMT + 1];

  if (!addr->s_addr)
    return;
  text[ip4_fmt(text, (char const *)addr)] = 0;
  variable(w, name, text);
}

static void variable_ip6(struct words *w, char const *name, struct in6_addr const *addr)
{
  char text[IP6_FMT + 1];

  if (!addr->s6_addr[0])
    return;
  text[ip6_fmt(text, (char const *)addr)] = 0;
  variable(w, name, text);
}

static void variable_num(struct words *w, char const *name, unsigned int u)
{
  char text[UINT_FMT];

  text[uint_fmt(text, u)] = 0;
  variable(w, name, text);
}

/* In the child. Ours take the place of any of the same name; without malloc. */
static void environment(struct driver const *driver, char **v, char *buf, size_t size)
{
  struct words w = {.v = v, .t = rk_text_in(buf, size)};
  struct rk_net_plan const *a = driver->report.plan;
  char cidr[IP4_FMT + 1 + UINT_FMT];
  size_t n = ip4_fmt(cidr, (char const *)&a->network);

  for (char **e = environ; *e && w.n < ENV_MAX; e++) {
    if (strncmp(*e, OURS, sizeof OURS - 1) == 0)
      continue;
    w.v[w.n] = *e;
    w.n++;
  }
  w.v[w.n] = NULL;
  cidr[n++] = '/';
  cidr[n + uint_fmt(cidr + n, a->prefix)] = 0;
  variable(&w, "RK_NET_CIDR", cidr);
  variable_num(&w, "RK_NET_PREFIX", a->prefix);
  variable_ip4(&w, "RK_NET_IP", &a->ip);
  variable_ip4(&w, "RK_NET_GATEWAY", &a->gateway);
  variable_ip4(&w, "RK_NET_DNS", &a->dns);
  variable_ip6(&w, "RK_NET_DNS6", &a->dns6);
  variable_ip6(&w, "RK_NET_IP6", &a->ip6);
  variable_ip6(&w, "RK_NET_GATEWAY6", &a->gateway6);
  variable(&w, "RK_NET_IPV6", a->ip6.s6_addr[0] ? "1" : "0");
  variable_ip4(&w, "RK_NET_OUT_IP", &a->out.ip);
  variable_ip6(&w, "RK_NET_OUT_IP6", &a->out.ip6);
  if (a->out.ifname[0])
    variable(&w, "RK_NET_OUT_IFNAME", a->out.ifname);
  variable_num(&w, "RK_NET_MTU", a->mtu);
  variable(&w, "RK_NET_IFNAME", a->ifname);
  variable(&w, "RK_NET_HOST_LOOPBACK", a->host_loopback ? "1" : "0");
  variable(&w, "RK_NET_DETACHED", a->detached ? "1" : "0");
  variable(&w, "RK_NET_WALL", a->wall ? "1" : "0");
  variable_num(&w, "RK_NET_PID", (unsigned int)driver->inside);
}

/* Its stderr is not in place yet. */
static void die_early(int stderr_to_be, char const *what) __attribute__((noreturn));
static void die_early(int stderr_to_be, char const *what)
{
  char buf[256];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_add(&t, PROG, ": fatal: unable to ", what, ": ", strerror(errno), "\n");
  if (write(stderr_to_be, t.s, t.len) == -1)
    _exit(RK_EXIT_SYS);
  _exit(RK_EXIT_SYS);
}

void driver_exec(struct driver const *driver, int const *fds, pid_t parent)
{
  char *env[ENV_MAX + 20];
  char text[1024];
  char const *const argv[] = {driver->report.plan->driver, NULL};

  PROG = "rk-outside (driver)";
  environment(driver, env, text, sizeof text);
  /* what rk-outside ignores; a driver may have something to tidy up at SIGTERM */
  signal(SIGPIPE, SIG_DFL);
  signal(SIGXFSZ, SIG_DFL);
  signal(SIGTERM, SIG_DFL);
  signal(SIGINT, SIG_DFL);
  signal(SIGHUP, SIG_DFL);
  setpgid(0, 0);
  /* Not the network's only leash: a driver that changes its ids loses it (prctl(2)); fd 6 stays. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
    die_early(fds[0], "have the driver killed when rk-outside ends");
  if (getppid() != parent)
    _exit(RK_EXIT_SYS); /* it has ended */
  for (int i = 0; i < FDS; i++)
    if (dup2(fds[i], 2 + i) == -1)
      die_early(fds[0], "arrange the fds of the driver");
  if (driver->program != -1 && dup2(driver->program, PROGRAM) == -1)
    die_early(2, "arrange the fds of the driver");
  rk_close_range(driver->program == -1 ? PROGRAM : PROGRAM + 1, UINT_MAX, 0);
  execve(driver->file, (char **)(uintptr_t)argv, env);
  strerr_diefusys(errno == ENOENT ? RK_EXIT_NOTFOUND : RK_EXIT_NOEXEC, "exec ", driver->file);
}
