/* SPDX-License-Identifier: ISC
   rk_loop, with pipes: what is ready is called once, in order; removal and adding during callbacks;
   timers. */
#include "tap.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <rk/clock.h>
#include <rk/loop.h>

/* What was called since the last look, one letter each. */
static char calls[32];

static void note(char letter)
{
  size_t n = strlen(calls);

  if (n + 1 < sizeof calls)
    calls[n] = letter;
}

static char const *taken(void)
{
  static char was[sizeof calls];

  memcpy(was, calls, sizeof was);
  memset(calls, 0, sizeof calls);
  return was;
}

struct source {
  struct rk_watch watch;
  struct rk_timer timer;
  struct rk_loop *loop;
  char letter;
  int in, out; /* a pipe; watch.fd is in */
  short revents;
  struct source *remove; /* what the callback does: to others, */
  struct source *add;
  struct source *stop;
  int restart; /* and to its own timer */
  int step;    /* it steps the loop itself */
  int nested;  /* errno of that */
};

static void drain(struct source *s)
{
  char byte;

  if (read(s->in, &byte, 1) == -1)
    note('!');
}

static void ready(void *ctx, short revents)
{
  struct source *s = ctx;

  s->revents = revents;
  note(s->letter);
  if (revents & POLLIN)
    drain(s);
  if (s->remove)
    rk_loop_remove(s->loop, &s->remove->watch);
  if (s->add && rk_loop_add(s->loop, &s->add->watch) == -1)
    note('!');
  if (s->stop)
    rk_timer_stop(s->loop, &s->stop->timer);
  if (s->restart)
    rk_timer_start(s->loop, &s->timer, 0);
  if (s->step && rk_loop_step(s->loop, 0) == -1)
    s->nested = errno;
}

static void due(void *ctx)
{
  struct source *s = ctx;

  note((char)(s->letter - 'a' + 'A'));
  if (s->remove)
    rk_loop_remove(s->loop, &s->remove->watch);
  if (s->stop)
    rk_timer_stop(s->loop, &s->stop->timer);
  if (s->restart)
    rk_timer_start(s->loop, &s->timer, 0);
}

static void make(struct source *s, struct rk_loop *loop, char letter)
{
  int p[2];

  memset(s, 0, sizeof *s);
  if (pipe(p) == -1)
    _exit(111);
  s->in = p[0];
  s->out = p[1];
  s->letter = letter;
  s->loop = loop;
  s->watch = (struct rk_watch){.fd = p[0], .events = POLLIN, .ready = ready, .ctx = s};
  s->timer = (struct rk_timer){.due = due, .ctx = s};
}

static void poke(struct source const *s)
{
  if (write(s->out, "x", 1) != 1)
    _exit(111);
}

static void unmake(struct source *s)
{
  rk_loop_remove(s->loop, &s->watch);
  rk_timer_stop(s->loop, &s->timer);
  close(s->in);
  if (s->out != -1)
    close(s->out);
}

static void watches(void)
{
  struct rk_loop loop = {0};
  struct source a, b, c;

  make(&a, &loop, 'a');
  make(&b, &loop, 'b');
  make(&c, &loop, 'c');
  is_num(rk_loop_step(&loop, 0), 0, "an empty loop has nothing to do");
  is_num(rk_loop_add(&loop, &b.watch), 0, "a watch is added");
  is_num(rk_loop_add(&loop, &a.watch), 0, "a second");
  ok(rk_loop_add(&loop, &b.watch) == -1 && errno == EEXIST,
     "the same watch a second time is EEXIST");
  is_num(rk_loop_step(&loop, 0), 0, "nothing is ready");
  poke(&a);
  poke(&b);
  poke(&c);
  is_num(rk_loop_step(&loop, -1), 2, "two are ready");
  is_str(taken(), "ba", "called in the order of adding, and what is not added is not called");
  is_num(rk_loop_step(&loop, 0), 0, "each once");

  poke(&b);
  b.watch.events = 0;
  is_num(rk_loop_step(&loop, 0), 0, "events may change");
  b.watch.events = POLLIN;
  is_num(rk_loop_step(&loop, 0), 1, "and change back");
  taken();
  poke(&b);
  b.watch.fd = -1;
  is_num(rk_loop_step(&loop, 0), 0, "an fd of -1 waits for nothing");
  b.watch.fd = b.in;
  rk_loop_remove(&loop, &b.watch);
  is_num(rk_loop_step(&loop, 0), 0, "a removed watch is not called");
  rk_loop_remove(&loop, &b.watch);
  is_num(loop.nwatch, 1, "to remove one that is not there does nothing");
  close(a.out);
  a.out = -1;
  is_num(rk_loop_step(&loop, -1), 1, "an end of file is ready");
  ok(a.revents & POLLHUP, "as POLLHUP");
  unmake(&a);
  unmake(&b);
  unmake(&c);
}

