/* SPDX-License-Identifier: ISC
   rk-apid: RootlessKit's REST API on DIR/api.sock, translated to the files of DIR/ports/ and back.

   where    outside, beside rk-portd
   fds/env  -l FD: the listening socket, made by another
   forks    no
   holds    the user's host ids and write access to DIR; no sockets but its own
   lives    until SIGTERM, SIGINT or SIGHUP; removes its socket then, but not one of -l
   exits    0 after a signal, 100, 102 DIR is another's, 111
*/
#include "apid.h"
#include "conn.h"
#include "http.h"
#include "ports_dir.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <compat/go.h>
#include <rk/chain.h>
#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/host.h>

#define USAGE "rk-apid [ -d fd ] [ -l fd ] [ -P none|builtin|slirp4netns ] [ -o option ]... dir"

enum { BODY_MAX = 1 << 20, ANSWER_MS = 10000, STOP_MS = 5000, IDLE_S = 120 };

enum wait { WAIT_NONE, WAIT_ADD, WAIT_REMOVE };

/* One HTTP request, from its first line to its answer. */
struct request {
  struct MHD_Connection *connection;
  char *body;
  size_t len, room;
  enum wait wait;     /* suspended until rk-portd has answered */
  long long deadline; /* milliseconds */
  long id;
  char name[256];
  struct rk_portspec spec;
  int status;           /* of the answer that is ready, or 0 */
  char *text;           /* its body, allocated, or 0 */
  struct request *next; /* list of the suspended ones */
};

static struct apid apid;
static struct apid_conns conns;
static struct request *waiting;
static struct MHD_Daemon *mhd;

