/* SPDX-License-Identifier: ISC
   The life of a network driver: driver_next is what src/rk-outside/driver.txt says, for every state
   and event; and whole lives, without a process. */
#include "tap.h"

#include <stdlib.h>

#include "../../src/rk-outside/driver_next.h"

static char const *const states[DRIVER_STATES] = {
  [DRIVER_IDLE] = "IDLE",
  [DRIVER_STARTING] = "STARTING",
  [DRIVER_AWAITED] = "AWAITED",
  [DRIVER_READY] = "READY",
  [DRIVER_FAILED] = "FAILED",
  [DRIVER_TOLD] = "TOLD",
  [DRIVER_TOLD_DOWN] = "TOLD_DOWN",
  [DRIVER_TOLD_AGAIN] = "TOLD_AGAIN",
  [DRIVER_TOLD_UNTESTED] = "TOLD_UNTESTED",
  [DRIVER_UP] = "UP",
  [DRIVER_DOWN] = "DOWN",
  [DRIVER_AGAIN] = "AGAIN",
  [DRIVER_TESTING] = "TESTING",
  [DRIVER_UNSAFE] = "UNSAFE",
  [DRIVER_ENDED] = "ENDED",
};

static char const *const events[DRIVER_EVENTS] = {
  [DRIVER_EV_ASK] = "ASK",           [DRIVER_EV_NONE] = "NONE",     [DRIVER_EV_AWAIT] = "AWAIT",
  [DRIVER_EV_VERIFIED] = "VERIFIED", [DRIVER_EV_REPORT] = "REPORT", [DRIVER_EV_UNFIT] = "UNFIT",
  [DRIVER_EV_UNABLE] = "UNABLE",     [DRIVER_EV_DONE] = "DONE",     [DRIVER_EV_DIED] = "DIED",
  [DRIVER_EV_DUE] = "DUE",           [DRIVER_EV_CLOSED] = "CLOSED", [DRIVER_EV_OPEN] = "OPEN",
  [DRIVER_EV_CUT] = "CUT",
};

/* In the order of their bits. */
static char const *const actions[] = {
  "note", "tell", "facts", "up", "stoptest", "retry", "giveup", "start", "kill", "test",
};
enum { ACTIONS = sizeof actions / sizeof *actions };

static int find(char const *const *names, int n, char const *name)
{
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name))
      return i;
  fprintf(stderr, "# driver.txt: unknown word %s\n", name);
  return -1;
}

/* What driver.txt says; next -1: nothing. */
static struct {
  int next;
  unsigned int actions;
} table[DRIVER_STATES][DRIVER_EVENTS];

/* One row of it. Returns whether it can be understood, and is the first of its kind. */
static int read_row(char *line)
{
  char *rest = NULL;
  char const *word[3 + ACTIONS];
  int n = 0, state, event, next;
  unsigned int does = 0;

  for (char *w = strtok_r(line, " \n", &rest); w && n < 3 + ACTIONS; n++) {
    word[n] = w;
    w = strtok_r(NULL, " \n", &rest);
  }
  if (n < 3)
    return n == 0;
  state = find(states, DRIVER_STATES, word[0]);
  event = find(events, DRIVER_EVENTS, word[1]);
  next = find(states, DRIVER_STATES, word[2]);
  if (state == -1 || event == -1 || next == -1 || table[state][event].next != -1)
    return 0;
  for (int i = 3; i < n; i++) {
    int bit = find(actions, ACTIONS, word[i]);
    if (bit == -1 || does >= 1U << bit) /* in their order */
      return 0;
    does |= 1U << bit;
  }
  table[state][event].next = next;
  table[state][event].actions = does;
  return 1;
}

static int read_table(void)
{
  FILE *f = fopen("src/rk-outside/driver.txt", "re");
  char line[256];
  int rows = 0, good = f != NULL;

  for (int s = 0; s < DRIVER_STATES; s++)
    for (int e = 0; e < DRIVER_EVENTS; e++)
      table[s][e].next = -1;
  while (f && fgets(line, sizeof line, f)) {
    if (!strncmp(line, "-----", 5))
      rows = 1;
    else if (rows && !read_row(line))
      good = 0;
  }
  if (f)
    fclose(f);
  return good && rows;
}

static int same_as_table(int state, int event)
{
  struct driver_step step = driver_next((enum driver_state)state, (enum driver_event)event);
  int next = table[state][event].next == -1 ? state : table[state][event].next;

  if ((int)step.next == next && step.actions == table[state][event].actions)
    return 1;
  fprintf(stderr, "# %s %s: %s, actions %#x\n", states[state], events[event], states[step.next],
          step.actions);
  return 0;
}

