/* SPDX-License-Identifier: ISC */
#include <rk/loop.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/fail.h>

enum {
  LONGEST = 3600000 /* ms that one poll waits at most; the step then ends early, which is allowed */
};

int rk_loop_add(struct rk_loop *loop, struct rk_watch *watch)
{
  for (unsigned int i = 0; i < loop->nwatch; i++)
    if (loop->watch[i] == watch)
      return rk_fail(EEXIST);
  if (loop->nwatch == RK_LOOP_FDS)
    return rk_fail(ENOSPC);
  loop->watch[loop->nwatch++] = watch;
  return 0;
}

void rk_loop_remove(struct rk_loop *loop, struct rk_watch *watch)
{
  for (unsigned int i = 0; i < loop->npolled; i++)
    if (loop->polled[i] == watch)
      loop->polled[i] = NULL;
  for (unsigned int i = 0; i < loop->nwatch; i++) {
    if (loop->watch[i] != watch)
      continue;
    loop->nwatch--;
    memmove(&loop->watch[i], &loop->watch[i + 1], (loop->nwatch - i) * sizeof loop->watch[0]);
    return;
  }
}

static void unlink_timer(struct rk_timer **list, struct rk_timer const *timer)
{
  while (*list && *list != timer)
    list = &(*list)->next;
  if (*list)
    *list = timer->next;
}

void rk_timer_stop(struct rk_loop *loop, struct rk_timer *timer)
{
  if (!timer->at)
    return;
  unlink_timer(&loop->timers, timer);
  unlink_timer(&loop->expired, timer);
  timer->at = 0;
  timer->next = NULL;
}

void rk_timer_start(struct rk_loop *loop, struct rk_timer *timer, int ms)
{
  struct rk_timer **place = &loop->timers;

  rk_timer_stop(loop, timer);
  timer->at = rk_clock_ms() + ms;
  if (timer->at < 1)
    timer->at = 1;
  while (*place && (*place)->at <= timer->at)
    place = &(*place)->next;
  timer->next = *place;
  *place = timer;
}

static int patience(struct rk_loop const *loop, int ms)
{
  int64_t left;

  if (!loop->timers)
    return ms;
  left = loop->timers->at - rk_clock_ms();
  if (left < 0)
    left = 0;
  if (left > LONGEST)
    left = LONGEST;
  return ms == -1 || left < ms ? (int)left : ms;
}

/* Move the timers that are due now to loop->expired. */
static void expire(struct rk_loop *loop)
{
  int64_t now;
  struct rk_timer **end = &loop->timers;

  if (!loop->timers)
    return;
  now = rk_clock_ms();
  while (*end && (*end)->at <= now)
    end = &(*end)->next;
  if (end == &loop->timers)
    return;
  loop->expired = loop->timers;
  loop->timers = *end;
  *end = NULL;
}

static int call_watches(struct rk_loop *loop, struct pollfd const *p)
{
  int called = 0;

  for (unsigned int i = 0; i < loop->npolled; i++) {
    struct rk_watch *watch = loop->polled[i];
    if (!watch || !p[i].revents)
      continue;
    watch->ready(watch->ctx, p[i].revents);
    called++;
  }
  return called;
}

static int call_timers(struct rk_loop *loop)
{
  int called = 0;

  while (loop->expired) {
    struct rk_timer *timer = loop->expired;
    loop->expired = timer->next;
    timer->at = 0;
    timer->next = NULL;
    timer->due(timer->ctx);
    called++;
  }
  return called;
}

/* EINVAL: the limit of open files has become lower than the number of fds (poll(2)). One by one
   they can be asked all the same; none was ready: a moment later. */
static void poll_each(struct pollfd *p, unsigned int n)
{
  struct timespec const pause = {.tv_nsec = 20000000};
  int ready = 0;

  for (unsigned int i = 0; i < n; i++) {
    p[i].revents = 0;
    if (poll(&p[i], 1, 0) == 1)
      ready = 1;
  }
  if (!ready)
    nanosleep(&pause, NULL);
}

/* ENOMEM: what waits has work to do afterwards as well. */
static void bear_with_poll(struct rk_loop *loop)
{
  struct timespec const pause = {.tv_nsec = 20000000};

  if (!loop->failing)
    strerr_warnwusys("wait for events, which is tried again");
  loop->failing = 1;
  nanosleep(&pause, NULL);
}

int rk_loop_step(struct rk_loop *loop, int ms)
{
  struct pollfd p[RK_LOOP_FDS];
  unsigned int n = loop->nwatch;
  int called;

  if (loop->stepping)
    return rk_fail(EDEADLK);
  for (unsigned int i = 0; i < n; i++)
    p[i] = (struct pollfd){.fd = loop->watch[i]->fd, .events = loop->watch[i]->events};
  if (poll(p, n, patience(loop, ms)) == -1) {
    if (errno == EINVAL) {
      poll_each(p, n);
    } else {
      if (errno != EINTR)
        bear_with_poll(loop);
      n = 0; /* p holds no answer */
    }
  }
  for (unsigned int i = 0; i < n; i++)
    if (p[i].revents & POLLNVAL)
      return rk_fail(EBADF);
  memcpy(loop->polled, loop->watch, n * sizeof loop->watch[0]);
  loop->npolled = n;
  loop->stepping = 1;
  expire(loop);
  called = call_watches(loop, p);
  loop->npolled = 0;
  called += call_timers(loop);
  loop->stepping = 0;
  return called;
}
