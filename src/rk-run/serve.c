/* SPDX-License-Identifier: ISC */
#include "serve.h"

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

#include <compat/go.h>
#include <rk/clock.h>
#include <rk/link.h>
#include <rk/state.h>

#include "../rk-api/ports_dir.h"
#include "script.h"

enum { READY_MS = 10000 };

static char const *sibling(char const *name)
{
  char *path = run_alloc(4096);
  ssize_t n = readlink("/proc/self/exe", path, 4000);
  char *slash;

  if (n == -1)
    run_die("readlink /proc/self/exe: is /proc mounted?");
  path[n] = 0;
  slash = strrchr(path, '/');
  strcpy(slash ? slash + 1 : path, name);
  return path;
}

/* A client: rk-apid serves it and all that come. */
static void on_client(void *ctx, short revents)
{
  struct serve *s = ctx;

  (void)revents;
  rk_loop_remove(s->loop, &s->client);
  service_keep(&s->apid);
}

/* The socket appears under its name complete: with its mode, and listening. By the directory's fd:
   the path may be long. */
static void listen_api(struct serve *s)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  int low = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0177);
  int fd;

  snprintf(sa.sun_path, sizeof sa.sun_path, "/proc/self/fd/%d/.new-api.sock", s->dirfd);
  /* out of the way of LISTEN_FDS in rk-apid */
  fd = low == -1 ? -1 : rk_fd_high(low, F_DUPFD_CLOEXEC);
  if (fd == -1 || bind(low, (struct sockaddr *)&sa, sizeof sa) == -1 || listen(low, 128) == -1 ||
      renameat(s->dirfd, ".new-api.sock", s->dirfd, "api.sock") == -1)
    run_die("listen at %s/api.sock: %s", s->dir, go_errno(errno));
  umask(mask);
  close(low);
  s->client = (struct rk_watch){.fd = fd, .events = POLLIN, .ready = on_client, .ctx = s};
}

/* A command line on the heap: the given words, terminated by NULL. */
static char const *const *words(char const *const *list, size_t n)
{
  char const **argv = run_alloc((n + 1) * sizeof *argv);

  memcpy(argv, list, n * sizeof *argv);
  argv[n] = NULL;
  return argv;
}

static struct service service(struct serve const *s, char const *name, struct spawn_what what)
{
  return (struct service){
    .name = name, .what = what, .r = s->r, .loop = s->loop, .was = s->was, .pidfd = {.fd = -1}};
}

static void plan_services(struct serve *s, int managed)
{
  int fd = s->client.fd;
  char const *const portd[] = {sibling("rk-portd"), "-P", portd_driver(s->r), s->dir};
  char const *const apid[] = {
    sibling("rk-apid"), "-l",  run_text("%d", fd), "-P", managed ? s->r->port_driver : "none", "-o",
    portd_srcip(s->r),  s->dir};

  s->portd = service(s, "rk-portd",
                     (struct spawn_what){.outlives = 1,
                                         .argv = words(portd, sizeof portd / sizeof *portd),
                                         .fd = -1,
                                         .dir = s->r->portd_dir});
  s->apid = service(
    s, "rk-apid",
    (struct spawn_what){.argv = words(apid, sizeof apid / sizeof *apid), .fd = fd, .dir = -1});
}

/* The i-th -p; it has been checked. */
static struct rk_portspec spec_of(struct serve const *s, size_t i)
{
  char const *text = s->r->publish.item[i];
  struct rk_portspec spec;
  char err[RK_PORTSPEC_ERRMAX];

  rk_portspec_parse(text, strlen(text), RK_PORTSPEC_ROOTLESSKIT, &spec, err, sizeof err);
  return spec;
}

/* A file for every -p. rk-portd, started after that, says that it is ready when it has tried
   all. */
static void ask_for_ports(struct serve *s)
{
  char const *const options[] = {portd_srcip(s->r), NULL};

  for (size_t i = 0; i < s->r->publish.len; i++) {
    struct rk_portspec spec = spec_of(s, i);
    char const *name = run_text("%zu", i + 1);
    run_debug(s->r, "asks for port %s", s->r->publish.item[i]);
    if (ports_write(s->dirfd, name, &spec, options) == -1)
      run_die("write %s/ports/%s: %s", s->dir, name, go_errno(errno));
  }
}

