/* SPDX-License-Identifier: ISC
   The life of a port as a table: port.txt. */
#include "published.h"

enum { NEVER = PORT_NEVER };

int port_next(enum port_state state, enum port_event event)
{
  static signed char const next[PORT_STATES][PORT_EVENTS] = {
    [PORT_CLOSED] = {PORT_BAD, PORT_CLOSED, PORT_LISTENING, PORT_WAITING, NEVER, NEVER,
                     PORT_REFUSED},
    [PORT_BAD] = {PORT_BAD, PORT_CLOSED, NEVER, NEVER, NEVER, NEVER, NEVER},
    [PORT_REFUSED] = {PORT_BAD, PORT_CLOSED, NEVER, NEVER, NEVER, NEVER, PORT_REFUSED},
    [PORT_WAITING] = {PORT_BAD, PORT_CLOSED, NEVER, NEVER, PORT_LENT, PORT_WAITING, PORT_REFUSED},
    [PORT_LISTENING] = {PORT_BAD, PORT_CLOSED, NEVER, NEVER, PORT_SERVED, PORT_LISTENING,
                        PORT_REFUSED},
    [PORT_LENT] = {PORT_BAD, PORT_CLOSED, NEVER, NEVER, PORT_LENT, PORT_WAITING, PORT_REFUSED},
    [PORT_SERVED] = {PORT_BAD, PORT_CLOSED, NEVER, NEVER, PORT_SERVED, PORT_LISTENING,
                     PORT_REFUSED},
  };

  return next[state][event];
}

int port_attached(enum port_state state)
{
  return state == PORT_LENT || state == PORT_SERVED;
}

int port_open(enum port_state state)
{
  return state >= PORT_WAITING;
}
