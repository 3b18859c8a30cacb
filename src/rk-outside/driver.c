/* SPDX-License-Identifier: ISC
   A driver gets fds 3 (network namespace), 4 (user namespace), 5 (its report), 6 (end-of-file:
   leave) and the plan in its environment (rk-net-drivers(7)). Its stderr is kept: shown if it fails
   to start, its last line in net/status if it dies. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include <rk/clock.h>
#include <rk/fail.h>
#include <rk/sys.h>
#include <rk/text.h>

enum {
  CLOSED_MS = 500,  /* to die, after it has closed its report without being ready */
  START_MS = 10000, /* to become ready (a DHCP lease with conflict detection takes 4 s) */
  END_MS = 300      /* to leave when told to */
};

static void report_ready(void *ctx, short revents);
static void errors_ready(void *ctx, short revents);
static void process_ended(void *ctx, short revents);
static void deadline_over(void *ctx);

void driver_init(struct driver *d, struct rk_loop *loop, struct rk_net_plan *plan)
{
  *d = (struct driver){
    .loop = loop,
    .report = {.plan = plan},
    .netns = -1,
    .userns = -1,
    .program = -1,
    .leave = -1,
    .reports = {.fd = -1, .events = POLLIN, .ready = report_ready, .ctx = d},
    .errors = {.fd = -1, .events = POLLIN, .ready = errors_ready, .ctx = d},
    .process = {.fd = -1, .events = POLLIN, .ready = process_ended, .ctx = d},
    .deadline = {.due = deadline_over, .ctx = d},
  };
}

static void close_fd(int *fd)
{
  if (*fd != -1)
    close(*fd);
  *fd = -1;
}

static void close_watch(struct driver *d, struct rk_watch *watch)
{
  rk_loop_remove(d->loop, watch);
  close_fd(&watch->fd);
}

/* A pipe out of the way of the fds that a driver gets. */
static int open_pipe(int p[2])
{
  int low[2];
  int r = 0;

  if (pipe2(low, O_CLOEXEC) == -1)
    return -1;
  for (int i = 0; i < 2; i++) {
    p[i] = fcntl(low[i], F_DUPFD_CLOEXEC, DRIVER_FD_FIRST);
    close(low[i]);
    if (p[i] == -1)
      r = -1;
  }
  return r;
}

/* The driver's own words, with room made by forgetting the oldest. */
static void errors_ready(void *ctx, short revents)
{
  struct driver *d = ctx;
  ssize_t r;

  (void)revents;
  for (;;) {
    if (d->loglen > sizeof d->log * 3 / 4) {
      size_t half = d->loglen / 2;

      d->loglen -= half;
      memmove(d->log, d->log + half, d->loglen);
    }
    r = read(d->errors.fd, d->log + d->loglen, sizeof d->log - 1 - d->loglen);
    if (r == 0)
      close_watch(d, &d->errors);
    if (r <= 0)
      return;
    d->loglen += (size_t)r;
    d->log[d->loglen] = 0;
  }
}

/* The line that says why it died: the one with "fatal", else its last. */
static char const *last_words(struct driver *d)
{
  char *fatal, *newline;

  while (d->loglen && d->log[d->loglen - 1] == '\n') {
    d->loglen--;
    d->log[d->loglen] = 0;
  }
  fatal = strstr(d->log, ": fatal: ");
  if (fatal) {
    char *end = strchr(fatal, '\n');
    if (end)
      *end = 0;
  }
  newline = strrchr(d->log, '\n');
  return newline ? newline + 1 : d->log;
}

void driver_kill(struct driver *d, char const *why)
{
  if (!d->because[0]) {
    struct rk_text t = rk_text_in(d->because, sizeof d->because);
    rk_text_str(&t, why);
  }
  if (d->pid)
    kill(-d->pid, SIGKILL);
}

static void deadline_over(void *ctx)
{
  struct driver *d = ctx;

  char const *why = "it did not become ready within 10 seconds";

  if (d->reports.fd == -1)
    why = "it closed its report before it was ready";
  d->event(d->ctx, DRIVER_EV_UNFIT, why);
}

static void report_is_invalid(struct driver *d)
{
  char text[192];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "its report has an invalid line: ");
  rk_text_quote(&t, d->report.line, strlen(d->report.line));
  close_watch(d, &d->reports);
  d->event(d->ctx, DRIVER_EV_UNFIT, text);
}

static void report_ready(void *ctx, short revents)
{
  struct driver *d = ctx;
  char buf[512];
  ssize_t r = read(d->reports.fd, buf, sizeof buf);

  (void)revents;
  if (r == -1 && (errno == EAGAIN || errno == EINTR))
    return;
  if (r <= 0) {
    /* closed: there is nothing more to say, or the driver is about to be found dead */
    close_watch(d, &d->reports);
    if (d->deadline.at)
      rk_timer_start(d->loop, &d->deadline, CLOSED_MS);
    return;
  }
  switch (report_take(&d->report, buf, (size_t)r)) {
    case 1:
      rk_timer_stop(d->loop, &d->deadline);
      d->event(d->ctx, DRIVER_EV_REPORT, "");
      break;
    case -1: report_is_invalid(d); break;
  }
}

