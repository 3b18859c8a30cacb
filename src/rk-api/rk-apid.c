/* SPDX-License-Identifier: ISC
   rk-apid: RootlessKit's REST API on DIR/api.sock, translated to the files of DIR/ports/ and back.

   where    outside, beside rk-portd
   fds/env  -l FD: the listening socket, made by another
   forks    no
   holds    the user's host ids and write access to DIR; no sockets but its own
   lives    until SIGTERM, SIGINT or SIGHUP, when it removes its socket, but no other; or, with a
            port driver, until DIR is gone
   locks    DIR itself (flock(2))
   exits    0 after a signal or without DIR, 100, 102 DIR is another's, 111 (also: another serves
            DIR)
*/
#include "apid.h"
#include "request.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/chain.h>
#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/options.h>
#include <rk/host.h>
#include <rk/loop.h>

enum { IDLE_S = 120, MEMORY = 16384 };

struct server {
  struct apid apid;
  struct requests requests;
  struct MHD_Daemon *mhd;
  struct rk_loop loop;
  struct rk_watch signals, ports, http, owners;
  int ended; /* by a signal */
};

static int catch_signals(void)
{
  sigset_t set;

  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
    return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void on_signal(void *ctx, short revents)
{
  struct server *s = ctx;

  (void)revents;
  s->ended = 1;
}

/* It wakes the loop, which then looks at all. */
static void on_change(void *ctx, short revents)
{
  (void)ctx;
  (void)revents;
}

/* Everything that can be done now. Returns the milliseconds to wait until there is more, -1: no
   limit. */
static int turn(struct server *s)
{
  unsigned int closed = s->requests.conns.closed;
  MHD_UNSIGNED_LONG_LONG ms;
  int64_t next;
  int again, look;

  MHD_run(s->mhd);
  /* a request that MHD has suspended just now may be answered already, and one that is resumed
     wants another turn */
  again = requests_settle(&s->requests, &next) > 0;
  s->ended |= apid_dir_gone(&s->apid, &look);
  if (look != -1 && (next == -1 || look < next))
    next = look;
  /* When accept(2) has failed (EMFILE), MHD takes the listening socket out of its epoll, and puts
     it back in the first MHD_run after one in which a connection was closed: nothing else would
     call that, where no other connection is left. */
  if (again || s->ended || s->requests.conns.closed != closed)
    return 0;
  if (MHD_get_timeout(s->mhd, &ms) == MHD_YES && (next == -1 || ms < (uint64_t)next))
    next = ms > INT_MAX ? INT_MAX : (int64_t)ms;
  return (int)next;
}

static void watch(struct server *s, struct rk_watch *w, int fd, void (*ready)(void *, short))
{
  *w = (struct rk_watch){.fd = fd, .events = POLLIN, .ready = ready, .ctx = s};
  rk_loop_add(&s->loop, w);
}

static void serve(struct server *s, int sigfd, int portsfd)
{
  union MHD_DaemonInfo const *info = MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);

  if (!info)
    strerr_dief(RK_EXIT_BUG, "libmicrohttpd has no epoll");
  watch(s, &s->signals, sigfd, on_signal);
  watch(s, &s->ports, portsfd, on_change);
  watch(s, &s->http, info->epoll_fd, on_change);
  watch(s, &s->owners, s->apid.owners.fd, on_change);
  while (!s->ended)
    if (rk_loop_step(&s->loop, turn(s)) == -1)
      strerr_diefusys(RK_EXIT_SYS, "poll");
}

static void ready(int fd)
{
  if (allwrite(fd, "\n", 1) < 1)
    strerr_diefusys(RK_EXIT_SYS, "write to the fd of -d");
  close(fd);
}

/* A socket that somebody listens at for us. */
static void check_given(int fd)
{
  int on = 0;
  socklen_t len = sizeof on;

  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == -1 || !on)
    strerr_dief(RK_EXIT_USAGE, "the fd of -l is no listening socket");
  if (fcntl(fd, F_SETFL, O_NONBLOCK) == -1)
    strerr_diefusys(RK_EXIT_SYS, "use the fd of -l");
}

struct options {
  struct apid *apid;
  int readyfd;
  int listenfd;
  int driver; /* enum apid_driver, in the order of -P's words */
  size_t n;   /* options of ports */
};

static int take_option(void *into, char const *value)
{
  struct options *o = into;

  if (o->n == sizeof o->apid->option / sizeof *o->apid->option - 1)
    strerr_dief(RK_EXIT_USAGE, "too many options -o");
  apid_option_check(value);
  o->apid->option[o->n] = value;
  o->n++;
  return 1;
}

