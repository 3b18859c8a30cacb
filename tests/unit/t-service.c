/* SPDX-License-Identifier: ISC
   rk-run's services: started again at once, and later and later if they die again and again. */
#include "tap.h"

#include <signal.h>
#include <unistd.h>

#include <rk/clock.h>

#include "../../src/rk-run/service.h"

enum { LIVED = 10000 /* ms: then a death is a first one */ };

static struct rk_loop loop;
static struct run const r;
static struct spawn_was was;

static struct service service(char const *const *argv)
{
  return (struct service){.name = "t-service's",
                          .what = {.argv = argv, .fd = -1, .dir = -1},
                          .r = &r,
                          .loop = &loop,
                          .was = &was,
                          .pidfd = {.fd = -1}};
}

/* Until it has died once more. */
static void die(struct service *h, int64_t since)
{
  int deaths = h->deaths;

  h->since = since;
  kill(h->pid, SIGKILL);
  while (h->pid && rk_loop_step(&loop, -1) != -1) { /* its death, or what was due before */
  }
  ok(h->deaths >= 1 && h->deaths != deaths, "it has died");
}

static void restarted(struct service *h)
{
  while (!h->pid && rk_loop_step(&loop, -1) != -1) { /* the timer */
  }
}

int main(void)
{
  char const *const argv[] = {"/bin/sleep", "1000", NULL};
  struct service h = service(argv);
  int64_t const never = INT64_MAX / 2; /* since then it cannot have lived long */

  was.sigpipe = SIG_DFL;
  service_keep(&h);
  ok(h.pid > 0, "it runs");
  die(&h, never);
  is_num(h.backoff.next, 0, "the first death: it is started again without a wait");
  restarted(&h);
  die(&h, never);
  is_num(h.backoff.next, 200, "the second: after 100 ms");
  restarted(&h);
  die(&h, never);
  is_num(h.backoff.next, 400, "the third: after 200 ms");
  restarted(&h);
  h.deaths = 99;
  die(&h, rk_clock_ms() - LIVED);
  is_num(h.deaths, 1, "one that has lived for long: a first death again");
  is_num(h.backoff.next, 0, "and no wait");
  restarted(&h);
  service_stop(&h);
  is_num(h.pid, 0, "stopped");
  is_num(loop.nwatch, 0, "and forgotten");
  return tap_done();
}