/* For rk-portd, whoever asks it for a port. */
static void set_address(struct serve *s)
{
  char const *address = s->r->publish_address;

  if (!*address)
    return;
  if (mkdirat(s->dirfd, "ports", 0700) == -1 && errno != EEXIST)
    run_die("mkdir %s/ports: %s", s->dir, go_errno(errno));
  if (rk_fact_write(s->dirfd, "ports/.default", address, strlen(address), 0600) == -1)
    run_die("write %s/ports/.default: %s", s->dir, go_errno(errno));
}

/* Step until *flag is set or the chain is over, for whose sake the waiting was. 0: it takes too
   long. */
static int wait_for(struct serve *s, int const *flag, int64_t until)
{
  while (!*flag && !s->over) {
    int64_t left = until - rk_clock_ms();
    if (left <= 0)
      return 0;
    if (rk_loop_step(s->loop, (int)left) == -1)
      run_die("poll: %s", go_errno(errno));
  }
  return 1;
}

static void on_answer(void *ctx, short revents)
{
  struct serve *s = ctx;
  char c;
  ssize_t n = read(s->answer.fd, &c, 1);

  (void)revents;
  if (n == -1 && errno != EINTR && errno != EAGAIN)
    run_die("read the word of rk-portd: %s", go_errno(errno));
  if (n == -1)
    return;
  s->answered = n == 1 && c == '\n' ? 1 : -1;
}

/* Start rk-portd with "-d FD", where a newline tells that it is ready, and wait for that. */
static void start_portd_ready(struct serve *s)
{
  struct service *h = &s->portd;
  char const *const *plain = h->what.argv;
  int fd[2];

  if (pipe2(fd, O_CLOEXEC) == -1)
    run_die("pipe: %s", go_errno(errno));
  char const *const ready[] = {plain[0], "-d", run_text("%d", fd[1]), plain[1], plain[2], plain[3]};
  h->what.argv = words(ready, sizeof ready / sizeof *ready);
  h->what.fd = fd[1];
  service_start(h);
  h->what.argv = plain;
  h->what.fd = -1;
  close(fd[1]);
  s->answer = (struct rk_watch){.fd = fd[0], .events = POLLIN, .ready = on_answer, .ctx = s};
  rk_loop_add(s->loop, &s->answer);
  if (!wait_for(s, &s->answered, rk_clock_ms() + READY_MS))
    run_die("%s is not ready after %d s", h->name, READY_MS / 1000);
  rk_loop_remove(s->loop, &s->answer);
  close(fd[0]);
  if (s->answered == -1) {
    int wstat = service_wait(h);
    if (WIFEXITED(wstat) && WEXITSTATUS(wstat))
      run_end(); /* it has said why */
    run_die("%s failed: %s", h->name, go_status(wstat));
  }
  service_keep(h);
}

static void on_status(void *ctx, short revents)
{
  struct serve *s = ctx;
  _Alignas(8) char buf[4096];

  (void)revents;
  /* after an error, look as well */
  s->reported = rk_notify_read(&s->notify, buf, sizeof buf) != 0;
}

static void watch_status(struct serve *s)
{
  if (ports_watch(s->dirfd, &s->notify, NULL, NULL) == -1)
    run_die("watch %s/ports.status: %s", s->dir, go_errno(errno));
  s->status = (struct rk_watch){
    .fd = s->notify.fd,
    .events = POLLIN,
    .ready = on_status,
    .ctx = s,
  };
  rk_loop_add(s->loop, &s->status);
}

/* Usually known by now; the wait is for rk-portd's slower drivers. 1: it listens, or the chain is
   over, and that is what will be told; 0 with the reason in err. */
static int port_listens(struct serve *s, char const *name, char *err, size_t errsize)
{
  int64_t until = rk_clock_ms() + READY_MS;

  while (!s->over) {
    enum ports_state state = ports_status(s->dirfd, name, err, errsize);
    if (state == PORTS_LISTENING)
      return 1;
    if (state == PORTS_FAILED)
      return 0;
    if (s->status.fd == -1) { /* then look once more, for what has happened in between */
      watch_status(s);
      continue;
    }
    s->reported = 0;
    if (!wait_for(s, &s->reported, until)) {
      snprintf(err, errsize, "rk-portd does not answer");
      return 0;
    }
  }
  return 1;
}

