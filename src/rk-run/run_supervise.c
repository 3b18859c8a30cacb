/* SPDX-License-Identifier: ISC
   Start the chain, rk-portd and rk-apid; let the command go when all is there; pass signals on; clean up; tell how it ended.

   The chain's process dies with us (PR_SET_PDEATHSIG survives every exec of the chain: none gains capabilities), rk-outside then
   stops the driver and clears the state directory. rk-portd and rk-apid die with us in the same way. */
#include "go_words.h"
#include "run.h"
#include "run_script.h"
#include "run_state.h"
#include "ports_dir.h"
#include <rk/link.h>
#include <rk/sys.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { HELPER_MS = 10000, RESTART_MS = 1000 };

/* A process that serves the chain from outside, restarted when it dies. */
struct helper {
  char const *name;
  char const *const *argv;
  pid_t pid;
  int pidfd;
  long long again; /* when to start it again; 0: not planned */
};

static struct {
  struct run const *r;
  pid_t pid;             /* the chain's process */
  int pidfd;
  int readyfd, gofd;     /* our ends of the gate */
  int sigfd;
  uint64_t mask;         /* what was blocked when we were started */
  void (*sigpipe)(int);  /* and what SIGPIPE did */
  char const *dir;       /* the state directory, once known */
  int dirfd;
  struct helper portd, apid;
} s = {.pidfd = -1, .dirfd = -1, .portd = {.pidfd = -1}, .apid = {.pidfd = -1}};

static long long now_ms(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static pid_t spawn(char const *const *argv, int death)
{
  pid_t self = getpid(), pid;
  char const *listen = getenv("LISTEN_PID");
  /* sd_listen_fds(3): sockets handed to us are the command's, whose pid is another. rk-pidns does the same. */
  int activated = listen && getenv("LISTEN_FDS") && !strcmp(listen, run_text("%ld", (long)self));

  pid = fork();

  if (pid < 0) run_die("failed to start the child: fork/exec %s: %s", argv[0], go_errno(errno));
  if (pid) return pid;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &s.mask, 0, sizeof s.mask);
  signal(SIGPIPE, s.sigpipe);
  prctl(PR_SET_PDEATHSIG, death);
  if (getppid() != self) _exit(1); /* the parent died before the line above */
  if (activated) setenv("LISTEN_PID", run_text("%ld", (long)getpid()), 1);
  execv(argv[0], (char **)(uintptr_t)argv);
  run_error("parent", "failed to start the child: fork/exec %s: %s", argv[0], go_errno(errno));
  _exit(127);
}

/* The chain's ends of the gate's pipes, out of the way of LISTEN_FDS. */
static void make_gate(int gate[2])
{
  int ready[2], go[2];

  if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0) run_die("pipe: %s", go_errno(errno));
  gate[0] = fcntl(ready[1], F_DUPFD, RK_FD_BASE);
  gate[1] = fcntl(go[0], F_DUPFD, RK_FD_BASE);
  if (gate[0] < 0 || gate[1] < 0) run_die("dup: %s", go_errno(errno));
  close(ready[1]);
  close(go[0]);
  s.readyfd = ready[0];
  s.gofd = go[1];
}

static void stop_helper(struct helper *h)
{
  if (h->pid <= 0) return;
  kill(h->pid, SIGTERM);
  {
    struct pollfd p = {.fd = h->pidfd, .events = POLLIN};
    if (poll(&p, 1, 2000) == 0) kill(h->pid, SIGKILL);
  }
  while (waitpid(h->pid, 0, 0) < 0 && errno == EINTR);
  close(h->pidfd);
  h->pid = 0;
  h->pidfd = -1;
}

/* End everything, take the state directory away. Both are told before one is waited for: each takes some 10 ms to close its inotify. */
static void tidy(void)
{
  if (s.apid.pid > 0) kill(s.apid.pid, SIGTERM);
  if (s.portd.pid > 0) kill(s.portd.pid, SIGTERM);
  stop_helper(&s.apid);
  stop_helper(&s.portd);
  if (s.dir) run_state_remove(s.dir);
}

static void die_with_chain(char const *text)
{
  if (s.pid > 0) {
    rk_pidfd_send_signal(s.pidfd, SIGKILL);
    while (waitpid(s.pid, 0, 0) < 0 && errno == EINTR);
    s.pid = 0;
  }
  tidy();
  run_die("%s", text);
}

/* The last word of the gate is the errno of an exec that failed. 0: none. */
static int gate_errno(void)
{
  char text[32];
  ssize_t n;

  if (fcntl(s.readyfd, F_SETFL, O_NONBLOCK) < 0) return 0;
  n = read(s.readyfd, text, sizeof text - 1);
  if (n <= 0) return 0;
  text[n] = 0;
  return atoi(text);
}

static void start_helper(struct helper *h)
{
  h->again = 0;
  h->pid = spawn(h->argv, SIGKILL);
  h->pidfd = rk_pidfd_open(h->pid, 0);
  if (h->pidfd < 0) die_with_chain(run_text("pidfd_open: %s", go_errno(errno)));
}

