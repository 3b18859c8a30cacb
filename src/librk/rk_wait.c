/* SPDX-License-Identifier: ISC */
#include <rk/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <skalibs/types.h>

#include <rk/env.h>
#include <rk/fail.h>
#include <rk/signals.h>
#include <rk/sys.h>
#include <rk/text.h>

enum { LINGER = 5 }; /* seconds */

static uint64_t const ALL = ~(uint64_t)0;
#define BIT(sig) ((uint64_t)1 << ((sig)-1))

/* libc's wrappers hide the signals 32 to 34 that it uses itself; a program of another libc may use
   them. */
static void mask(uint64_t set, uint64_t *old)
{
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &set, old, sizeof set);
}

static int next(uint64_t set, siginfo_t *si, struct timespec const *timeout)
{
  return (int)syscall(SYS_rt_sigtimedwait, &set, si, timeout, sizeof set);
}

int rk_wait_begin(struct rk_wait *w)
{
  struct sigaction const dfl = {.sa_handler = SIG_DFL};

  memset(w, 0, sizeof *w);
  w->proc = -1;
  w->self = getpid();
  w->selffd = rk_pidfd_open(w->self, 0);
  if (w->selffd == -1)
    return -1;
  w->ttyfd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (w->ttyfd != -1)
    w->foreground = tcgetpgrp(w->ttyfd);
  mask(ALL, &w->mask);
  sigaction(SIGCHLD, &dfl, &w->chld); /* ignored, it would take the child's status away */
  return 0;
}

int rk_wait_tie(struct rk_wait const *w)
{
  struct pollfd p = {.fd = w->selffd, .events = POLLIN};

  int r;

  if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
    return -1;
  do
    r = poll(&p, 1, 0);
  while (r == -1 && errno == EINTR);
  if (r == 1)
    return rk_fail(ESRCH);
  return r;
}

enum { PIDVAR_MAX = 16 + UINT_FMT };

/* buf becomes a part of the environment if the variable holds the pid `was`. 1 or 0. */
static int rename_pid(char const *name, pid_t was, char buf[PIDVAR_MAX])
{
  struct rk_text t = rk_text_in(buf, PIDVAR_MAX);
  char const *value = getenv(name);
  unsigned int pid;

  if (!value || !uint0_scan(value, &pid))
    return 0;
  if (pid != (unsigned int)was)
    return 0;
  rk_text_add(&t, name, "=");
  rk_text_num(&t, getpid());
  rk_env_replace(buf);
  return 1;
}

void rk_wait_give_back(struct rk_wait const *w)
{
  static char listen[PIDVAR_MAX];
  static char watchdog[PIDVAR_MAX];

  /* the waiter's pidfd inode: it would contradict, and nothing is lost without it */
  if (rename_pid("LISTEN_PID", w->self, listen))
    rk_env_unset("LISTEN_PIDFDID");
  rename_pid("WATCHDOG_PID", w->self, watchdog);
  sigaction(SIGCHLD, &w->chld, NULL);
  mask(w->mask, NULL);
}

static void give_terminal_back(struct rk_wait const *w)
{
  pid_t now;

  if (w->ttyfd == -1)
    return;
  if (w->foreground <= 0)
    return;
  now = tcgetpgrp(w->ttyfd);
  if (now <= 0 || now == w->foreground)
    return;
  /* in use: by then we are a background job, perhaps */
  if (kill(-now, 0) == 0 || errno != ESRCH)
    return;
  if (kill(-w->foreground, 0) == -1 && errno == ESRCH)
    return;
  tcsetpgrp(w->ttyfd, w->foreground); /* SIGTTOU is blocked */
}

/* 0: a signal has ended it. */
static int exit_status(int status)
{
  return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}

/* Returns the status with which it has ended by itself, 0: by our signal.
   A zombie that an outsider does not reap (the child of a stopped rk-enter) keeps a dying pid 1
   waiting: everything in the namespace is dead by then, so do not wait for ever. */
