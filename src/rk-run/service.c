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

static uint64_t startmask;
static void (*startsigpipe)(int) = SIG_DFL;

/* What a new process is given, in memory that it shares with us until it execs. */
static struct {
  char const *const *argv;
  char **env;
  char *listen; /* where its LISTEN_PID is to be written, or 0 */
  pid_t parent;
  int fd;
} spawn_args;

long long run_now_ms(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void run_spawn_restores(uint64_t mask, void (*sigpipe)(int))
{
  startmask = mask;
  startsigpipe = sigpipe;
}

static int spawn_child(void *unused)
{
  (void)unused;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &startmask, 0, sizeof startmask);
  signal(SIGPIPE, startsigpipe);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != spawn_args.parent)
    return 1; /* the parent died before the line above */
  if (spawn_args.listen)
    snprintf(spawn_args.listen, 16, "%ld", (long)getpid());
  if (spawn_args.fd >= 0)
    fcntl(spawn_args.fd, F_SETFD, 0);
  execve(spawn_args.argv[0], (char **)(uintptr_t)spawn_args.argv, spawn_args.env);
  run_error("parent", "failed to start the child: fork/exec %s: %s", spawn_args.argv[0],
            go_errno(errno));
  return 127;
}

/* sd_listen_fds(3): sockets handed to us are the command's, whose pid is another. rk-pidns does the
   same. */
static void prepare_env(void)
{
  char const *pid = getenv("LISTEN_PID");
  size_t n = 0;

  spawn_args.env = environ;
  spawn_args.listen = 0;
  if (!pid || !getenv("LISTEN_FDS") || strcmp(pid, run_text("%ld", (long)spawn_args.parent)))
    return;
  while (environ[n])
    n++;
  spawn_args.env = run_alloc((n + 1) * sizeof *spawn_args.env);
  memcpy(spawn_args.env, environ, (n + 1) * sizeof *spawn_args.env);
  for (n = 0; strncmp(spawn_args.env[n], "LISTEN_PID=", 11); n++)
    ;
  spawn_args.env[n] = run_text("LISTEN_PID=%16s", "");
  spawn_args.listen = spawn_args.env[n] + 11;
}

/* CLONE_VM | CLONE_VFORK (clone(2)): no page is copied, and when it returns the program has been
   executed, or has said why not. */
pid_t run_spawn(char const *const *argv, int fd)
{
  static _Alignas(16) char stack[STACK];
  pid_t pid;

  spawn_args.argv = argv;
  spawn_args.parent = getpid();
  spawn_args.fd = fd;
  prepare_env();
  pid = clone(spawn_child, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, 0);
  if (pid < 0)
    run_die("failed to start the child: fork/exec %s: %s", argv[0], go_errno(errno));
  return pid;
}

void service_start(struct service *h)
{
  h->again = 0;
  h->pid = run_spawn(h->argv, h->fd);
  h->pidfd = rk_pidfd_open(h->pid, 0);
  if (h->pidfd < 0)
    run_end(run_text("pidfd_open: %s", go_errno(errno)));
}

void service_reap(struct service *h)
{
  int wstat = 0;

  if (h->pid <= 0 || waitpid(h->pid, &wstat, WNOHANG) <= 0)
    return;
  run_warn("%s died (%s); it is started again", h->name, go_status(wstat));
  close(h->pidfd);
  h->pidfd = -1;
  h->pid = 0;
  h->again = run_now_ms() + RESTART_MS;
}

int service_due(struct service *h, long long now)
{
  if (!h->again)
    return -1;
  if (h->again > now)
    return (int)(h->again - now);
  service_start(h);
  return -1;
}

void service_terminate(struct service const *h)
{
  if (h->pid > 0)
    kill(h->pid, SIGTERM);
}

void service_stop(struct service *h)
{
  struct pollfd p = {.fd = h->pidfd, .events = POLLIN};

  if (h->pid <= 0)
    return;
  service_terminate(h);
  if (poll(&p, 1, END_MS) == 0)
    kill(h->pid, SIGKILL);
  while (waitpid(h->pid, 0, 0) < 0 && errno == EINTR)
    ;
  close(h->pidfd);
  h->pid = 0;
  h->pidfd = -1;
}
