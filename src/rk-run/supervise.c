/* SPDX-License-Identifier: ISC
   Start the chain; when it is set up, serve it and let the command go; pass signals on; clean up;
   tell how it ended.

   The chain's process dies with us (PR_SET_PDEATHSIG survives every exec of the chain: none gains
   capabilities), rk-outside then stops the driver and clears the state directory. rk-portd and
   rk-apid die with us in the same way. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include <compat/go.h>
#include <rk/link.h>
#include <rk/loop.h>
#include <rk/signals.h>

#include "run.h"
#include "serve.h"
#include "spawn.h"
#include "state.h"

struct supervisor {
  struct run const *r;
  struct rk_loop loop;
  struct rk_watch signals;
  struct rk_watch state; /* where rk-state tells the directory */
  struct rk_watch gate;  /* READYFD of rk-gate */
  int gofd;              /* its GOFD */
  enum { ON_ITS_WAY, AT_GATE, LET_GO } stage;
  int opened;      /* "go" is said */
  pid_t pid;       /* the chain's process; 0: there is none */
  int wstat;       /* how it has ended */
  char const *dir; /* the state directory, once known */
  struct spawn_was was;
  struct serve serve;
};

/* A pipe of the chain's: our end, and the chain's, which is out of the way of LISTEN_FDS. */
static int make_pipe(int reads, int *theirs)
{
  int fd[2];

  if (pipe2(fd, O_CLOEXEC) == -1)
    run_die("pipe: %s", go_errno(errno));
  *theirs = rk_fd_high(fd[reads], F_DUPFD);
  if (*theirs == -1)
    run_die("dup: %s", go_errno(errno));
  close(fd[reads]);
  return fd[!reads];
}

/* End everything, take the state directory away. */
static void tidy(void *ctx)
{
  struct supervisor *s = ctx;

  if (s->pid) {
    kill(s->pid, SIGKILL);
    waitpid_nointr(s->pid, &s->wstat, 0);
    s->pid = 0;
  }
  serve_end(&s->serve);
  if (s->dir)
    run_state_remove(s->dir);
}

static void open_gate(struct supervisor *s)
{
  ssize_t n = 0;

  if (!s->opened)
    n = (ssize_t)fd_write(s->gofd, "\n", 1);
  if (n == 1)
    s->opened = 1;
  /* EPIPE: the chain has died; its SIGCHLD comes */
  if (n == -1 && errno != EPIPE)
    run_die("write to the chain: %s", go_errno(errno));
}

/* An interrupted read(2) is made again by the loop. */
static void die_of_read(char const *what)
{
  if (errno != EINTR && errno != EAGAIN)
    run_die("read %s: %s", what, go_errno(errno));
}

/* rk-state has made the directory, or has died: much of what the command may rely on is made while
   the chain is on its way, which then finds the gate open. */
static void on_state(void *ctx, short revents)
{
  struct supervisor *s = ctx;
  char path[PATH_MAX + 1];
  ssize_t n = read(s->state.fd, path, sizeof path - 1);
  int dirfd;

  (void)revents;
  if (n == -1) {
    die_of_read("the state directory");
    return;
  }
  rk_loop_remove(&s->loop, &s->state);
  close(s->state.fd);
  if (n <= 0 || path[n - 1] != '\n')
    return;
  path[n - 1] = 0;
  s->dir = run_text("%s", path);
  run_debug(s->r, "the state directory is %s", s->dir);
  dirfd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dirfd == -1 && errno == ENOENT)
    return; /* the next link has failed, and cleared it */
  if (dirfd == -1)
    run_die("open %s: %s", s->dir, go_errno(errno));
  if (!serve_begin(&s->serve, s->dir, dirfd))
    open_gate(s);
}

static void on_gate(void *ctx, short revents)
{
  struct supervisor *s = ctx;
  char c;
  ssize_t n = read(s->gate.fd, &c, 1);

  (void)revents;
  if (n == -1) {
    die_of_read("the word of rk-gate");
    return;
  }
  rk_loop_remove(&s->loop, &s->gate);
  if (n == 1)
    s->stage = AT_GATE;
}

/* The chain's process has stopped: where somebody does job control, so do we, that he is told. */
static void follow_stop(struct supervisor *s, int sig)
{
  int tty = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

  if (tty == -1)
    return;
  close(tty);
  rk_signal_stop_with(s->pid, sig);
}

/* wait4(2) gives no error here; but what was not seen now would be waited for without end. */
static int next_status(struct supervisor const *s, int *wstat)
{
  pid_t pid = -1;

  for (int i = 0; i < 3 && pid == -1; i++)
    pid = waitpid(s->pid, wstat, WNOHANG | WUNTRACED);
  return pid == s->pid;
}

