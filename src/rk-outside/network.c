/* SPDX-License-Identifier: ISC
   What follows from what happens to the driver: driver.txt, done. */
#include "network.h"

#include <errno.h>
#include <string.h>

#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/text.h>

#include "ctl.h"

enum {
  PAUSE_MS = 20, /* before it is started again: doubled each time */
  PAUSE_MAX_MS = 30000,
  STEADY_MS = 10000, /* a driver that lived that long starts afresh in that count */
  HOPELESS = 6       /* starts that failed in a row: "failed"; still tried, every PAUSE_MAX_MS */
};

/* The outcome of the first start, for the chain. Later, that is not true any more. */
static void tell_outcome(struct network *n)
{
  struct rk_reply_net reply = {
    .head = {.version = RK_OUTSIDE_VERSION},
    .status = n->status,
    .plan = n->plan,
  };

  memcpy(reply.log, n->driver.log, n->driver.loglen);
  if (n->error)
    ctl_error(&reply.head, n->error, n->text);
  else
    leaktest_fill(&n->leaktest, &reply);
  ctl_send(n->chain, &reply, sizeof reply);
}

static void note_failure(struct network *n, enum driver_event event)
{
  if (event == DRIVER_EV_UNABLE)
    return; /* network_unable has done so */
  n->error = ECHILD;
  n->text = n->driver.because;
  n->status = n->driver.because[0] ? -1 : n->driver.status;
}

static void write_facts(struct network *n)
{
  struct etc_file *resolv = &n->etc.file[ETC_RESOLV];

  facts_plan(&n->facts, &n->plan);
  if (etc_started(&n->etc) && etc_update(&n->etc, resolv) == -1)
    strerr_warnwusys("write resolv.conf");
}

/* Had it been ready, and for long? */
static int was_steady(struct network const *n, enum driver_state state)
{
  if (state == DRIVER_AGAIN || state == DRIVER_TOLD_AGAIN)
    return 0;
  return rk_clock_ms() - n->driver.since >= STEADY_MS;
}

static void retry(struct network *n, enum driver_state state, char const *why)
{
  int hopeless;

  if (was_steady(n, state)) {
    n->fails = 0;
    rk_backoff_reset(&n->backoff);
  }
  n->fails++;
  n->down = 1;
  hopeless = n->fails > HOPELESS;
  facts_status(&n->facts, hopeless ? "failed" : "restarting", why);
  strerr_warnw("network driver ", why,
               hopeless ? "; trying again every 30 seconds" : "; starting it again");
  rk_timer_start(&n->chain->loop, &n->restart, rk_backoff_next(&n->backoff));
}

static void up(struct network *n)
{
  facts_status(&n->facts, "up", NULL);
  if (n->down)
    strerr_warni("network driver: well again");
  n->down = 0;
}

static void give_up(struct network *n, char const *why)
{
  facts_status(&n->facts, "failed", why);
  strerr_warnw("network driver ", why, "; it is not started again");
}

static void start(struct network *n)
{
  if (driver_start(&n->driver) == -1)
    network_unable(n, "unable to start it");
}

static void kill_driver(struct network *n, char const *why)
{
  driver_kill(&n->driver, why);
  if (!n->driver.pid)
    network_event(n, DRIVER_EV_DIED, why);
}

static void test(struct network *n)
{
  int userns = n->plan.wall ? n->driver.userns : n->userns;
  int netns = n->plan.wall ? n->driver.netns : n->netns;

  if (n->plan.host_loopback)
    network_event(n, DRIVER_EV_CLOSED, "");
  else if (leaktest_repeat(&n->leaktest, &n->plan, userns, netns) == -1)
    network_event(n, DRIVER_EV_CUT, "unable to test that the host's loopback is closed");
}