static long long now_ms(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (long long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Let the request sleep until rk-portd has dealt with its file. */
static void suspend(struct request *q, enum wait wait, int ms)
{
  q->wait = wait;
  q->deadline = now_ms() + ms;
  q->next = waiting;
  waiting = q;
  apid_conn_of(q->connection)->busy = 1;
  MHD_suspend_connection(q->connection);
}

static enum MHD_Result add(struct request *q)
{
  char err[RK_PORTSPEC_ERRMAX];
  long id;

  int r = apid_spec(q->body ? q->body : "", q->len, &q->spec, err, sizeof err);

  free(q->body);
  q->body = NULL;
  apid_conn_hold(apid_conn_of(q->connection), 0);
  if (r == -1)
    return apid_refuse(q->connection, 400, err);
  id = apid_conflict(&q->spec);
  if (id) {
    snprintf(err, sizeof err, "conflict with ID %ld", id);
    return apid_refuse(q->connection, 400, err);
  }
  q->id = apid_new_id(&apid);
  snprintf(q->name, sizeof q->name, "%ld", q->id);
  if (q->id < 0 || ports_write(apid.dirfd, q->name, &q->spec, apid.option) < 0) {
    snprintf(err, sizeof err, "unable to write %s/ports/%s: %s", apid.dir, q->name,
             strerror(errno));
    return apid_refuse(q->connection, 400, err);
  }
  suspend(q, WAIT_ADD, ANSWER_MS);
  return MHD_YES;
}

/* 0, or -1 with RootlessKit's words. */
static int read_id(char const *s, long *id, char *err, size_t errsize)
{
  char why[300];
  int64_t n;

  if (go_atoi(s, &n, why, sizeof why) == -1) {
    snprintf(err, errsize, "bad id %.100s: %s", s, why);
    return -1;
  }
  *id = (long)n;
  return 0;
}

static enum MHD_Result delete_port(struct request *q, char const *which)
{
  char const *name;
  char err[512];

  if (read_id(which, &q->id, err, sizeof err) < 0)
    return apid_refuse(q->connection, 400, err);
  name = apid_name(q->id);
  snprintf(q->name, sizeof q->name, "%s", name ? name : "");
  if (!name || ports_remove(apid.dirfd, q->name) < 0) {
    if (apid.driver == APID_SLIRP)
      snprintf(err, sizeof err,
               "reply.Error: map[desc:bad request: remove_hostfwd: bad arguments.id]");
    else
      snprintf(err, sizeof err, "unknown id: %ld", q->id);
    return apid_refuse(q->connection, 400, err);
  }
  suspend(q, WAIT_REMOVE, STOP_MS);
  return MHD_YES;
}

static enum MHD_Result route(struct request *q, char const *url, char const *method)
{
  struct MHD_Connection *c = q->connection;
  int get = !strcmp(method, "GET");

  apid_ports_refresh(&apid);
  if (!strcmp(url, "/v1/info"))
    return get ? apid_json(c, 200, apid_info(&apid)) : apid_answer(c, 405, 0, 0);
  if (!strcmp(url, "/v1/ports")) {
    if (!get && strcmp(method, "POST"))
      return apid_answer(c, 405, 0, 0);
    if (apid.driver == APID_NONE)
      return apid_refuse(c, 400, "no PortDriver is available");
    return get ? apid_answer(c, 200, apid_list(), "application/json") : add(q);
  }
  if (!strncmp(url, "/v1/ports/", 10) && url[10] && !strchr(url + 10, '/')) {
    if (strcmp(method, "DELETE"))
      return apid_answer(c, 405, 0, 0);
    if (apid.driver == APID_NONE)
      return apid_refuse(c, 400, "no PortDriver is available");
    return delete_port(q, url + 10);
  }
  return apid_not_found(c);
}

static enum MHD_Result collect(struct request *q, char const *data, size_t *size)
{
  if (q->len + *size > BODY_MAX)
    return MHD_NO; /* closes the connection */
  if (q->len + *size > q->room) {
    size_t room = 2 * (q->len + *size) < BODY_MAX ? 2 * (q->len + *size) : BODY_MAX;
    char *more = realloc(q->body, room);
    if (!more)
      return MHD_NO;
    q->body = more;
    q->room = room;
    apid_conn_hold(apid_conn_of(q->connection), room);
  }
  memcpy(q->body + q->len, data, *size);
  q->len += *size;
  *size = 0;
  return MHD_YES;
}

static enum MHD_Result handle(void *cls, struct MHD_Connection *c, char const *url,
                              char const *method, char const *version, char const *data,
                              size_t *size, void **state)
{
  struct request *q = *state;
  struct apid_conn *conn = apid_conn_of(c);
  char path[4096];

  (void)cls;
  (void)version;
  if (!conn || conn->gone)
    return MHD_NO;
  if (!q) {
    char const *length = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Content-Length");
    q = *state = calloc(1, sizeof *q);
    if (!q)
      return MHD_NO;
    q->connection = c;
    apid_conn_begin(conn, now_ms());
    if (conn->odd)
      return apid_refuse(c, 400, "control character in the path");
    if (length && (strlen(length) > 9 || atol(length) > BODY_MAX))
      return apid_refuse(c, 413, "http: request body too large");
    return MHD_YES;
  }
  if (*size)
    return collect(q, data, size);
  apid_conn_complete(conn);
  if (q->status) {
    char *text = q->text;
    q->text = 0;
    return apid_answer(c, q->status, text,
                       q->status == 400 ? "text/plain; charset=utf-8"
                       : text           ? "application/json"
                                        : 0);
  }
  if (strlen(url) >= sizeof path - 2)
    return apid_not_found(c);
  if (apid_clean(url, path))
    return apid_redirect(c, path);
  return route(q, url, method);
}

static void completed(void *cls, struct MHD_Connection *c, void **state,
                      enum MHD_RequestTerminationCode code)
{
  struct request *q = *state;

  (void)cls;
  (void)code;
  if (apid_conn_of(c))
    apid_conn_over(apid_conn_of(c));
  if (!q)
    return;
  free(q->body);
  free(q->text);
  free(q);
  *state = 0;
}

/* What has become of a suspended request? 1: the answer is ready. */
static int settle(struct request *q, long long now)
{
  char err[RK_PORTSPEC_ERRMAX];
  enum ports_state state = apid_state(q->name);
  int late = now >= q->deadline;

  if (q->wait == WAIT_REMOVE) {
    if (state != PORTS_GONE && !late)
      return 0;
    q->status = state == PORTS_GONE ? 200 : 400;
    if (q->status == 400)
      q->text = apid_message("the port is still being closed");
    return 1;
  }
  if (state == PORTS_LISTENING) {
    q->status = 201;
    q->text = apid_text(apid_status(q->id, &q->spec, 0), "");
    return 1;
  }
  if (state != PORTS_FAILED && !late)
    return 0;
  ports_status(apid.dirfd, q->name, err, sizeof err); /* the reason */
  ports_remove(apid.dirfd, q->name);
  q->status = 400;
  q->text = apid_message(state == PORTS_FAILED ? err : "rk-portd does not answer");
  return 1;
}

/* Where all connections wait for rk-portd, and there are too many, the first to wait gets no answer
   from it. */
static void make_room(long long now)
{
  struct request *first = waiting;

  if (!first || !apid_conns_crowded(&conns))
    return;
  for (struct request *q = waiting; q; q = q->next)
    if (q->deadline < first->deadline)
      first = q;
  first->deadline = now;
}

/* Returns the milliseconds until the next deadline, -1: none. *resumed: how many have their
   answer. */
static int settle_all(int *resumed)
{
  long long now = now_ms(), next = apid_conns_late(&conns, now);

  *resumed = 0;
  make_room(now);
  apid_ports_refresh(&apid);
  for (struct request **p = &waiting; *p;) {
    struct request *q = *p;
    if (settle(q, now)) {
      *p = q->next;
      apid_conn_of(q->connection)->busy = 0;
      MHD_resume_connection(q->connection);
      ++*resumed;
      continue;
    }
    if (next < 0 || q->deadline - now < next)
      next = q->deadline - now;
    p = &q->next;
  }
  return (int)next;
}

static int catch_signals(void)
{
  sigset_t set;

  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, 0) < 0)
    return -1;
  return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void loop(int sigfd, int watchfd)
{
  union MHD_DaemonInfo const *info = MHD_get_daemon_info(mhd, MHD_DAEMON_INFO_EPOLL_FD);
  struct pollfd p[3] = {
    {.fd = sigfd, .events = POLLIN}, {.fd = watchfd, .events = POLLIN}, {.events = POLLIN}};

  if (!info)
    strerr_dief(RK_EXIT_BUG, "libmicrohttpd has no epoll");
  p[2].fd = info->epoll_fd;
  for (;;) {
    MHD_UNSIGNED_LONG_LONG ms;
    int wait, resumed;
    /* a request that MHD has suspended just now may be answered already, and one that is resumed
       wants another turn */
    do {
      MHD_run(mhd);
      wait = settle_all(&resumed);
    } while (resumed);
    if (MHD_get_timeout(mhd, &ms) == MHD_YES && (wait < 0 || ms < (MHD_UNSIGNED_LONG_LONG)wait))
      wait = ms > INT_MAX ? INT_MAX : (int)ms;
    if (poll(p, 3, wait) < 0 && errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "poll");
    if (p[0].revents)
      return;
  }
}

static void ready(char const *s)
{
  unsigned int fd;

  if (!uint0_scan(s, &fd) || fd > INT_MAX)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (allwrite((int)fd, "\n", 1) < 1)
    strerr_diefusys(RK_EXIT_SYS, "write to fd ", s);
  close((int)fd);
}

/* A socket that somebody listens at for us. */
static int given(char const *s)
{
  int on = 0;
  socklen_t len = sizeof on;
  unsigned int fd;

  if (!uint0_scan(s, &fd) || fd > INT_MAX)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (getsockopt((int)fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) < 0 || !on)
    strerr_dief(RK_EXIT_USAGE, "fd ", s, " is no listening socket");
  if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl((int)fd, F_SETFL, O_NONBLOCK) < 0)
    strerr_diefusys(RK_EXIT_SYS, "use fd ", s);
  return (int)fd;
}