/* Start it with "-d FD" before its arguments: there it will write a newline, which arrives at the descriptor returned. It is
   restarted without. argv: its own, with two free places after the name. */
static int start_ready(struct helper *h, char const *name, char const **argv)
{
  int fd[2];

  if (pipe2(fd, O_CLOEXEC) < 0) die_with_chain(run_text("pipe: %s", go_errno(errno)));
  fcntl(fd[1], F_SETFD, 0);
  argv[1] = "-d";
  argv[2] = run_text("%d", fd[1]);
  h->name = name;
  h->argv = argv;
  start_helper(h);
  close(fd[1]);
  argv[2] = argv[0];
  h->argv = argv + 2;
  return fd[0];
}

/* Wait for that newline. */
static void wait_ready(struct helper *h, int fd)
{
  struct pollfd p[3] = {{.fd = fd, .events = POLLIN}, {.fd = s.pidfd, .events = POLLIN}, {.fd = s.sigfd, .events = POLLIN}};
  char c = 0;

  for (long long end = now_ms() + HELPER_MS; c != '\n';) {
    long long left = end - now_ms();
    int n = poll(p, 3, left > 0 ? (int)left : 0);
    if (n < 0 && errno != EINTR) die_with_chain(run_text("poll: %s", go_errno(errno)));
    if (n == 0) die_with_chain(run_text("%s is not ready after %d s", h->name, HELPER_MS / 1000));
    if (p[2].revents) run_signals_pass(s.sigfd, s.pidfd, s.pid);
    if (p[1].revents) break; /* the chain has ended: that is what will be told */
    if (p[0].revents && read(fd, &c, 1) <= 0) {
      int wstat = 0;
      waitpid(h->pid, &wstat, 0);
      h->pid = 0;
      die_with_chain(run_text("%s failed: %s", h->name, go_status(wstat)));
    }
  }
  close(fd);
}

/* What the service sees of a client, as in the peer. */
static char const *srcip(struct run const *r)
{
  return r->srcip ? "srcip=loopback" : "srcip=plain";
}

/* A file for every -p. rk-portd, started after that, says that it is ready when it has tried all. */
static void ask_for_ports(void)
{
  char const *const options[] = {srcip(s.r), 0};

  for (size_t i = 0; i < s.r->publish.len; i++) {
    struct rk_portspec spec;
    char name[32], err[RK_PORTSPEC_ERRMAX];
    rk_portspec_parse(s.r->publish.item[i], strlen(s.r->publish.item[i]), RK_PORTSPEC_PEER, &spec, err, sizeof err);
    snprintf(name, sizeof name, "%zu", i + 1);
    if (ports_write(s.dirfd, name, &spec, options) < 0) die_with_chain(run_text("write %s/ports/%s: %s", s.dir, name, go_errno(errno)));
  }
}

static enum ports_state outcome(int watchfd, char const *name, char *err, size_t errsize)
{
  long long end = now_ms() + HELPER_MS;
  enum ports_state state;

  while ((state = ports_status(s.dirfd, name, err, errsize)) == PORTS_PENDING || state == PORTS_GONE) {
    struct pollfd p[2] = {{.fd = watchfd, .events = POLLIN}, {.fd = s.pidfd, .events = POLLIN}};
    char buf[4096];
    long long left = end - now_ms();
    if (left <= 0 || poll(p, 2, (int)left) == 0) {
      snprintf(err, errsize, "rk-portd does not answer");
      return PORTS_FAILED;
    }
    if (p[1].revents) return PORTS_LISTENING; /* the chain has ended: that is what will be told */
    if (read(watchfd, buf, sizeof buf) < 0 && errno != EAGAIN && errno != EINTR) break;
  }
  return state;
}

/* The first -p that fails ends it all, as in the peer. */
static void check_ports(int watchfd)
{
  for (size_t i = 0; i < s.r->publish.len; i++) {
    struct rk_portspec spec;
    char name[32], err[RK_PORTSPEC_ERRMAX];
    rk_portspec_parse(s.r->publish.item[i], strlen(s.r->publish.item[i]), RK_PORTSPEC_PEER, &spec, err, sizeof err);
    snprintf(name, sizeof name, "%zu", i + 1);
    if (outcome(watchfd, name, err, sizeof err) != PORTS_LISTENING)
      die_with_chain(run_text("failed to expose port {%s %s %lld %lld %s}: %s", rk_proto_name(spec.proto), spec.parentip,
                              (long long)spec.parentport, (long long)spec.childport, spec.childip, err));
  }
}

static char const *sibling(char const *name)
{
  char *path = run_alloc(4096);
  ssize_t n = readlink("/proc/self/exe", path, 4000);
  char *slash;

  if (n < 0) run_die("readlink /proc/self/exe: is /proc mounted?");
  path[n] = 0;
  slash = strrchr(path, '/');
  strcpy(slash ? slash + 1 : path, name);
  return path;
}