void network_event(struct network *n, enum driver_event event, char const *why)
{
  enum driver_state from = n->state;
  struct driver_step step = driver_next(from, event);
  char text[224];

  n->state = step.next;
  if (step.actions & (DRIVER_DO_RETRY | DRIVER_DO_GIVEUP) && event != DRIVER_EV_UNABLE) {
    driver_describe(&n->driver, text, sizeof text);
    why = text;
  }
  if (step.actions & DRIVER_DO_NOTE)
    note_failure(n, event);
  if (step.actions & DRIVER_DO_TELL)
    tell_outcome(n);
  if (step.actions & DRIVER_DO_FACTS)
    write_facts(n);
  if (step.actions & DRIVER_DO_UP)
    up(n);
  if (step.actions & DRIVER_DO_STOPTEST)
    leaktest_stop(&n->leaktest);
  if (step.actions & DRIVER_DO_RETRY)
    retry(n, from, why);
  if (step.actions & DRIVER_DO_GIVEUP)
    give_up(n, why);
  /* What these do may be the next event at once, so each comes last. */
  if (step.actions & DRIVER_DO_START) {
    start(n);
  } else if (step.actions & DRIVER_DO_KILL) {
    kill_driver(n, why);
  } else if (step.actions & DRIVER_DO_TEST) {
    test(n);
  }
}

void network_unable(struct network *n, char const *what)
{
  struct rk_text t = rk_text_in(n->why, sizeof n->why);

  n->error = errno;
  rk_text_add(&t, what, ": ", strerror(n->error));
  n->text = n->why;
  network_event(n, DRIVER_EV_UNABLE, n->why);
}

static void driver_changed(void *ctx, enum driver_event event, char const *why)
{
  network_event(ctx, event, why);
}

static void restart_due(void *ctx)
{
  network_event(ctx, DRIVER_EV_DUE, "");
}

static void verified_due(void *ctx)
{
  struct network *n = ctx;

  network_event(n, DRIVER_EV_VERIFIED, "");
  if (etc_started(&n->etc))
    etc_watch_start(&n->etc_watch); /* the program starts meanwhile */
}

/* A driver that reads the host's resolver once holds a stale one. */
static void nameservers_changed(void *ctx)
{
  struct network *n = ctx;

  if (n->driver.pid && n->driver.report.resolver_fixed)
    network_event(n, DRIVER_EV_UNFIT, "the host's resolver changed");
}

static void leaktest_judged(void *ctx, char const *where, int cut)
{
  char text[128];
  struct rk_text t = rk_text_in(text, sizeof text);

  if (where) {
    rk_text_add(&t, "the host's loopback can be reached from inside: ", where);
    network_event(ctx, DRIVER_EV_OPEN, text);
  } else if (cut) {
    network_event(ctx, DRIVER_EV_CUT, "the test that the host's loopback is closed was cut short");
  } else {
    network_event(ctx, DRIVER_EV_CLOSED, "");
  }
}

void network_init(struct network *n, struct chain *chain)
{
  *n = (struct network){
    .chain = chain,
    .state = DRIVER_IDLE,
    .facts = {.state = -1, .dir = -1},
    .etc = {.plan = &n->plan, .report = &n->driver.report, .state = -1, .dir = -1},
    .etc_watch =
      {
        .etc = &n->etc,
        .loop = &chain->loop,
        .nameservers_changed = nameservers_changed,
        .ctx = n,
      },
    .netns = -1,
    .userns = -1,
    .status = -1,
    .backoff = {.min = PAUSE_MS, .max = PAUSE_MAX_MS},
    .restart = {.due = restart_due, .ctx = n},
    .verified = {.due = verified_due, .ctx = n},
  };
  driver_init(&n->driver, &chain->loop, &n->plan);
  n->driver.event = driver_changed;
  n->driver.ctx = n;
  leaktest_init(&n->leaktest, &chain->loop);
  n->leaktest.judged = leaktest_judged;
  n->leaktest.ctx = n;
}

int network_terminate(struct network *n)
{
  return driver_terminate(&n->driver);
}

int network_end(struct network *n)
{
  return driver_end(&n->driver);
}
