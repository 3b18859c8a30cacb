/* SPDX-License-Identifier: ISC */
#include "pesto.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/portspec.h>
#include <rk/spawn.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "driver.h"

enum { LINE_MAX_ = 200, TEXT_MAX = 500, WAIT_S = 5, FIELDS = 5, BACKLOG = 8 };

/* The fds that stay, from 3 on. */
enum { DIR_FD = 3, PASTA_FD, KEPT_END };

struct ask {
  int add;
  int tcp;
  char ip[INET6_ADDRSTRLEN];
  unsigned int port, inside;
};

/* Cut the line at single blanks. 0; -1: it has another number of words. */
static int cut(char *line, char *word[FIELDS])
{
  int n = 0;

  for (char *s = line; s; n++) {
    if (n == FIELDS)
      return -1;
    word[n] = s;
    s = strchr(s, ' ');
    if (s) {
      *s = 0;
      s++;
    }
  }
  return n == FIELDS ? 0 : -1;
}

static int port(char const *s, unsigned int *n)
{
  return uint0_scan(s, n) && *n > 0 && *n < 65536 ? 0 : -1;
}

/* What root inside sends gets no further than this: 0, or -1 if it is no request. */
static int parse(char *line, struct ask *a)
{
  struct in6_addr unused;
  char *word[FIELDS];

  if (cut(line, word) == -1)
    return -1;
  a->add = !strcmp(word[0], "add");
  a->tcp = !strcmp(word[1], "tcp");
  if ((!a->add && strcmp(word[0], "del")) || (!a->tcp && strcmp(word[1], "udp")))
    return -1;
  if (strlen(word[2]) >= sizeof a->ip || !rk_ip_parse(word[2], strlen(word[2]), &unused))
    return -1;
  memcpy(a->ip, word[2], strlen(word[2]) + 1);
  return port(word[3], &a->port) == 0 && port(word[4], &a->inside) == 0 ? 0 : -1;
}

static void become_pesto(struct ask const *a, int out) __attribute__((noreturn));
static void become_pesto(struct ask const *a, int out)
{
  char const *program = getenv("RK_PESTO_PROGRAM");
  char path[PATH_MAX];
  char spec[LINE_MAX_];
  struct rk_text t = rk_text_in(spec, sizeof spec);
  char const *const argv[] = {"pesto", a->add ? "-A" : "-D", spec, PESTO_CONF, NULL};

  rk_text_add(&t, a->tcp ? "--tcp-ports=" : "--udp-ports=", a->ip, "/");
  rk_text_num(&t, a->port);
  rk_text_str(&t, ":");
  rk_text_num(&t, a->inside);
  if (dup2(out, 1) == -1 || dup2(out, 2) == -1)
    _exit(RK_EXIT_SYS);
  if (!program || !*program)
    program = "pesto";
  if (rk_which(program, path, sizeof path) == -1 || fchdir(DIR_FD) == -1) {
    strerr_warnwusys("find ", program);
    _exit(RK_EXIT_NOTFOUND);
  }
  rk_close_range(3, UINT_MAX, 0);
  execve(path, (char **)(uintptr_t)argv, environ);
  strerr_warnwusys("execute ", program);
  _exit(RK_EXIT_NOTFOUND);
}

/* What it says, until it ends or the time is over. Its wait status; -1: it did not end. */
static int hear(pid_t pid, int fd, char *text, size_t size)
{
  struct pollfd more = {.fd = fd, .events = POLLIN};
  size_t n = 0;
  ssize_t r = 1;
  int wstat;

  while (r > 0 && n + 1 < size && poll(&more, 1, WAIT_S * 1000) == 1) {
    r = read(fd, text + n, size - 1 - n);
    n += r > 0 ? (size_t)r : 0;
  }
  text[n] = 0;
  if (r != 0)
    kill(pid, SIGKILL);
  return waitpid_nointr(pid, &wstat, 0) == pid && r == 0 ? wstat : -1;
}

