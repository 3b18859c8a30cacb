/* SPDX-License-Identifier: ISC */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <compat/go.h>

#include "privilege.h"
#include "run.h"

enum { STACK = 65536, PID_SIZE = 16 };

/* What the child reads, in memory that it shares with us until it execs. */
struct child {
  struct spawn_was const *was;
  struct spawn_what const *what;
  char **env;
  char *listen; /* where its LISTEN_PID is to be written, or NULL */
  pid_t parent;
};

/* With a capability by the directory's fd, so that it is the one that was looked at. Its name there
   becomes the process's, as with a path (execveat(2)). */
static void execute(struct spawn_what const *what, char **env)
{
  char **argv = (char **)(uintptr_t)what->argv;
  char const *slash = strrchr(what->argv[0], '/');

  if (what->dir == -1 || !slash) {
    execve(argv[0], argv, env);
    return;
  }
  if (privilege_hand_on() == -1)
    run_warn("unable to hand CAP_NET_BIND_SERVICE to %s: %s", slash + 1, go_errno(errno));
  syscall(SYS_execveat, what->dir, slash + 1, argv, env, AT_SYMLINK_NOFOLLOW);
}

static int become(void *ctx)
{
  struct child const *c = ctx;

  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &c->was->mask, NULL, sizeof c->was->mask);
  signal(SIGPIPE, c->was->sigpipe);
  if (c->what->outlives)
    signal(SIGTERM, SIG_IGN);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != c->parent)
    return 1; /* the parent died before the line above */
  if (c->listen)
    snprintf(c->listen, PID_SIZE, "%ld", (long)getpid());
  if (c->what->fd != -1 && fcntl(c->what->fd, F_SETFD, 0) == -1) {
    run_error("parent", "failed to start the child: fcntl: %s", go_errno(errno));
    return 127;
  }
  execute(c->what, c->env);
  run_error("parent", "failed to start the child: fork/exec %s: %s", c->what->argv[0],
            go_errno(errno));
  return 127;
}

/* sd_listen_fds(3): sockets handed to us are the command's, whose pid is another. rk-pidns does the
   same. */
static void prepare_env(struct child *c)
{
  static char const NAME[] = "LISTEN_PID=";
  static char const INODE[] = "LISTEN_PIDFDID=";
  char const *pid = getenv("LISTEN_PID");
  size_t n = 0;

  c->env = environ;
  if (!pid || !getenv("LISTEN_FDS") || strcmp(pid, run_text("%ld", (long)c->parent)))
    return;
  while (environ[n])
    n++;
  c->env = run_alloc((n + 1) * sizeof *c->env);
  memcpy(c->env, environ, (n + 1) * sizeof *c->env);
  n = 0;
  while (strncmp(c->env[n], NAME, sizeof NAME - 1))
    n++;
  c->env[n] = run_text("%s%*s", NAME, PID_SIZE, "");
  c->listen = c->env[n] + sizeof NAME - 1;
  /* systemd 258: the inode of our pidfd. It would contradict, and sd_listen_fds(3) then ignores the
     sockets; without it LISTEN_PID alone counts. */
  n = 0;
  while (c->env[n] && strncmp(c->env[n], INODE, sizeof INODE - 1))
    n++;
  for (; c->env[n]; n++)
    c->env[n] = c->env[n + 1];
}

/* CLONE_VM | CLONE_VFORK (clone(2)): no page is copied, and when it returns the program has been
   executed, or has said why not. */
pid_t run_spawn(struct spawn_was const *was, struct spawn_what const *what)
{
  _Alignas(16) char stack[STACK];
  struct child c = {.was = was, .what = what, .parent = getpid()};

  prepare_env(&c);
  return clone(become, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &c);
}