/* What happens on the way through some events: the states, then a letter per action. */
static char const *live(enum driver_event const *event, int n)
{
  static char text[512];
  enum driver_state state = DRIVER_IDLE;

  text[0] = 0;
  for (int i = 0; i < n; i++) {
    struct driver_step step = driver_next(state, event[i]);

    state = step.next;
    strcat(text, i ? " " : "");
    strcat(text, states[state]);
    for (int bit = 0; bit < ACTIONS; bit++)
      if (step.actions & 1U << bit)
        strcat(strcat(text, "+"), actions[bit]);
  }
  return text;
}
#define LIVE(...) \
  live((enum driver_event const[]){__VA_ARGS__}, \
       sizeof((enum driver_event const[]){__VA_ARGS__}) / sizeof(enum driver_event))

static void test_lives(void)
{
  is_str(LIVE(DRIVER_EV_ASK, DRIVER_EV_AWAIT, DRIVER_EV_REPORT, DRIVER_EV_VERIFIED),
         "STARTING+start AWAITED TOLD+tell+facts+up UP", "a start");
  is_str(LIVE(DRIVER_EV_ASK, DRIVER_EV_REPORT, DRIVER_EV_DIED, DRIVER_EV_AWAIT, DRIVER_EV_DUE),
         "STARTING+start READY+facts+up FAILED+note ENDED+tell ENDED",
         "dead before anybody asked: the first start has failed");
  is_str(LIVE(DRIVER_EV_ASK, DRIVER_EV_REPORT, DRIVER_EV_DONE, DRIVER_EV_AWAIT, DRIVER_EV_VERIFIED),
         "STARTING+start READY+facts+up READY TOLD+tell UP", "a driver that does not stay");
  is_str(LIVE(DRIVER_EV_ASK, DRIVER_EV_AWAIT, DRIVER_EV_REPORT, DRIVER_EV_DIED, DRIVER_EV_DUE,
              DRIVER_EV_REPORT, DRIVER_EV_VERIFIED, DRIVER_EV_CLOSED),
         "STARTING+start AWAITED TOLD+tell+facts+up TOLD_DOWN+retry TOLD_AGAIN+start "
         "TOLD_UNTESTED+facts TESTING+test UP+up",
         "dead before the first test was judged: tested again after that");
  is_str(LIVE(DRIVER_EV_ASK, DRIVER_EV_AWAIT, DRIVER_EV_REPORT, DRIVER_EV_VERIFIED, DRIVER_EV_DIED,
              DRIVER_EV_DUE, DRIVER_EV_UNFIT, DRIVER_EV_DIED, DRIVER_EV_DUE, DRIVER_EV_UNABLE),
         "STARTING+start AWAITED TOLD+tell+facts+up UP DOWN+retry AGAIN+start AGAIN+kill "
         "DOWN+retry AGAIN+start DOWN+retry",
         "a later start that fails is tried again");
  is_str(LIVE(DRIVER_EV_ASK, DRIVER_EV_AWAIT, DRIVER_EV_REPORT, DRIVER_EV_VERIFIED, DRIVER_EV_DIED,
              DRIVER_EV_DUE, DRIVER_EV_REPORT, DRIVER_EV_OPEN, DRIVER_EV_UNFIT, DRIVER_EV_DIED,
              DRIVER_EV_DUE),
         "STARTING+start AWAITED TOLD+tell+facts+up UP DOWN+retry AGAIN+start TESTING+facts+test "
         "UNSAFE+kill UNSAFE ENDED+giveup ENDED",
         "an open loopback ends it for good");
}

/* Of all that can happen, only a report that is complete makes it ready; and only a driver that was
   tested after its last start is up. */
static void test_rules(void)
{
  int told = 1, up = 1, started = 1, ended = 1;

  for (int s = 0; s < DRIVER_STATES; s++)
    for (int e = 0; e < DRIVER_EVENTS; e++) {
      struct driver_step step = driver_next((enum driver_state)s, (enum driver_event)e);

      if (driver_verifiable(step.next) && !driver_verifiable((enum driver_state)s))
        told &= s == DRIVER_READY || (s == DRIVER_AWAITED && e == DRIVER_EV_REPORT);
      if (step.next == DRIVER_UP && s != DRIVER_UP)
        up &= (s == DRIVER_TOLD && e == DRIVER_EV_VERIFIED) ||
              (s == DRIVER_TESTING && e == DRIVER_EV_CLOSED);
      if (step.actions & DRIVER_DO_START)
        started &= s == DRIVER_IDLE || s == DRIVER_DOWN || s == DRIVER_TOLD_DOWN;
      if (s == DRIVER_ENDED)
        ended &= step.next == DRIVER_ENDED && !step.actions;
    }
  ok(told, "only a driver that has reported can be verified");
  ok(up, "up only after a test");
  ok(started, "started only where there is none");
  ok(ended, "the end is the end");
}

int main(void)
{
  int good = 1;

  ok(read_table(), "driver.txt can be read: known words, no row twice");
  for (int s = 0; s < DRIVER_STATES; s++)
    for (int e = 0; e < DRIVER_EVENTS; e++)
      good &= same_as_table(s, e);
  ok(good, "driver_next is what driver.txt says");
  test_lives();
  test_rules();
  return tap_done();
}