static void during(void)
{
  struct rk_loop loop = {0};
  struct source a, b, c;

  make(&a, &loop, 'a');
  make(&b, &loop, 'b');
  make(&c, &loop, 'c');
  rk_loop_add(&loop, &a.watch);
  rk_loop_add(&loop, &b.watch);
  rk_loop_add(&loop, &c.watch);
  taken();

  a.remove = &b;
  poke(&a);
  poke(&b);
  poke(&c);
  is_num(rk_loop_step(&loop, -1), 2, "one that another removes in the same step is not called");
  is_str(taken(), "ac", "and none is skipped in its place");
  a.remove = NULL;

  a.add = &b;
  poke(&a);
  is_num(rk_loop_step(&loop, -1), 1, "one that is added in a step, and ready, is not called in it");
  a.add = NULL;
  is_num(rk_loop_step(&loop, -1), 1, "but in the next");
  is_str(taken(), "ab", "and it is that one");

  a.remove = a.add = &c;
  poke(&a);
  poke(&c);
  is_num(rk_loop_step(&loop, -1), 1, "removed and added again is like added");
  a.remove = a.add = NULL;
  is_num(rk_loop_step(&loop, -1), 1, "the event is not lost");
  is_str(taken(), "ac", "removed and added: both were called, one a step");

  a.remove = &a;
  poke(&a);
  poke(&b);
  is_num(rk_loop_step(&loop, -1), 2, "a watch may remove itself");
  is_str(taken(), "ab", "and the next one is still called");
  poke(&a);
  is_num(rk_loop_step(&loop, 0), 0, "gone it is");

  b.step = 1;
  poke(&b);
  is_num(rk_loop_step(&loop, -1), 1, "a callback that steps the loop");
  is_num(b.nested, EDEADLK, "is told EDEADLK");
  taken();
  unmake(&a);
  unmake(&b);
  unmake(&c);
}

static void many(void)
{
  static struct rk_watch watch[RK_LOOP_FDS + 1];
  struct rk_loop loop = {0};
  struct source a;
  int bad = 0;

  make(&a, &loop, 'a');
  for (unsigned int i = 0; i <= RK_LOOP_FDS; i++)
    watch[i] = a.watch;
  for (unsigned int i = 0; i < RK_LOOP_FDS; i++)
    bad |= rk_loop_add(&loop, &watch[i]);
  is_num(bad, 0, "as many watches as RK_LOOP_FDS");
  ok(rk_loop_add(&loop, &watch[RK_LOOP_FDS]) == -1 && errno == ENOSPC, "one more is ENOSPC");
  watch[3].fd = 1023;
  ok(rk_loop_step(&loop, 0) == -1 && errno == EBADF, "an fd that is not open is EBADF");
  is_str(taken(), "", "and nothing was called");
  for (unsigned int i = 0; i < RK_LOOP_FDS; i++)
    rk_loop_remove(&loop, &watch[i]);
  is_num(loop.nwatch, 0, "all can be removed");
  unmake(&a);
}

static void timers(void)
{
  struct rk_loop loop = {0};
  struct source a, b, c;
  int64_t begin;

  make(&a, &loop, 'a');
  make(&b, &loop, 'b');
  make(&c, &loop, 'c');
  rk_timer_start(&loop, &b.timer, 0);
  rk_timer_start(&loop, &a.timer, 0);
  is_num(rk_loop_step(&loop, -1), 2, "two timers that are due at once");
  is_str(taken(), "BA", "those started first come first");
  is_num(rk_loop_step(&loop, 0), 0, "each once");

  begin = rk_clock_ms();
  rk_timer_start(&loop, &a.timer, 20);
  rk_timer_start(&loop, &b.timer, 10);
  rk_timer_start(&loop, &c.timer, 100000);
  while (strlen(calls) < 2)
    rk_loop_step(&loop, -1);
  is_str(taken(), "BA", "the earlier first, the late one not");
  ok(rk_clock_ms() - begin >= 20, "and not before its time");
  rk_timer_start(&loop, &c.timer, 0);
  is_num(rk_loop_step(&loop, -1), 1, "one that runs is set to the new time");
  ok(!c.timer.at && !loop.timers, "and then does not run");
  taken();
  rk_timer_start(&loop, &c.timer, 0);
  rk_timer_stop(&loop, &c.timer);
  is_num(rk_loop_step(&loop, 0), 0, "one that is stopped is not called");
  rk_timer_stop(&loop, &c.timer);
  ok(!loop.timers, "to stop one that does not run does nothing");

  a.restart = 1;
  rk_timer_start(&loop, &a.timer, 0);
  is_num(rk_loop_step(&loop, -1), 1,
         "a timer that starts itself again at once is called once a step");
  is_num(rk_loop_step(&loop, -1), 1, "and once in the next");
  rk_timer_stop(&loop, &a.timer);
  a.restart = 0;
  taken();

  rk_loop_add(&loop, &c.watch);
  rk_timer_start(&loop, &a.timer, 0);
  rk_timer_start(&loop, &b.timer, 0);
  a.stop = &b;
  poke(&c);
  is_num(rk_loop_step(&loop, -1), 2, "watches and timers in one step");
  is_str(taken(), "cA", "watches first; a timer that another stops in the same step is not called");
  c.stop = &a;
  rk_timer_start(&loop, &a.timer, 0);
  poke(&c);
  is_num(rk_loop_step(&loop, -1), 1, "nor one that a watch stops");
  taken();
  unmake(&a);
  unmake(&b);
  unmake(&c);
}

static void handler(int sig)
{
  (void)sig;
}

/* SIGALRM may come before poll: then the second one, of the interval, ends it. */
static void interrupted(void)
{
  struct rk_loop loop = {0};
  struct sigaction sa = {.sa_handler = handler};

  sigaction(SIGALRM, &sa, NULL);
  ualarm(10000, 10000);
  is_num(rk_loop_step(&loop, 600000), 0, "a signal handler ends a step: 0");
  ualarm(0, 0);
}

int main(void)
{
  watches();
  during();
  many();
  timers();
  interrupted();
  return tap_done();
}
