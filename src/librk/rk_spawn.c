/* SPDX-License-Identifier: ISC */
#include <rk/spawn.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/sys.h>

enum { ENV_MAX = 4096, CANNOT_EXEC = 126, NOT_FOUND = 127 };

static void in_english(char *env[ENV_MAX])
{
  size_t n = 0;

  env[n++] = (char *)(uintptr_t) "LC_ALL=C";
  for (char **e = environ; *e && n < ENV_MAX - 1; e++)
    if (strncmp(*e, "LC_ALL=", 7))
      env[n++] = *e;
  env[n] = NULL;
}

/* outfd is above 2 (rk_spawn_start), so no step undoes another. */
static int set_stdio(int outfd, int quiet)
{
  int nullfd = open("/dev/null", O_RDWR);

  if (nullfd == -1)
    return -1;
  if (dup2(nullfd, 0) == -1)
    return -1;
  if (dup2(outfd, 1) == -1)
    return -1;
  return dup2(quiet ? nullfd : outfd, 2);
}

static void become(struct rk_spawn const *h, int outfd, pid_t parent) __attribute__((noreturn));
static void become(struct rk_spawn const *h, int outfd, pid_t parent)
{
  struct sigaction def = {.sa_handler = SIG_DFL};
  sigset_t none;
  char *env[ENV_MAX];
  char const *error;
  int code = CANNOT_EXEC;

  sigaction(SIGPIPE, &def, NULL);
  sigaction(SIGXFSZ, &def, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1)
    _exit(CANNOT_EXEC);
  if (getppid() != parent) /* it died before prctl took effect */
    _exit(CANNOT_EXEC);
  if (set_stdio(outfd, h->quiet) == -1)
    _exit(CANNOT_EXEC);
  rk_close_range(3, ~0U, 0);
  in_english(env); /* what it says is quoted and looked into */
  execve(h->path, (char *const *)(uintptr_t)h->argv, env);
  error = strerror(errno);
  if (errno == ENOENT)
    code = NOT_FOUND;
  if (write(1, error, strlen(error)) == -1)
    code = CANNOT_EXEC;
  _exit(code);
}

int rk_spawn_start(struct rk_spawn *h)
{
  pid_t parent = getpid();
  int p[2];
  int up;

  h->pid = 0;
  h->late = 0;
  if (pipe2(p, O_CLOEXEC | O_NONBLOCK) == -1)
    return -1;
  /* The user may have closed 0, 1 or 2: keep ours out of there. */
  up = fcntl(p[1], F_DUPFD_CLOEXEC, 3);
  fd_close(p[1]);
  if (up == -1)
    goto failed;
  h->pid = _Fork(); /* nothing of ours or of libc waits for pthread_atfork(3) */
  if (!h->pid) {
    fcntl(up, F_SETFL, 0); /* O_NONBLOCK off: a helper expects to be able to write */
    become(h, up, parent);
  }
  fd_close(up);
  if (h->pid == -1)
    goto failed;
  h->outfd = p[0];
  h->pidfd = rk_pidfd_open(h->pid, 0);
  if (h->pidfd == -1) {
    int e = errno;
    kill(h->pid, SIGKILL);
    waitpid_nointr(h->pid, &h->status, 0);
    errno = e;
    goto failed;
  }
  return 0;

failed:
  fd_close(p[0]);
  h->pid = 0;
  return -1;
}

/* At most what a pipe holds: one that writes without end must not keep us from looking at the
   clock. */
static void drain(struct rk_spawn *h, int everything)
{
  char buf[4096];
  int most = everything ? 17 : 1;

  for (int i = 0; i < most && h->outfd != -1; i++) {
    ssize_t r = read(h->outfd, buf, sizeof buf);
    if (r == -1)
      return;
    if (r == 0) {
      close(h->outfd);
      h->outfd = -1;
      return;
    }
    h->take(h->data, buf, (size_t)r);
  }
}

static void finish(struct rk_spawn *h, int late)
{
  struct pollfd x = {.fd = h->pidfd, .events = POLLIN};

  h->late = late;
  if (late) {
    /* One that cannot be killed (it changed its uid, it hangs in a dead file system) is left to pid
       1. */
    rk_pidfd_send_signal(h->pidfd, SIGKILL);
    poll(&x, 1, 1000);
  }
  waitpid_nointr(h->pid, &h->status, late ? WNOHANG : 0);
  drain(h, 1);
  if (h->outfd != -1)
    close(h->outfd);
  close(h->pidfd);
  h->pid = 0;
}

/* The deadline is an fd like the others: poll(2) needs no arithmetic then, and the program no libc
   clock. */
static int alarm_in(int ms)
{
  struct itimerspec when = {
    .it_value.tv_sec = ms / 1000,
    .it_value.tv_nsec = ms % 1000 * 1000000L + 1,
  };
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

  if (fd == -1)
    return -1;
  if (timerfd_settime(fd, 0, &when, NULL) == 0)
    return fd;
  fd_close(fd); /* keeps errno */
  return -1;
}

/* What is polled: two fds for all, then two for each helper. */
enum { UNTIL, TIMER, EACH };

static struct pollfd readable(int fd)
{
  return (struct pollfd){.fd = fd, .events = POLLIN};
}

/* Fill in x for the helpers. Returns how many run. */
static size_t watch_helpers(struct pollfd *x, struct rk_spawn const *h, size_t n)
{
  size_t running = 0;

  x += EACH;
  for (size_t i = 0; i < n; i++) {
    *x++ = readable(h[i].pid ? h[i].pidfd : -1);
    *x++ = readable(h[i].pid ? h[i].outfd : -1);
    if (h[i].pid)
      running++;
  }
  return running;
}

static void serve_helpers(struct pollfd const *x, struct rk_spawn *h, size_t n, int failed)
{
  int over = failed || x[UNTIL].revents || x[TIMER].revents;

  for (size_t i = 0; i < n; i++) {
    struct pollfd const *end = &x[EACH + 2 * i];
    struct pollfd const *out = end + 1;
    if (!h[i].pid)
      continue;
    if (out->revents)
      drain(&h[i], 0);
    if (end->revents)
      finish(&h[i], 0);
    else if (over)
      finish(&h[i], 1);
  }
}

int rk_spawn_wait(struct rk_spawn *h, size_t n, int untilfd, int ms)
{
  int timer = alarm_in(ms);
  int e = timer == -1 ? errno : 0;
  struct pollfd x[EACH + 2 * RK_HELPERS_MAX];

  x[UNTIL] = readable(untilfd);
  x[TIMER] = readable(timer);
  while (watch_helpers(x, h, n)) {
    if (!e && poll(x, EACH + 2 * n, -1) == -1) {
      if (errno == EINTR)
        continue;
      e = errno;
    }
    serve_helpers(x, h, n, e);
  }
  if (timer != -1)
    close(timer);
  return e ? rk_fail(e) : 0;
}

int rk_spawn_time(void)
{
  char const *s = getenv("RK_HELPER_TIMEOUT");
  unsigned int seconds = 10;

  if (s && !uint0_scan(s, &seconds))
    return -1;
  if (!seconds || seconds > 3600)
    return -1;
  return 1000 * (int)seconds;
}
