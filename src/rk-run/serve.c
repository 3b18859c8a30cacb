/* SPDX-License-Identifier: ISC */
#include <compat/go.h>
#include "../rk-api/ports_dir.h"
#include "service.h"
#include "script.h"
#include "serve.h"
#include <rk/link.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { READY_MS = 10000 };

static struct {
  struct run const *r;
  char const *dir;
  int dirfd, sigfd, chain;
  pid_t pid;
  int apifd;   /* the API's listening socket */
  int portsfd; /* ports/, watched for its first file; -1: rk-portd does that itself */
  int waiting; /* rk-portd is to be started before the command */
  int ready;   /* the chain is set up */
  int changed; /* ports/ has changed before that */
  struct service portd, apid;
} s = {
  .apifd = -1, .portsfd = -1, .portd = {.pidfd = -1, .fd = -1}, .apid = {.pidfd = -1, .fd = -1}};

/* What the service sees of a client, as in RootlessKit. */
static char const *srcip(void)
{
  return s.r->srcip ? "srcip=loopback" : "srcip=plain";
}

static char const *sibling(char const *name)
{
  char *path = run_alloc(4096);
  ssize_t n = readlink("/proc/self/exe", path, 4000);
  char *slash;

  if (n < 0)
    run_end("readlink /proc/self/exe: is /proc mounted?");
  path[n] = 0;
  slash = strrchr(path, '/');
  strcpy(slash ? slash + 1 : path, name);
  return path;
}

/* The socket appears under its name complete: with its mode, and listening. By the directory's fd:
   the path may be long. */
static void listen_api(void)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  int low = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0177);

  snprintf(sa.sun_path, sizeof sa.sun_path, "/proc/self/fd/%d/.new-api.sock", s.dirfd);
  /* out of the way of LISTEN_FDS in rk-apid */
  s.apifd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, RK_FD_BASE);
  if (s.apifd < 0 || bind(low, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(low, 128) < 0 ||
      renameat(s.dirfd, ".new-api.sock", s.dirfd, "api.sock") < 0)
    run_end(run_text("listen at %s/api.sock: %s", s.dir, go_errno(errno)));
  umask(mask);
  close(low);
}

static void plan_helpers(int managed)
{
  static char const *portd[] = {"", "-P", "", "", 0},
                    *apid[] = {"", "-l", "", "-P", "", "-o", "", "", 0};

  portd[0] = sibling("rk-portd");
  portd[2] = portd_driver(s.r);
  portd[3] = s.dir;
  s.portd.name = "rk-portd";
  s.portd.argv = portd;
  apid[0] = sibling("rk-apid");
  apid[2] = run_text("%d", s.apifd);
  apid[4] = managed ? s.r->port_driver : "none";
  apid[6] = srcip();
  apid[7] = s.dir;
  s.apid.name = "rk-apid";
  s.apid.argv = apid;
  s.apid.fd = s.apifd;
}

/* A file for every -p. rk-portd, started after that, says that it is ready when it has tried
   all. */
static void ask_for_ports(void)
{
  char const *const options[] = {srcip(), 0};

  for (size_t i = 0; i < s.r->publish.len; i++) {
    struct rk_portspec spec;
    char name[32], err[RK_PORTSPEC_ERRMAX];
    rk_portspec_parse(s.r->publish.item[i], strlen(s.r->publish.item[i]), RK_PORTSPEC_ROOTLESSKIT,
                      &spec, err, sizeof err);
    snprintf(name, sizeof name, "%zu", i + 1);
    run_debug(s.r, "asks for port %s", s.r->publish.item[i]);
    if (ports_write(s.dirfd, name, &spec, options) < 0)
      run_end(run_text("write %s/ports/%s: %s", s.dir, name, go_errno(errno)));
  }
}

static void start(struct service *h)
{
  service_start(h);
  run_debug(s.r, "starts %s as process %ld: %s", h->name, (long)h->pid, run_words(h->argv));
}