/* "ok", or the last line that pesto has written. */
static void run(struct ask const *a, struct rk_text *answer)
{
  char text[TEXT_MAX];
  char *last;
  int fd[2];
  int wstat;
  pid_t pid;

  if (pipe2(fd, O_CLOEXEC) == -1) {
    rk_text_add(answer, "pipe: ", strerror(errno));
    return;
  }
  pid = fork();
  if (pid == 0)
    become_pesto(a, fd[1]);
  close(fd[1]);
  if (pid == -1) {
    close(fd[0]);
    rk_text_add(answer, "fork: ", strerror(errno));
    return;
  }
  wstat = hear(pid, fd[0], text, sizeof text);
  close(fd[0]);
  while (text[0] && text[strlen(text) - 1] == '\n')
    text[strlen(text) - 1] = 0;
  last = strrchr(text, '\n');
  last = last ? last + 1 : text;
  if (wstat == 0)
    rk_text_str(answer, "ok");
  else if (wstat == -1)
    rk_text_str(answer, "it does not end");
  else
    rk_text_safe(answer, *last ? last : "failed", strlen(*last ? last : "failed"));
}

/* Up to the end of the line. */
static int read_line(int fd, char *line, size_t size)
{
  size_t n = 0;

  while (n + 1 < size) {
    ssize_t r = recv(fd, line + n, size - 1 - n, 0);
    if (r <= 0)
      return -1;
    n += (size_t)r;
    if (line[n - 1] != '\n')
      continue;
    line[n - 1] = 0;
    return 0;
  }
  return -1;
}

static void serve(int fd)
{
  struct timeval wait = {.tv_sec = WAIT_S};
  char line[LINE_MAX_];
  char text[2 * TEXT_MAX];
  struct rk_text answer = rk_text_in(text, sizeof text);
  struct ask a;

  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
  if (read_line(fd, line, sizeof line) == -1)
    return;
  if (parse(line, &a) == 0)
    run(&a, &answer);
  else
    rk_text_str(&answer, "malformed request");
  rk_text_str(&answer, "\n");
  send(fd, answer.s, answer.len, MSG_NOSIGNAL);
}

/* The socket appears when it is ready. */
static int listen_at(char const *state)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct rk_text path = rk_text_in(sa.sun_path, sizeof sa.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  mode_t mask = umask(0177);

  rk_text_add(&path, state, "/.pesto");
  if (path.cut)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_DIR");
  unlink(sa.sun_path); /* of the driver before, if it died */
  if (fd == -1 || bind(fd, (struct sockaddr *)&sa, sizeof sa) == -1 || listen(fd, BACKLOG) == -1)
    strerr_diefusys(RK_EXIT_SYS, "listen at ", sa.sun_path);
  umask(mask);
  return fd;
}

void pesto_serve(int dir, int pidfd)
{
  struct pollfd x[2] = {{.events = POLLIN}, {.fd = PASTA_FD, .events = POLLIN}};
  int high[2] = {fcntl(dir, F_DUPFD, 10), fcntl(pidfd, F_DUPFD, 10)};

  /* it holds what only pasta may speak to */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 || high[0] == -1 || high[1] == -1 ||
      dup2(high[0], DIR_FD) == -1 || dup2(high[1], PASTA_FD) == -1)
    strerr_diefusys(RK_EXIT_SYS, "arrange fds");
  rk_close_range(KEPT_END, UINT_MAX, 0);
  x[0].fd = listen_at(driver_plan("RK_STATE_DIR"));
  for (;;) {
    int fd;
    if (poll(x, 2, -1) == -1 && errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "poll");
    if (x[1].revents)
      _exit(0);
    fd = accept4(x[0].fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd == -1) {
      poll(NULL, 0, 100); /* out of file descriptors, perhaps: the client is still there */
      continue;
    }
    serve(fd);
    close(fd);
  }
}