static void look_at_chain(struct supervisor *s)
{
  int wstat;

  while (s->pid && next_status(s, &wstat)) {
    if (WIFSTOPPED(wstat)) {
      follow_stop(s, WSTOPSIG(wstat));
      continue;
    }
    s->pid = 0;
    s->wstat = wstat;
    s->serve.over = 1;
  }
}

static void on_signal(void *ctx, short revents)
{
  struct supervisor *s = ctx;
  siginfo_t si;

  (void)revents;
  while (run_signals_read(s->signals.fd, &si)) {
    if (si.si_signo == SIGCHLD)
      look_at_chain(s);
    else if (si.si_signo == SIGIO && si.si_code > 0) /* SI_KERNEL if its queue was full */
      serve_changed(&s->serve);
    else if (s->pid)
      rk_signal_pass(s->pid, &si);
  }
}

/* The chain is at the gate. Not in a callback: it waits. */
static void let_go(struct supervisor *s)
{
  run_debug(s->r, "the chain is set up");
  serve_ready(&s->serve);
  run_debug(s->r, "the command starts: %s", run_words(s->r->command));
  open_gate(s);
  s->stage = LET_GO;
}

/* As pid 1, or as a subreaper, we get the orphans of others (prctl(2), PR_SET_CHILD_SUBREAPER).
   Our own children are waited for where they belong. */
static void reap_orphans(struct supervisor const *s)
{
  siginfo_t si = {.si_pid = 0};

  while (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && si.si_pid) {
    if (si.si_pid == s->pid || serve_owns(&s->serve, si.si_pid))
      return;
    waitpid(si.si_pid, NULL, WNOHANG);
    si.si_pid = 0;
  }
}

/* Until the chain's process has ended. */
static void supervise(struct supervisor *s)
{
  while (s->pid) {
    if (rk_loop_step(&s->loop, -1) == -1)
      run_die("poll: %s", go_errno(errno));
    reap_orphans(s);
    if (s->stage == AT_GATE)
      let_go(s);
  }
}

/* What rk-gate has said last (rk-gate.1): the errno of an exec that failed, 0: it was not tried.
   -1: nothing, the command has started. */
static int gate_errno(struct supervisor const *s)
{
  char text[32];
  ssize_t n;

  if (s->stage != LET_GO || !s->opened)
    return 0;
  if (fcntl(s->gate.fd, F_SETFL, O_NONBLOCK) == -1)
    return -1;
  n = read(s->gate.fd, text, sizeof text - 1);
  if (n <= 0)
    return -1;
  text[n] = 0;
  return atoi(text);
}

static void watch(struct supervisor *s, struct rk_watch *w, int fd, void (*ready)(void *, short))
{
  *w = (struct rk_watch){.fd = fd, .events = POLLIN, .ready = ready, .ctx = s};
  rk_loop_add(&s->loop, w);
}

static void start_chain(struct supervisor *s)
{
  int gate[3];
  int ready = make_pipe(1, &gate[0]);
  char const *const *chain;

  s->gofd = make_pipe(0, &gate[1]);
  watch(s, &s->signals, run_signals_block(&s->was.mask), on_signal);
  watch(s, &s->state, make_pipe(1, &gate[2]), on_state);
  watch(s, &s->gate, ready, on_gate);
  chain = run_chain(s->r, 1, gate, s->dir);
  for (char const *const *e = run_driver_env(s->r); *e; e++)
    putenv((char *)(uintptr_t)*e);
  if (chain[0][0] == '/' && access(chain[0], F_OK) == -1 && errno == ENOENT)
    run_die("%s is missing: rootlesskit needs rk's other programs beside it; install all of them, "
            "or make a symbolic link to it instead of a copy",
            chain[0]);
  run_debug(s->r, "starts the chain: %s", run_words(chain));
  s->pid = run_spawn(&s->was, &(struct spawn_what){.argv = chain, .fd = -1, .dir = -1});
  if (s->pid == -1) {
    s->pid = 0;
    run_die("failed to start the child: fork/exec %s: %s", chain[0], go_errno(errno));
  }
  run_debug(s->r, "the chain's process is %ld", (long)s->pid);
  for (size_t i = 0; i < sizeof gate / sizeof *gate; i++)
    close(gate[i]);
}

int run_supervise(struct run const *r)
{
  struct supervisor s = {.r = r, .serve = {.r = r, .loop = &s.loop, .was = &s.was}};
  int status;

  s.was.sigpipe = signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL); /* ignored, it would take the chain's status away */
  if (*r->state_dir) {
    run_state_claim(r->state_dir);
    s.dir = r->state_dir;
  }
  run_on_death(tidy, &s);
  start_chain(&s);
  supervise(&s);
  run_debug(r, "the chain's process has ended: %s", go_status(s.wstat));
  status = run_report(r, s.wstat, gate_errno(&s));
  tidy(&s);
  run_debug(r, "what was started has ended, and the state directory is gone");
  return status;
}