static void process_ended(void *ctx, short revents)
{
  struct driver *d = ctx;

  (void)revents;
  /* children it may have left in its process group, whose number is not free before the wait */
  kill(-d->pid, SIGKILL);
  if (d->reports.fd != -1)
    report_ready(d, 0); /* a one-shot driver reports and is gone */
  if (d->errors.fd != -1)
    errors_ready(d, 0);
  if (waitpid(d->pid, &d->status, WNOHANG) != d->pid)
    return;
  d->pid = 0;
  close_watch(d, &d->process);
  close_watch(d, &d->reports);
  close_watch(d, &d->errors);
  close_fd(&d->leave);
  rk_timer_stop(d->loop, &d->deadline);
  if (!d->report.resident && WIFEXITED(d->status) && WEXITSTATUS(d->status) == 0)
    d->event(d->ctx, DRIVER_EV_DONE, "");
  else
    d->event(d->ctx, DRIVER_EV_DIED, d->because);
}

/* The ends of the three pipes: ours, and the driver's. */
struct ends {
  int report[2], errors[2], leave[2];
};

static int open_ends(struct ends *e)
{
  if (open_pipe(e->report) == -1)
    return -1;
  if (open_pipe(e->errors) == -1)
    return -1;
  return open_pipe(e->leave);
}

static void close_ends(struct ends *e)
{
  for (int i = 0; i < 2; i++) {
    close_fd(&e->report[i]);
    close_fd(&e->errors[i]);
    close_fd(&e->leave[i]);
  }
}

/* A process, and its pidfd in d->process. 0, or -1 with errno. */
static int start_process(struct driver *d, struct ends const *ends)
{
  pid_t parent = getpid();
  int e;

  d->pid = fork();
  if (d->pid == 0) {
    int const fds[] = {ends->errors[1], d->netns, d->userns, ends->report[1], ends->leave[0]};

    driver_exec(d, fds, parent);
  }
  if (d->pid == -1) {
    d->pid = 0;
    return -1;
  }
  setpgid(d->pid, d->pid);
  d->process.fd = rk_pidfd_open(d->pid, 0);
  if (d->process.fd != -1)
    return 0;
  e = errno;
  kill(-d->pid, SIGKILL);
  waitpid(d->pid, NULL, 0);
  d->pid = 0;
  return rk_fail(e);
}

static int watch_nonblocking(struct driver *d, struct rk_watch *watch, int *fd)
{
  watch->fd = *fd;
  *fd = -1;
  fcntl(watch->fd, F_SETFL, O_NONBLOCK);
  return rk_loop_add(d->loop, watch);
}

int driver_start(struct driver *d)
{
  struct ends ends = {
    .report = {-1, -1},
    .errors = {-1, -1},
    .leave = {-1, -1},
  };
  int e;

  report_begin(&d->report);
  d->loglen = 0;
  d->log[0] = 0;
  d->because[0] = 0;
  if (open_ends(&ends) == -1 || start_process(d, &ends) == -1) {
    e = errno;
    close_ends(&ends);
    return rk_fail(e);
  }
  d->since = rk_clock_ms();
  d->leave = ends.leave[1];
  ends.leave[1] = -1;
  /* there is room for all of rk-outside's watches (RK_LOOP_FDS) */
  watch_nonblocking(d, &d->reports, &ends.report[0]);
  watch_nonblocking(d, &d->errors, &ends.errors[0]);
  rk_loop_add(d->loop, &d->process);
  rk_timer_start(d->loop, &d->deadline, START_MS);
  close_ends(&ends);
  return 0;
}

void driver_describe(struct driver *d, char *text, size_t size)
{
  struct rk_text t = rk_text_in(text, size);
  char const *words = last_words(d);
  int signaled = WIFSIGNALED(d->status);

  rk_text_str(&t, d->report.plan->driver);
  if (d->because[0]) {
    rk_text_add(&t, " was ended: ", d->because);
  } else if (signaled) {
    rk_text_str(&t, " was killed by signal ");
    rk_text_num(&t, WTERMSIG(d->status));
    /* it has nothing to say about what others did to it */
    if (WTERMSIG(d->status) == SIGKILL || WTERMSIG(d->status) == SIGTERM)
      return;
  } else {
    rk_text_str(&t, " exited with status ");
    rk_text_num(&t, WEXITSTATUS(d->status));
  }
  if (*words)
    rk_text_add(&t, " (", words, ")");
}

int driver_terminate(struct driver *d)
{
  if (!d->pid)
    return 0;
  close_fd(&d->leave);
  kill(-d->pid, d->report.cleanup ? SIGTERM : SIGKILL);
  return d->report.cleanup;
}

int driver_end(struct driver *d)
{
  if (!d->pid)
    return 0;
  poll(&(struct pollfd){.fd = d->process.fd, .events = POLLIN}, 1, END_MS);
  kill(-d->pid, SIGKILL);
  waitpid(d->pid, NULL, 0);
  d->pid = 0;
  return 1;
}