static int reap_helper(pid_t helper)
{
  struct timespec const linger = {.tv_sec = LINGER};
  siginfo_t si;
  int status = 0;

  kill(helper, SIGKILL);
  while (waitpid(helper, &status, WNOHANG) == 0)
    if (next(BIT(SIGCHLD), &si, &linger) == -1 && errno == EAGAIN)
      return 0;
  return exit_status(status);
}

static void die_by(int sig)
{
  struct sigaction const dfl = {.sa_handler = SIG_DFL};

  prctl(PR_SET_DUMPABLE, 0); /* no core: it would be of this process */
  sigaction(sig, &dfl, NULL);
  kill(getpid(), sig);
  mask(0, NULL);
}

/* What the waiter holds besides the terminal (and procfs, then beside it) pins mounts and keeps
   pipes open. */
static void let_go(struct rk_wait *w)
{
  int last = w->ttyfd;

  if (w->proc != -1) {
    last++;
    w->proc = dup2(w->proc, last);
  }
  if (w->ttyfd > 0)
    rk_close_range(0, (unsigned int)w->ttyfd - 1, 0);
  rk_close_range((unsigned int)(last + 1), ~0U, 0);
  if (chdir("/") == -1)
    return; /* no more than a mount that is busy */
}

struct waiting {
  struct rk_wait *w;
  pid_t child;
  pid_t helper; /* 0: none, or it has ended */
  int failed;   /* the helper's exit status: it has said why, and the kernel kills the child */
  unsigned int flags;
  int asked; /* the signal by which pid 1 was asked to stop the child, 0: none */
};

static void pass_signal(struct waiting *x, siginfo_t const *si)
{
  if ((x->flags & RK_WAIT_INIT) && rk_signal_is_stop(si->si_signo)) {
    kill(x->child, SIGSTOP);
    x->asked = si->si_signo;
  } else {
    rk_signal_pass(x->child, si);
  }
}

static void child_stopped(struct waiting *x, int sig)
{
  if (x->asked)
    rk_signal_stop_with(x->child, x->asked);
  else if (x->w->ttyfd != -1)
    rk_signal_stop_with(x->child, sig);
  x->asked = 0;
}

/* Whose status is there? 0: nobody's, or nobody is left. wait(2) fails for no other reason, but it
   is cheap to be sure: the loop below waits for ever for what was missed. */
static pid_t next_status(int *status)
{
  pid_t pid = waitpid(-1, status, WNOHANG | WUNTRACED);

  for (int again = 3; pid == -1 && errno != ECHILD && again; again--)
    pid = waitpid(-1, status, WNOHANG | WUNTRACED);
  return pid == -1 ? 0 : pid;
}

/* Returns the exit code to end with. */
static int child_ended(struct waiting *x, int status)
{
  if (x->helper) {
    rk_wait_tidy();
    x->failed = reap_helper(x->helper);
  }
  if (x->w->end_rest)
    x->w->end_rest(x->w);
  give_terminal_back(x->w);
  if (WIFEXITED(status))
    return WEXITSTATUS(status);
  if (x->failed)
    return x->failed;
  if (x->flags & RK_WAIT_SAME)
    die_by(WTERMSIG(status));
  return 128 + WTERMSIG(status);
}

int rk_wait_for(struct rk_wait *w, pid_t child, pid_t helper, unsigned int flags)
{
  struct waiting x = {
    .w = w,
    .child = child,
    .helper = helper,
    .flags = flags,
  };

  let_go(w);
  for (;;) {
    siginfo_t si;
    int status;
    pid_t pid;

    if (next(ALL, &si, NULL) == -1)
      continue; /* EINTR: stopped and continued */
    if (si.si_signo != SIGCHLD) {
      pass_signal(&x, &si);
      continue;
    }
    while ((pid = next_status(&status))) {
      if (pid == child && !WIFSTOPPED(status))
        return child_ended(&x, status);
      if (pid == child) {
        child_stopped(&x, WSTOPSIG(status));
      } else if (pid == x.helper && !WIFSTOPPED(status)) {
        x.helper = 0;
        x.failed = exit_status(status);
      } else if (!WIFSTOPPED(status) && w->reaped) {
        w->reaped(w, pid);
      }
    }
  }
}