static char const **words(char const *const *from)
{
  size_t n = 0;
  char const **copy;

  while (from[n]) n++;
  copy = run_alloc((n + 1) * sizeof *copy);
  memcpy(copy, from, (n + 1) * sizeof *copy);
  return copy;
}

/* The chain is set up: make what the command may rely on. */
static void serve(void)
{
  struct run const *r = s.r;
  int managed = !strcmp(r->port_driver, "builtin") || !strcmp(r->port_driver, "slirp4netns");
  char const *portd[] = {sibling("rk-portd"), "", "", "-P", portd_driver(r), s.dir, 0};
  char const *apid[] = {sibling("rk-apid"), "", "", "-P", managed ? r->port_driver : "none", "-o", srcip(r), s.dir, 0};

  int watchfd = -1, portdfd = -1, apidfd;

  if (managed) {
    watchfd = ports_watch(s.dirfd, 0, 0);
    if (watchfd < 0) die_with_chain(run_text("watch %s/ports.status: %s", s.dir, go_errno(errno)));
    ask_for_ports();
    portdfd = start_ready(&s.portd, "rk-portd", words(portd));
  }
  apidfd = start_ready(&s.apid, "rk-apid", words(apid)); /* side by side */
  if (managed) {
    wait_ready(&s.portd, portdfd);
    check_ports(watchfd);
    close(watchfd);
  }
  wait_ready(&s.apid, apidfd);
}

/* Has a helper died? Then say so and plan to start it again: a second later, lest it spin. */
static void mind(struct helper *h)
{
  int wstat = 0;

  if (h->pid <= 0 || waitpid(h->pid, &wstat, WNOHANG) <= 0) return;
  run_warn("%s died (%s); it is started again", h->name, go_status(wstat));
  close(h->pidfd);
  h->pidfd = -1;
  h->pid = 0;
  h->again = now_ms() + RESTART_MS;
}

static int due(struct helper *h, long long t)
{
  if (!h->again) return -1;
  if (h->again > t) return (int)(h->again - t);
  start_helper(h);
  return -1;
}

static int sooner(int a, int b)
{
  return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

/* Until the chain's process has ended: its wait status. *started: the gate was opened. */
static int loop(int *started)
{
  int wstat = 0;

  for (;;) {
    struct pollfd p[5] = {{.fd = s.pidfd, .events = POLLIN}, {.fd = s.sigfd, .events = POLLIN},
                          {.fd = *started ? -1 : s.readyfd, .events = POLLIN},
                          {.fd = s.portd.pidfd, .events = POLLIN}, {.fd = s.apid.pidfd, .events = POLLIN}};
    int wait = sooner(due(&s.portd, now_ms()), due(&s.apid, now_ms()));
    p[3].fd = s.portd.pidfd;
    p[4].fd = s.apid.pidfd;
    if (poll(p, 5, wait) < 0 && errno != EINTR) die_with_chain(run_text("poll: %s", go_errno(errno)));
    if (p[1].revents) run_signals_pass(s.sigfd, s.pidfd, s.pid);
    if (p[2].revents & POLLIN) {
      char c;
      if (read(s.readyfd, &c, 1) == 1) {
        s.dir = run_state_of(s.pid);
        s.dirfd = open(s.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s.dirfd < 0) die_with_chain(run_text("open %s: %s", s.dir, go_errno(errno)));
        serve();
        if (write(s.gofd, "\n", 1) == 1) *started = 1; /* EPIPE: the chain has died; the next turn sees it */
      }
    }
    if (p[3].revents) mind(&s.portd);
    if (p[4].revents) mind(&s.apid);
    if (waitpid(s.pid, &wstat, WNOHANG | WUNTRACED) != s.pid) continue;
    if (!WIFSTOPPED(wstat)) return wstat;
    run_signals_stop(s.pid, WSTOPSIG(wstat));
  }
}

int run_supervise(struct run const *r)
{
  int gate[2], wstat, started = 0, status;
  char const *const *chain;

  s.r = r;
  s.sigpipe = signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL); /* ignored, it would take the chain's status away */
  if (*r->state_dir) {
    s.dir = r->state_dir;
    run_state_claim(r->state_dir);
  }
  make_gate(gate);
  chain = run_chain(r, 1, gate, *r->state_dir ? r->state_dir : 0);
  s.sigfd = run_signals_block(&s.mask);
  for (char const *const *e = run_driver_env(r); *e; e++) putenv((char *)(uintptr_t)*e);
  s.pid = spawn(chain, SIGKILL);
  s.pidfd = rk_pidfd_open(s.pid, 0);
  if (s.pidfd < 0) run_die("pidfd_open: %s", go_errno(errno));
  close(gate[0]);
  close(gate[1]);
  wstat = loop(&started);
  s.pid = 0;
  status = run_report(r, wstat, started, started ? gate_errno() : 0);
  tidy();
  return status;
}