/* Start rk-portd with "-d FD", where a newline tells that it is ready, and wait for that. */
static void start_portd_ready(void)
{
  struct service *h = &s.portd;
  char const *const *plain = h->argv;
  char const *argv[8] = {plain[0], "-d"};
  int fd[2];
  char c = 0;

  if (pipe2(fd, O_CLOEXEC) < 0)
    run_end(run_text("pipe: %s", go_errno(errno)));
  argv[2] = run_text("%d", fd[1]);
  for (int i = 1; plain[i]; i++)
    argv[2 + i] = plain[i];
  h->argv = argv;
  h->fd = fd[1];
  start(h);
  h->argv = plain;
  h->fd = -1;
  close(fd[1]);
  for (long long end = run_now_ms() + READY_MS; c != '\n';) {
    struct pollfd p[3] = {{.fd = fd[0], .events = POLLIN},
                          {.fd = s.chain, .events = POLLIN},
                          {.fd = s.sigfd, .events = POLLIN}};
    long long left = end - run_now_ms();
    int n = poll(p, 3, left > 0 ? (int)left : 0);
    if (n < 0 && errno != EINTR)
      run_end(run_text("poll: %s", go_errno(errno)));
    if (n == 0)
      run_end(run_text("%s is not ready after %d s", h->name, READY_MS / 1000));
    if (p[2].revents)
      run_signals_pass(s.sigfd, s.chain, s.pid);
    if (p[1].revents)
      break; /* the chain has ended: that is what will be told */
    if (p[0].revents && read(fd[0], &c, 1) <= 0) {
      int wstat = 0;
      waitpid(h->pid, &wstat, 0);
      h->pid = 0;
      run_end(run_text("%s failed: %s", h->name, go_status(wstat)));
    }
  }
  close(fd[0]);
}

/* Usually known by now; the wait is for rk-portd's slower drivers. */
static enum ports_state outcome(int *watchfd, char const *name, char *err, size_t errsize)
{
  long long end = run_now_ms() + READY_MS;
  enum ports_state state;

  while ((state = ports_status(s.dirfd, name, err, errsize)) == PORTS_PENDING ||
         state == PORTS_GONE) {
    struct pollfd p[2] = {{.fd = *watchfd, .events = POLLIN}, {.fd = s.chain, .events = POLLIN}};
    char buf[4096];
    long long left = end - run_now_ms();
    if (*watchfd < 0) { /* then look once more, for what has happened in between */
      *watchfd = ports_watch(s.dirfd, 0, 0);
      if (*watchfd < 0)
        run_end(run_text("watch %s/ports.status: %s", s.dir, go_errno(errno)));
      continue;
    }
    if (left <= 0 || poll(p, 2, (int)left) == 0) {
      snprintf(err, errsize, "rk-portd does not answer");
      return PORTS_FAILED;
    }
    if (p[1].revents)
      return PORTS_LISTENING; /* the chain has ended: that is what will be told */
    if (read(*watchfd, buf, sizeof buf) < 0 && errno != EAGAIN && errno != EINTR)
      break;
  }
  return state;
}

/* The first -p that fails ends it all, as in RootlessKit. */
static void check_ports(void)
{
  int watchfd = -1;

  for (size_t i = 0; i < s.r->publish.len; i++) {
    struct rk_portspec spec;
    char name[32], err[RK_PORTSPEC_ERRMAX];
    rk_portspec_parse(s.r->publish.item[i], strlen(s.r->publish.item[i]), RK_PORTSPEC_ROOTLESSKIT,
                      &spec, err, sizeof err);
    snprintf(name, sizeof name, "%zu", i + 1);
    if (outcome(&watchfd, name, err, sizeof err) != PORTS_LISTENING)
      run_end(run_text("failed to expose port {%s %s %lld %lld %s}: %s", rk_proto_name(spec.proto),
                       spec.parentip, (long long)spec.parentport, (long long)spec.childport,
                       spec.childip, err));
    run_debug(s.r, "port %s listens", s.r->publish.item[i]);
  }
  if (watchfd >= 0)
    close(watchfd);
}