static struct rk_option const OPTIONS[] = {
  RK_OPTION_READY(struct options, "a newline to fd when the socket is there, then close it"),
  {.letter = 'l',
   .kind = RK_OPTION_FD,
   .at = offsetof(struct options, listenfd),
   .arg = "fd",
   .text = "serve the listening socket fd instead of making one"},
  {.letter = 'P',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, driver),
   .arg = "none|builtin|slirp4netns|gvisor-tap-vsock|pesto",
   .text = "the port driver that the API names; relay is builtin",
   .aliases = "|relay|"},
  {.letter = 'o',
   .kind = RK_OPTION_CALL,
   .arg = "option",
   .text = "a line (key=value) for every port file that it writes",
   .many = 1,
   .take = take_option},
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-apid",
  .summary = "RootlessKit's REST API for a state directory",
  .operands = "dir",
  .options = OPTIONS,
};

static void options(struct options *o, int argc, char const *const *argv)
{
  argv += rk_options(&USAGE, argc, argv, o);
  o->apid->driver = (enum apid_driver)o->driver;
  if (o->listenfd != -1)
    check_given(o->listenfd);
  o->apid->dir = *argv;
  if (!**argv)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
}

/* The directory becomes the working directory. */
static void enter(struct apid *a)
{
  static char path[PATH_MAX];
  char const *why;

  if (!realpath(a->dir, path))
    strerr_diefusys(RK_EXIT_SYS, "find ", a->dir);
  a->dir = path;
  /* Namespace root has the user's own kuid: without this it could read our memory (ptrace(2)). */
  rk_no_dump_or_die();
  a->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (a->dirfd == -1 || fchdir(a->dirfd) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  why = rk_chain_foreign(a->dirfd);
  if (why)
    rk_die_host("T7", RK_CHAIN_OWN, "state directory ", path, " ", why);
  if (apid_lock(a->dirfd) == 0)
    return;
  if (errno == EWOULDBLOCK)
    strerr_dief(RK_EXIT_SYS, "another rk-apid serves ", path);
  strerr_diefusys(RK_EXIT_SYS, "lock ", path);
}

static void start(struct server *s, int fd)
{
  s->mhd = MHD_start_daemon(
    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, request_handle, (void *)&s->requests,
    MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_CONNECTION, apid_conn_notify,
    (void *)&s->requests.conns, MHD_OPTION_UNESCAPE_CALLBACK, apid_conn_unescape, (void *)NULL,
    MHD_OPTION_CONNECTION_TIMEOUT, (unsigned int)IDLE_S, MHD_OPTION_CONNECTION_LIMIT,
    (unsigned int)APID_CONN_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY,
    MHD_OPTION_NOTIFY_COMPLETED, request_completed, (void *)NULL, MHD_OPTION_END);
  if (!s->mhd)
    strerr_dief(RK_EXIT_SYS, "unable to start libmicrohttpd");
}

int main(int argc, char const *const *argv)
{
  struct server s = {.requests = {.apid = &s.apid}, .apid.owners.fd = -1};
  struct options o = {.apid = &s.apid, .readyfd = -1, .listenfd = -1, .driver = APID_BUILTIN};
  struct apid_socket own = {.fd = -1};
  int sigfd, portsfd = -1;

  PROG = "rk-apid";
  options(&o, argc, argv);
  enter(&s.apid);
  sigfd = catch_signals();
  if (sigfd == -1)
    strerr_diefusys(RK_EXIT_SYS, "catch signals");
  /* without a port driver there is nothing to follow, and closing an inotify instance costs the end
     some 10 ms */
  if (s.apid.driver != APID_NONE) {
    portsfd = apid_ports_open(&s.apid);
    if (portsfd == -1)
      strerr_diefusys(RK_EXIT_SYS, "watch ", s.apid.dir, "/ports");
    if (apid_owners_open(&s.apid.owners) == -1)
      strerr_diefusys(RK_EXIT_SYS, "make an epoll");
  }
  if (o.listenfd == -1 && apid_listen("api.sock", &own) == -1)
    strerr_diefusys(RK_EXIT_SYS, "listen at ", s.apid.dir, "/api.sock");
  start(&s, o.listenfd != -1 ? o.listenfd : own.fd);
  if (o.readyfd != -1)
    ready(o.readyfd);
  serve(&s, sigfd, portsfd);
  if (o.listenfd == -1)
    apid_unlisten("api.sock", &own);
  _exit(0);
}
