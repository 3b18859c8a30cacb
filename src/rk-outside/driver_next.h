/* SPDX-License-Identifier: ISC
   The life of a chain's network driver, from the request on: driver.txt as a function. It knows no
   process, no fd and no time. */
#ifndef OUTSIDE_DRIVER_NEXT_H
#define OUTSIDE_DRIVER_NEXT_H

enum driver_state {
  DRIVER_IDLE,
  DRIVER_STARTING,
  DRIVER_AWAITED,
  DRIVER_READY,
  DRIVER_FAILED,
  DRIVER_TOLD,
  DRIVER_TOLD_DOWN,
  DRIVER_TOLD_AGAIN,
  DRIVER_TOLD_UNTESTED,
  DRIVER_UP,
  DRIVER_DOWN,
  DRIVER_AGAIN,
  DRIVER_TESTING,
  DRIVER_UNSAFE,
  DRIVER_ENDED,
  DRIVER_STATES
};

enum driver_event {
  DRIVER_EV_ASK,
  DRIVER_EV_NONE,
  DRIVER_EV_AWAIT,
  DRIVER_EV_VERIFIED,
  DRIVER_EV_REPORT,
  DRIVER_EV_UNFIT,
  DRIVER_EV_UNABLE,
  DRIVER_EV_DONE,
  DRIVER_EV_DIED,
  DRIVER_EV_DUE,
  DRIVER_EV_CLOSED,
  DRIVER_EV_OPEN,
  DRIVER_EV_CUT,
  DRIVER_EVENTS
};

/* Bits, in the order in which they are done. */
enum driver_action {
  DRIVER_DO_NOTE = 1 << 0,
  DRIVER_DO_TELL = 1 << 1,
  DRIVER_DO_FACTS = 1 << 2,
  DRIVER_DO_UP = 1 << 3,
  DRIVER_DO_STOPTEST = 1 << 4,
  DRIVER_DO_RETRY = 1 << 5,
  DRIVER_DO_GIVEUP = 1 << 6,
  DRIVER_DO_START = 1 << 7,
  DRIVER_DO_KILL = 1 << 8,
  DRIVER_DO_TEST = 1 << 9
};

struct driver_step {
  enum driver_state next;
  unsigned int actions;
};

/* What an event means in a state. One that driver.txt does not have there changes nothing. */
struct driver_step driver_next(enum driver_state state, enum driver_event event);

/* Has the chain been told that the driver is ready, and has not had it verified yet? */
int driver_verifiable(enum driver_state state);

#endif
