/* SPDX-License-Identifier: ISC
   The life of a listener: listener.txt. */
#ifndef LISTENER_NEXT_H
#define LISTENER_NEXT_H

enum listener_state {
  LISTENER_OPEN,
  LISTENER_PAUSED,
  LISTENER_REFUSING,
  LISTENER_WAITING,
  LISTENER_CLOSED,
  LISTENER_STATES
};

enum listener_event {
  LISTENER_EV_SCARCE,
  LISTENER_EV_ROOM,
  LISTENER_EV_ABSENT,
  LISTENER_EV_AWAIT,
  LISTENER_EV_RESUMED,
  LISTENER_EV_PRESENT,
  LISTENER_EV_CLOSE,
  LISTENER_EVENTS
};

/* In the order in which they are done. */
enum listener_action {
  LISTENER_DO_MUTE = 1,
  LISTENER_DO_UNMUTE = 2,
  LISTENER_DO_UNWATCH = 4,
  LISTENER_DO_STOP = 8,
  LISTENER_DO_WATCH = 16,
  LISTENER_DO_CLOSE = 32
};

struct listener_step {
  enum listener_state next;
  unsigned int actions; /* enum listener_action */
};

/* What an event makes of a state. It has no other effect. */
struct listener_step listener_next(enum listener_state state, enum listener_event event);

#endif