/* The first -p that fails ends it all, as in RootlessKit. */
static void check_ports(struct serve *s)
{
  s->status.fd = -1;
  for (size_t i = 0; i < s->r->publish.len; i++) {
    struct rk_portspec spec = spec_of(s, i);
    char err[RK_PORTSPEC_ERRMAX];
    if (!port_listens(s, run_text("%zu", i + 1), err, sizeof err))
      run_die("failed to expose port {%s %s %lld %lld %s}: %s", rk_proto_name(spec.proto),
              spec.parentip, (long long)spec.parentport, (long long)spec.childport, spec.childip,
              err);
    run_debug(s->r, "port %s listens", s->r->publish.item[i]);
  }
  if (s->status.fd == -1)
    return;
  rk_loop_remove(s->loop, &s->status);
  close(s->status.fd);
}

static int has_ports(int fd)
{
  int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
  DIR *dir = again == -1 ? NULL : fdopendir(again);
  struct dirent *d;

  if (!dir)
    return 1; /* rk-portd will say why */
  while ((d = readdir(dir)))
    n += d->d_name[0] != '.';
  closedir(dir);
  return n != 0;
}

/* By dnotify (fcntl(2), F_NOTIFY): one event is all that is wanted, and closing an inotify instance
   takes long (ARCHITECTURE.md). 0, or -1: the kernel has none (CONFIG_DNOTIFY,
   fs.dir-notify-enable). */
static int await_ports(struct serve *s)
{
  if (rk_mkdirat(s->dirfd, "ports", 0700) == -1 && errno != EEXIST)
    run_die("mkdir %s/ports: %s", s->dir, go_errno(errno));
  s->portsfd = openat(s->dirfd, "ports", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (s->portsfd == -1)
    run_die("open %s/ports: %s", s->dir, go_errno(errno));
  /* F_SETSIG: otherwise a SIGIO could not be told from anybody's */
  if (fcntl(s->portsfd, F_SETSIG, SIGIO) == 0 &&
      fcntl(s->portsfd, F_NOTIFY, DN_CREATE | DN_RENAME | DN_MODIFY) == 0 && !has_ports(s->portsfd))
    return 0;
  close(s->portsfd);
  s->portsfd = -1;
  return -1;
}

int serve_begin(struct serve *s, char const *dir, int dirfd)
{
  char const *driver = s->r->port_driver;
  int managed = !strcmp(driver, "builtin") || run_lends_ports(s->r);

  s->dir = dir;
  s->dirfd = dirfd;
  s->portsfd = -1;
  listen_api(s);
  run_debug(s->r, "the API listens at %s/api.sock", dir);
  plan_services(s, managed);
  if (!managed)
    return 0;
  set_address(s);
  s->waiting = s->r->publish.len || await_ports(s) == -1;
  return s->waiting;
}

/* The first file in ports/: rk-portd takes over. */
static void follow_ports(struct serve *s)
{
  if (!s->changed || !s->ready || s->portsfd == -1)
    return;
  close(s->portsfd);
  s->portsfd = -1;
  service_keep(&s->portd);
}

void serve_ready(struct serve *s)
{
  if (s->waiting) {
    ask_for_ports(s);
    start_portd_ready(s);
    check_ports(s);
  }
  s->ready = 1;
  rk_loop_add(s->loop, &s->client);
  follow_ports(s);
}

void serve_changed(struct serve *s)
{
  s->changed = 1;
  follow_ports(s);
}

int serve_owns(struct serve const *s, pid_t pid)
{
  return pid == s->portd.pid || pid == s->apid.pid;
}

/* All are told before one is waited for: each takes some 10 ms to close its inotify. */
void serve_end(struct serve *s)
{
  service_terminate(&s->apid);
  service_terminate(&s->portd);
  service_stop(&s->apid);
  service_stop(&s->portd);
}
