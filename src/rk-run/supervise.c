/* SPDX-License-Identifier: ISC
   Start the chain; when it is set up, serve it and let the command go; pass signals on; clean up;
   tell how it ended.

   The chain's process dies with us (PR_SET_PDEATHSIG survives every exec of the chain: none gains
   capabilities), rk-outside then stops the driver and clears the state directory. rk-portd and
   rk-apid die with us in the same way. */
#include <compat/go.h>
#include "run.h"
#include "service.h"
#include "serve.h"
#include "state.h"
#include <rk/link.h>
#include <rk/sys.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

static struct {
  struct run const *r;
  pid_t pid; /* the chain's process */
  int pidfd;
  int readyfd, gofd; /* our ends of the gate */
  int statefd;       /* where rk-state tells the directory; -1: it has */
  int told;          /* the gate is open */
  int sigfd;
  char const *dir; /* the state directory, once known */
} s = {.pidfd = -1};

/* The chain's ends of the gate's pipes, out of the way of LISTEN_FDS. */
static void make_gate(int gate[3])
{
  int ready[2], go[2], state[2];

  if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(state, O_CLOEXEC) < 0)
    run_die("pipe: %s", go_errno(errno));
  gate[0] = fcntl(ready[1], F_DUPFD, RK_FD_BASE);
  gate[1] = fcntl(go[0], F_DUPFD, RK_FD_BASE);
  gate[2] = fcntl(state[1], F_DUPFD, RK_FD_BASE);
  if (gate[0] < 0 || gate[1] < 0 || gate[2] < 0)
    run_die(
      "dup: %s",
      go_errno(errno == EINVAL ? EMFILE : errno)); /* fcntl(2): the limit is below RK_FD_BASE */
  close(ready[1]);
  close(go[0]);
  close(state[1]);
  s.readyfd = ready[0];
  s.gofd = go[1];
  s.statefd = state[0];
}

/* The last word of the gate (rk-gate.1): the errno of an exec that failed, 0: it was not tried.
   -1: there is none, the command has started. */
static int gate_errno(void)
{
  char text[32];
  ssize_t n;

  if (fcntl(s.readyfd, F_SETFL, O_NONBLOCK) == -1)
    return -1;
  n = read(s.readyfd, text, sizeof text - 1);
  if (n <= 0)
    return -1;
  text[n] = 0;
  return atoi(text);
}

/* End everything, take the state directory away. */
static void tidy(void)
{
  run_serve_end();
  if (s.dir)
    run_state_remove(s.dir);
}

void run_end(char const *text)
{
  if (s.pid > 0) {
    rk_pidfd_send_signal(s.pidfd, SIGKILL);
    while (waitpid(s.pid, 0, 0) < 0 && errno == EINTR)
      ;
    s.pid = 0;
  }
  tidy();
  run_die("%s", text);
}

static int open_gate(void)
{
  /* EPIPE: the chain has died; the next turn sees it */
  if (!s.told)
    s.told = write(s.gofd, "\n", 1) == 1;
  return s.told;
}

/* rk-state has made the directory, or has died: much of what the command may rely on is made while
   the chain is on its way, which then finds the gate open. */
static void take_state(void)
{
  char path[PATH_MAX + 1];
  ssize_t n = read(s.statefd, path, sizeof path - 1);
  int dirfd;

  close(s.statefd);
  s.statefd = -1;
  if (n <= 0 || path[n - 1] != '\n')
    return;
  path[n - 1] = 0;
  s.dir = run_text("%s", path);
  run_debug(s.r, "the state directory is %s", s.dir);
  dirfd = open(s.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dirfd < 0)
    run_end(run_text("open %s: %s", s.dir, go_errno(errno)));
  if (!run_serve(s.r, s.dir, dirfd, s.sigfd, s.pidfd, s.pid))
    open_gate();
}

/* The chain is at the gate. */
static int let_go(void)
{
  char c;

  if (read(s.readyfd, &c, 1) != 1)
    return 0;
  run_debug(s.r, "the chain is set up");
  run_serve_ready();
  run_debug(s.r, "the command starts: %s", run_words(s.r->command));
  return open_gate();
}

/* Until the chain's process has ended: its wait status. *started: the gate was opened. */
static int loop(int *started)
{
  int wstat = 0;

  for (;;) {
    struct pollfd p[4 + RUN_SERVE_FDS] = {{.fd = s.pidfd, .events = POLLIN},
                                          {.fd = s.sigfd, .events = POLLIN},
                                          {.fd = *started ? -1 : s.readyfd, .events = POLLIN},
                                          {.fd = s.statefd, .events = POLLIN}};
    int wait = run_serve_fds(p + 4), ports = 0;
    if (poll(p, 4 + RUN_SERVE_FDS, wait) < 0 && errno != EINTR)
      run_end(run_text("poll: %s", go_errno(errno)));
    if (p[1].revents)
      ports = run_signals_pass(s.sigfd, s.pidfd, s.pid);
    if (p[3].revents)
      take_state();
    if (p[2].revents & POLLIN)
      *started = let_go();
    run_serve_step(p + 4, ports);
    if (waitpid(s.pid, &wstat, WNOHANG | WUNTRACED) != s.pid)
      continue;
    if (!WIFSTOPPED(wstat))
      return wstat;
    run_signals_stop(s.pid, WSTOPSIG(wstat));
  }
}

int run_supervise(struct run const *r)
{
  int gate[3], wstat, started = 0, status, e;
  char const *const *chain;
  void (*sigpipe)(int) = signal(SIGPIPE, SIG_IGN);
  uint64_t mask;

  s.r = r;
  signal(SIGCHLD, SIG_DFL); /* ignored, it would take the chain's status away */
  if (*r->state_dir) {
    s.dir = r->state_dir;
    run_state_claim(r->state_dir);
  }
  make_gate(gate);
  chain = run_chain(r, 1, gate, *r->state_dir ? r->state_dir : 0);
  s.sigfd = run_signals_block(&mask);
  run_spawn_restores(mask, sigpipe);
  for (char const *const *v = run_driver_env(r); *v; v++)
    putenv((char *)(uintptr_t)*v);
  run_debug(r, "starts the chain: %s", run_words(chain));
  s.pid = run_spawn(chain, -1);
  run_debug(r, "the chain's process is %ld", (long)s.pid);
  s.pidfd = rk_pidfd_open(s.pid, 0);
  if (s.pidfd < 0)
    run_die("pidfd_open: %s", go_errno(errno));
  close(gate[0]);
  close(gate[1]);
  close(gate[2]);
  wstat = loop(&started);
  s.pid = 0;
  run_debug(r, "the chain's process has ended: %s", go_status(wstat));
  e = started ? gate_errno() : 0;
  status = run_report(r, wstat, started && e, e > 0 ? e : 0);
  tidy();
  run_debug(r, "what was started has ended, and the state directory is gone");
  return status;
}
