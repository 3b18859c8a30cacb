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

#include <rk/sys.h>

enum { ENV_MAX = 4096 };

static void in_english(char *env[ENV_MAX])
{
  size_t n = 0;

  env[n++] = (char *)(uintptr_t) "LC_ALL=C";
  for (char **e = environ; *e && n < ENV_MAX - 1; e++)
    if (strncmp(*e, "LC_ALL=", 7))
      env[n++] = *e;
  env[n] = 0;
}

static void become(struct rk_spawn const *h, int outfd, pid_t parent) __attribute__((noreturn));
static void become(struct rk_spawn const *h, int outfd, pid_t parent)
{
  struct sigaction def = {.sa_handler = SIG_DFL};
  sigset_t none;
  char *env[ENV_MAX];
  char const *e;
  int nullfd;

  sigaction(SIGPIPE, &def, 0);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  /* The parent may have died before prctl took effect. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 || getppid() != parent)
    _exit(126);
  nullfd = open("/dev/null", O_RDWR);
  /* outfd is above 2 (rk_spawn_start), so none of these steps on another. */
  if (nullfd == -1 || dup2(nullfd, 0) == -1 || dup2(outfd, 1) == -1 ||
      dup2(h->quiet ? nullfd : outfd, 2) == -1)
    _exit(126);
  rk_close_range(3, ~0U, 0);
  in_english(env); /* what it says is quoted and looked into */
  execve(h->path, (char *const *)(uintptr_t)h->argv, env);
  e = strerror(errno);
  nullfd = errno == ENOENT ? 127 : 126;
  if (write(1, e, strlen(e)) == -1)
    _exit(126);
  _exit(nullfd);
}

int rk_spawn_start(struct rk_spawn *h)
{
  pid_t parent = getpid();
  int p[2], up;

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
  ssize_t r = 1;

  for (int i = 0; h->outfd != -1 && r > 0 && i < (everything ? 17 : 1); i++) {
    r = read(h->outfd, buf, sizeof buf);
    if (r > 0)
      h->take(h->data, buf, (size_t)r);
    else if (r == 0) {
      close(h->outfd);
      h->outfd = -1;
    }
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
  struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L + 1}};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

  if (fd != -1 && timerfd_settime(fd, 0, &when, 0) == -1)
    fd_close(fd), fd = -1;
  return fd;
}

int rk_spawn_wait(struct rk_spawn *h, size_t n, int untilfd, int ms)
{
  int timer = alarm_in(ms), e = timer == -1 ? errno : 0;

  for (;;) {
    struct pollfd x[2 * RK_HELPERS_MAX + 2] = {{.fd = untilfd, .events = POLLIN},
                                               {.fd = timer, .events = POLLIN}};
    size_t running = 0;

    for (size_t i = 0; i < n; i++) {
      x[2 + 2 * i] = (struct pollfd){.fd = h[i].pid ? h[i].pidfd : -1, .events = POLLIN};
      x[3 + 2 * i] = (struct pollfd){.fd = h[i].pid ? h[i].outfd : -1, .events = POLLIN};
      if (h[i].pid)
        running++;
    }
    if (!running)
      break;
    if (!e && poll(x, 2 + 2 * n, -1) == -1) {
      if (errno == EINTR)
        continue;
      e = errno;
    }
    for (size_t i = 0; i < n; i++) {
      if (!h[i].pid)
        continue;
      if (x[3 + 2 * i].revents)
        drain(&h[i], 0);
      if (x[2 + 2 * i].revents)
        finish(&h[i], 0);
      else if (e || x[0].revents || x[1].revents)
        finish(&h[i], 1);
    }
  }
  if (timer != -1)
    close(timer);
  errno = e;
  return e ? -1 : 0;
}

int rk_spawn_time(void)
{
  char const *s = getenv("RK_HELPER_TIMEOUT");
  unsigned int seconds = 10;

  if (s && (!uint0_scan(s, &seconds) || !seconds || seconds > 3600))
    return -1;
  return 1000 * (int)seconds;
}