static void options(int argc, char const *const *argv, char const **readyfd, char const **listenfd)
{
  subgetopt l = SUBGETOPT_ZERO;
  size_t n = 0;

  for (int opt; (opt = subgetopt_r(argc, argv, "d:l:P:o:", &l)) != -1;)
    switch (opt) {
      case 'd': *readyfd = l.arg; break;
      case 'l': *listenfd = l.arg; break;
      case 'o':
        if (n == sizeof apid.option / sizeof *apid.option - 1)
          strerr_dief(RK_EXIT_USAGE, "too many options -o");
        apid_option_check(l.arg);
        apid.option[n++] = l.arg;
        break;
      case 'P':
        if (!strcmp(l.arg, "builtin"))
          apid.driver = APID_BUILTIN;
        else if (!strcmp(l.arg, "slirp4netns"))
          apid.driver = APID_SLIRP;
        else if (!strcmp(l.arg, "none"))
          apid.driver = APID_NONE;
        else
          strerr_dieusage(RK_EXIT_USAGE, USAGE);
        break;
      default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
    }
  if (argc - l.ind != 1)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  apid.dir = argv[l.ind];
  if (!*apid.dir)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
}

int main(int argc, char const *const *argv)
{
  char const *readyfd = 0, *listenfd = 0, *why;
  static char path[PATH_MAX];
  int sigfd, watchfd, fd;

  PROG = "rk-apid";
  apid.driver = APID_BUILTIN;
  options(argc, argv, &readyfd, &listenfd);
  if (!realpath(apid.dir, path))
    strerr_diefusys(RK_EXIT_SYS, "find ", apid.dir);
  apid.dir = path;
  /* Namespace root has the user's own kuid: without this it could read our memory (ptrace(2)). */
  rk_no_dump_or_die();
  apid.dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (apid.dirfd < 0 || fchdir(apid.dirfd) < 0)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  why = rk_chain_foreign(apid.dirfd);
  if (why)
    rk_die_host("T7", RK_CHAIN_OWN, "state directory ", path, " ", why);
  sigfd = catch_signals();
  if (sigfd < 0)
    strerr_diefusys(RK_EXIT_SYS, "catch signals");
  /* without a port driver there is nothing to follow, and closing an inotify instance costs the end
     some 10 ms */
  watchfd = apid.driver == APID_NONE ? -1 : apid_ports_open(&apid);
  if (watchfd < 0 && apid.driver != APID_NONE)
    strerr_diefusys(RK_EXIT_SYS, "watch ", path, "/ports");
  fd = listenfd ? given(listenfd) : apid_listen("api.sock");
  if (fd < 0)
    strerr_diefusys(RK_EXIT_SYS, "listen at ", path, "/api.sock");
  mhd = MHD_start_daemon(
    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, 0, 0, handle, (void *)0, MHD_OPTION_LISTEN_SOCKET,
    fd, MHD_OPTION_NOTIFY_CONNECTION, apid_conn_notify, (void *)&conns,
    MHD_OPTION_UNESCAPE_CALLBACK, apid_conn_unescape, (void *)0, MHD_OPTION_CONNECTION_TIMEOUT,
    (unsigned int)IDLE_S, MHD_OPTION_CONNECTION_LIMIT, (unsigned int)APID_CONN_MAX,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384, MHD_OPTION_NOTIFY_COMPLETED, completed,
    (void *)0, MHD_OPTION_END);
  if (!mhd)
    strerr_dief(RK_EXIT_SYS, "unable to start libmicrohttpd");
  if (readyfd)
    ready(readyfd);
  loop(sigfd, watchfd);
  if (!listenfd)
    unlink("api.sock");
  _exit(0);
}
