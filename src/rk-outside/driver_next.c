/* SPDX-License-Identifier: ISC
   driver.txt as code: one row a transition, in the same order. */
#include "driver_next.h"

#include <stddef.h>

struct row {
  unsigned char state, event, next;
  unsigned short actions;
};

/* clang-format off */
#define ROW(from, event, to, does) {DRIVER_##from, DRIVER_EV_##event, DRIVER_##to, (does)}
enum {
  NOTHING = 0,
  NOTE = DRIVER_DO_NOTE,
  TELL = DRIVER_DO_TELL,
  FACTS = DRIVER_DO_FACTS,
  UP = DRIVER_DO_UP,
  STOPTEST = DRIVER_DO_STOPTEST,
  RETRY = DRIVER_DO_RETRY,
  GIVEUP = DRIVER_DO_GIVEUP,
  START = DRIVER_DO_START,
  KILL = DRIVER_DO_KILL,
  TEST = DRIVER_DO_TEST
};

static struct row const rows[] = {
  ROW(IDLE, ASK, STARTING, START),
  ROW(IDLE, NONE, READY, FACTS | UP),
  ROW(IDLE, UNABLE, FAILED, NOTE),
  ROW(STARTING, AWAIT, AWAITED, NOTHING),
  ROW(STARTING, REPORT, READY, FACTS | UP),
  ROW(STARTING, UNFIT, STARTING, KILL),
  ROW(STARTING, UNABLE, FAILED, NOTE),
  ROW(STARTING, DONE, FAILED, NOTE),
  ROW(STARTING, DIED, FAILED, NOTE),
  ROW(AWAITED, REPORT, TOLD, TELL | FACTS | UP),
  ROW(AWAITED, UNFIT, AWAITED, KILL),
  ROW(AWAITED, UNABLE, ENDED, NOTE | TELL),
  ROW(AWAITED, DONE, ENDED, NOTE | TELL),
  ROW(AWAITED, DIED, ENDED, NOTE | TELL),
  ROW(READY, AWAIT, TOLD, TELL),
  ROW(READY, REPORT, READY, FACTS | UP),
  ROW(READY, UNFIT, READY, KILL),
  ROW(READY, DIED, FAILED, NOTE),
  ROW(FAILED, AWAIT, ENDED, TELL),
  ROW(TOLD, REPORT, TOLD, FACTS | UP),
  ROW(TOLD, UNFIT, TOLD, KILL),
  ROW(TOLD, DIED, TOLD_DOWN, RETRY),
  ROW(TOLD, VERIFIED, UP, NOTHING),
  ROW(TOLD_DOWN, DUE, TOLD_AGAIN, START),
  ROW(TOLD_DOWN, VERIFIED, DOWN, NOTHING),
  ROW(TOLD_AGAIN, REPORT, TOLD_UNTESTED, FACTS),
  ROW(TOLD_AGAIN, UNFIT, TOLD_AGAIN, KILL),
  ROW(TOLD_AGAIN, UNABLE, TOLD_DOWN, RETRY),
  ROW(TOLD_AGAIN, DONE, TOLD_DOWN, RETRY),
  ROW(TOLD_AGAIN, DIED, TOLD_DOWN, RETRY),
  ROW(TOLD_AGAIN, VERIFIED, AGAIN, NOTHING),
  ROW(TOLD_UNTESTED, REPORT, TOLD_UNTESTED, FACTS),
  ROW(TOLD_UNTESTED, UNFIT, TOLD_UNTESTED, KILL),
  ROW(TOLD_UNTESTED, DIED, TOLD_DOWN, RETRY),
  ROW(TOLD_UNTESTED, VERIFIED, TESTING, TEST),
  ROW(UP, REPORT, UP, FACTS | UP),
  ROW(UP, UNFIT, UP, KILL),
  ROW(UP, DIED, DOWN, RETRY),
  ROW(DOWN, DUE, AGAIN, START),
  ROW(AGAIN, REPORT, TESTING, FACTS | TEST),
  ROW(AGAIN, UNFIT, AGAIN, KILL),
  ROW(AGAIN, UNABLE, DOWN, RETRY),
  ROW(AGAIN, DONE, DOWN, RETRY),
  ROW(AGAIN, DIED, DOWN, RETRY),
  ROW(TESTING, REPORT, TESTING, FACTS),
  ROW(TESTING, UNFIT, TESTING, KILL),
  ROW(TESTING, DIED, DOWN, STOPTEST | RETRY),
  ROW(TESTING, CLOSED, UP, UP),
  ROW(TESTING, OPEN, UNSAFE, KILL),
  ROW(TESTING, CUT, TESTING, KILL),
  ROW(UNSAFE, DONE, ENDED, GIVEUP),
  ROW(UNSAFE, DIED, ENDED, GIVEUP),
};
/* clang-format on */

struct driver_step driver_next(enum driver_state state, enum driver_event event)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct row const *row = &rows[i];

    if (row->state == state && row->event == event)
      return (struct driver_step){.next = row->next, .actions = row->actions};
  }
  return (struct driver_step){.next = state};
}

int driver_verifiable(enum driver_state state)
{
  return state >= DRIVER_TOLD && state <= DRIVER_TOLD_UNTESTED;
}
