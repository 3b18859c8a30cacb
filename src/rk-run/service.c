/* SPDX-License-Identifier: ISC */
#include <compat/go.h>
#include "run.h"
#include "service.h"
#include <rk/sys.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { RESTART_MS = 1000, END_MS = 2000, STACK = 65536 };

static uint64_t mask_;
static void (*sigpipe_)(int) = SIG_DFL;

/* What a new process is given, in memory that it shares with us until it execs. */
static struct {
  char const *const *argv;
  char **env;
  char *listen; /* where its LISTEN_PID is to be written, or 0 */
  pid_t parent;
  int fd;
} birth;

long long run_now_ms(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void run_spawn_restores(uint64_t mask, void (*sigpipe)(int))
{
  mask_ = mask;
  sigpipe_ = sigpipe;
}

static int born(void *unused)
{
  (void)unused;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask_, 0, sizeof mask_);
  signal(SIGPIPE, sigpipe_);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != birth.parent) return 1; /* the parent died before the line above */
  if (birth.listen) snprintf(birth.listen, 16, "%ld", (long)getpid());
  if (birth.fd >= 0) fcntl(birth.fd, F_SETFD, 0);
  execve(birth.argv[0], (char **)(uintptr_t)birth.argv, birth.env);
  run_error("parent", "failed to start the child: fork/exec %s: %s", birth.argv[0], go_errno(errno));
  return 127;
}

/* sd_listen_fds(3): sockets handed to us are the command's, whose pid is another. rk-pidns does the same. */
static void prepare_env(void)
{
  char const *pid = getenv("LISTEN_PID");
  size_t n = 0;

  birth.env = environ;
  birth.listen = 0;
  if (!pid || !getenv("LISTEN_FDS") || strcmp(pid, run_text("%ld", (long)birth.parent))) return;
  while (environ[n]) n++;
  birth.env = run_alloc((n + 1) * sizeof *birth.env);
  memcpy(birth.env, environ, (n + 1) * sizeof *birth.env);
  for (n = 0; strncmp(birth.env[n], "LISTEN_PID=", 11); n++);
  birth.env[n] = run_text("LISTEN_PID=%16s", "");
  birth.listen = birth.env[n] + 11;
}

/* CLONE_VM | CLONE_VFORK (clone(2)): no page is copied, and when it returns the program has been executed, or has said why not. */
pid_t run_spawn(char const *const *argv, int fd)
{
  static _Alignas(16) char stack[STACK];
  pid_t pid;

  birth.argv = argv;
  birth.parent = getpid();
  birth.fd = fd;
  prepare_env();
  pid = clone(born, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
  if (pid < 0) run_die("failed to start the child: fork/exec %s: %s", argv[0], go_errno(errno));
  return pid;
}

void run_helper_start(struct run_helper *h)
{
  h->again = 0;
  h->pid = run_spawn(h->argv, h->fd);
  h->pidfd = rk_pidfd_open(h->pid, 0);
  if (h->pidfd < 0) run_end(run_text("pidfd_open: %s", go_errno(errno)));
}

void run_helper_mind(struct run_helper *h)
{
  int wstat = 0;

  if (h->pid <= 0 || waitpid(h->pid, &wstat, WNOHANG) <= 0) return;
  run_warn("%s died (%s); it is started again", h->name, go_status(wstat));
  close(h->pidfd);
  h->pidfd = -1;
  h->pid = 0;
  h->again = run_now_ms() + RESTART_MS;
}

int run_helper_due(struct run_helper *h, long long now)
{
  if (!h->again) return -1;
  if (h->again > now) return (int)(h->again - now);
  run_helper_start(h);
  return -1;
}

void run_helper_tell(struct run_helper const *h)
{
  if (h->pid > 0) kill(h->pid, SIGTERM);
}

void run_helper_stop(struct run_helper *h)
{
  struct pollfd p = {.fd = h->pidfd, .events = POLLIN};

  if (h->pid <= 0) return;
  run_helper_tell(h);
  if (poll(&p, 1, END_MS) == 0) kill(h->pid, SIGKILL);
  while (waitpid(h->pid, 0, 0) < 0 && errno == EINTR);
  close(h->pidfd);
  h->pid = 0;
  h->pidfd = -1;
}
