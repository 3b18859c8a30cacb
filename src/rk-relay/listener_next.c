/* SPDX-License-Identifier: ISC
   listener.txt as code. */
#include "listener_next.h"

enum { SHUT_OUT = LISTENER_DO_UNWATCH | LISTENER_DO_STOP };

static struct listener_step open_next(enum listener_event event)
{
  switch (event) {
    case LISTENER_EV_SCARCE: return (struct listener_step){LISTENER_PAUSED, LISTENER_DO_MUTE};
    case LISTENER_EV_ABSENT: return (struct listener_step){LISTENER_REFUSING, SHUT_OUT};
    case LISTENER_EV_AWAIT: return (struct listener_step){LISTENER_WAITING, LISTENER_DO_UNWATCH};
    default: return (struct listener_step){LISTENER_OPEN, 0};
  }
}

static struct listener_step paused_next(enum listener_event event)
{
  switch (event) {
    case LISTENER_EV_ROOM: return (struct listener_step){LISTENER_OPEN, LISTENER_DO_UNMUTE};
    case LISTENER_EV_ABSENT: return (struct listener_step){LISTENER_REFUSING, SHUT_OUT};
    default: return (struct listener_step){LISTENER_PAUSED, 0};
  }
}

struct listener_step listener_next(enum listener_state state, enum listener_event event)
{
  if (event == LISTENER_EV_CLOSE && state != LISTENER_CLOSED)
    return (struct listener_step){LISTENER_CLOSED, LISTENER_DO_UNWATCH | LISTENER_DO_CLOSE};
  if (state == LISTENER_OPEN)
    return open_next(event);
  if (state == LISTENER_PAUSED)
    return paused_next(event);
  if (state == LISTENER_REFUSING && event == LISTENER_EV_RESUMED)
    return (struct listener_step){LISTENER_OPEN, LISTENER_DO_WATCH};
  if (state == LISTENER_WAITING && event == LISTENER_EV_PRESENT)
    return (struct listener_step){LISTENER_OPEN, LISTENER_DO_WATCH};
  return (struct listener_step){state, 0};
}
