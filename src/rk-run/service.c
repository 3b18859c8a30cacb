/* SPDX-License-Identifier: ISC */
#include "service.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/djbunix.h>

#include <compat/go.h>
#include <rk/clock.h>
#include <rk/sys.h>

/* One that has lived for STEADY_MS has done its work: its death is a first one again. */
enum { AGAIN_MIN_MS = 100, AGAIN_MAX_MS = 10000, STEADY_MS = 10000, END_MS = 2000 };

/* 0, or -1 with errno and it does not run. */
static int try_start(struct service *h)
{
  int e;

  h->since = rk_clock_ms();
  h->pid = run_spawn(h->was, &h->what);
  if (h->pid == -1) {
    h->pid = 0;
    return -1;
  }
  h->pidfd.fd = rk_pidfd_open(h->pid, 0);
  if (h->pidfd.fd != -1) {
    run_debug(h->r, "starts %s as process %ld: %s", h->name, (long)h->pid, run_words(h->what.argv));
    return 0;
  }
  e = errno;
  kill(h->pid, SIGKILL);
  service_wait(h);
  errno = e;
  return -1;
}

void service_start(struct service *h)
{
  if (try_start(h) == -1)
    run_die("failed to start the child: fork/exec %s: %s", h->what.argv[0], go_errno(errno));
}

static void start_again(void *ctx);

/* The first time at once: its ports are closed, and its clients refused, meanwhile. */
static void plan(struct service *h)
{
  if (rk_clock_ms() - h->since >= STEADY_MS) {
    h->deaths = 0;
    rk_backoff_reset(&h->backoff);
  }
  h->again.due = start_again;
  h->again.ctx = h;
  h->backoff.min = AGAIN_MIN_MS;
  h->backoff.max = AGAIN_MAX_MS;
  rk_timer_start(h->loop, &h->again, h->deaths ? rk_backoff_next(&h->backoff) : 0);
  h->deaths++;
}

static void on_death(void *ctx, short revents)
{
  struct service *h = ctx;

  (void)revents;
  rk_loop_remove(h->loop, &h->pidfd);
  run_warn("%s died (%s); it is started again", h->name, go_status(service_wait(h)));
  plan(h);
}

static void watch(struct service *h)
{
  h->pidfd.events = POLLIN;
  h->pidfd.ready = on_death;
  h->pidfd.ctx = h;
  rk_loop_add(h->loop, &h->pidfd);
}

static void start_again(void *ctx)
{
  struct service *h = ctx;

  if (try_start(h) == 0) {
    watch(h);
    return;
  }
  run_warn("failed to start %s: %s; it is tried again", h->name, go_errno(errno));
  plan(h);
}

void service_keep(struct service *h)
{
  if (!h->pid)
    service_start(h);
  watch(h);
}

int service_wait(struct service *h)
{
  int wstat = 0;

  waitpid_nointr(h->pid, &wstat, 0);
  if (h->pidfd.fd != -1)
    close(h->pidfd.fd);
  h->pidfd.fd = -1;
  h->pid = 0;
  return wstat;
}

void service_terminate(struct service const *h)
{
  if (h->pid)
    kill(h->pid, h->what.outlives ? SIGQUIT : SIGTERM);
}

void service_stop(struct service *h)
{
  struct pollfd p = {.fd = h->pidfd.fd, .events = POLLIN};

  if (!h->pid)
    return;
  service_terminate(h);
  if (poll(&p, 1, END_MS) == 0)
    kill(h->pid, SIGKILL);
  rk_loop_remove(h->loop, &h->pidfd);
  service_wait(h);
}