static int has_ports(int fd)
{
  int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
  DIR *dir = again < 0 ? 0 : fdopendir(again);

  if (!dir)
    return 1; /* rk-portd will say why */
  for (struct dirent *d; (d = readdir(dir));)
    n += d->d_name[0] != '.';
  closedir(dir);
  return n != 0;
}

/* dnotify (fcntl(2), F_NOTIFY), not inotify: closing an inotify instance waits for the kernel's
   readers (SRCU), some 10 ms, and we would not be gone before. One event is all that is wanted. 0,
   or -1: the kernel has none (CONFIG_DNOTIFY, fs.dir-notify-enable). */
static int await_ports(void)
{
  if (mkdirat(s.dirfd, "ports", 0700) < 0 && errno != EEXIST)
    run_end(run_text("mkdir %s/ports: %s", s.dir, go_errno(errno)));
  s.portsfd = openat(s.dirfd, "ports", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (s.portsfd < 0)
    run_end(run_text("open %s/ports: %s", s.dir, go_errno(errno)));
  /* F_SETSIG: otherwise a SIGIO could not be told from anybody's */
  if (fcntl(s.portsfd, F_SETSIG, SIGIO) == 0 &&
      fcntl(s.portsfd, F_NOTIFY, DN_CREATE | DN_RENAME | DN_MODIFY) == 0 && !has_ports(s.portsfd))
    return 0;
  close(s.portsfd);
  s.portsfd = -1;
  return -1;
}

int run_serve(struct run const *r, char const *dir, int dirfd, int sigfd, int chain, pid_t pid)
{
  int managed = !strcmp(r->port_driver, "builtin") || !strcmp(r->port_driver, "slirp4netns");

  s.r = r;
  s.dir = dir;
  s.dirfd = dirfd;
  s.sigfd = sigfd;
  s.chain = chain;
  s.pid = pid;
  listen_api();
  run_debug(r, "the API listens at %s/api.sock", dir);
  plan_helpers(managed);
  if (!managed || (!r->publish.len && await_ports() == 0))
    return 0;
  return s.waiting = 1;
}

void run_serve_ready(void)
{
  s.ready = 1;
  if (!s.waiting)
    return;
  ask_for_ports();
  start_portd_ready();
  check_ports();
}

static int sooner(int a, int b)
{
  return a < 0 ? b : b < 0 ? a : a < b ? a : b;
}

int run_serve_fds(struct pollfd p[RUN_SERVE_FDS])
{
  long long now = run_now_ms();
  int wait = sooner(service_due(&s.portd, now), service_due(&s.apid, now));

  p[0] = (struct pollfd){.fd = s.portd.pidfd, .events = POLLIN};
  p[1] = (struct pollfd){.fd = s.apid.pidfd, .events = POLLIN};
  p[2] = (struct pollfd){.fd = !s.ready || s.apid.pid || s.apid.again ? -1 : s.apifd,
                         .events = POLLIN};
  return wait;
}

void run_serve_step(struct pollfd const p[RUN_SERVE_FDS], int signalled)
{
  if (p[0].revents)
    service_reap(&s.portd);
  if (p[1].revents)
    service_reap(&s.apid);
  if (p[2].revents)
    start(&s.apid);
  s.changed |= signalled;
  if (s.changed && s.ready && s.portsfd >= 0) {
    close(s.portsfd);
    s.portsfd = -1;
    start(&s.portd);
  }
}

/* All are told before one is waited for: each takes some 10 ms to close its inotify. */
void run_serve_end(void)
{
  service_terminate(&s.apid);
  service_terminate(&s.portd);
  service_stop(&s.apid);
  service_stop(&s.portd);
}
