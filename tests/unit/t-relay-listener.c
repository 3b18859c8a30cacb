/* SPDX-License-Identifier: ISC
   The life of a listener of rk-relay: listener_next is what src/rk-relay/listener.txt says, for
   every state and event; and what holds for all of them. */
#include "tap.h"

#include "../../src/rk-relay/listener_next.h"

static char const *const states[LISTENER_STATES] = {
  [LISTENER_OPEN] = "OPEN",       [LISTENER_PAUSED] = "PAUSED", [LISTENER_REFUSING] = "REFUSING",
  [LISTENER_WAITING] = "WAITING", [LISTENER_CLOSED] = "CLOSED",
};

static char const *const events[LISTENER_EVENTS] = {
  [LISTENER_EV_SCARCE] = "SCARCE",   [LISTENER_EV_ROOM] = "ROOM",
  [LISTENER_EV_ABSENT] = "ABSENT",   [LISTENER_EV_AWAIT] = "AWAIT",
  [LISTENER_EV_RESUMED] = "RESUMED", [LISTENER_EV_PRESENT] = "PRESENT",
  [LISTENER_EV_CLOSE] = "CLOSE",
};

/* In the order of their bits. */
static char const *const actions[] = {"mute", "unmute", "unwatch", "stop", "watch", "close"};
enum { ACTIONS = sizeof actions / sizeof *actions };

/* A line of the table; empty: what no row names. */
static void row(char *line, size_t room, int state, int event)
{
  struct listener_step step = listener_next((enum listener_state)state, (enum listener_event)event);
  int at;

  line[0] = 0;
  if ((int)step.next == state && !step.actions)
    return;
  at = snprintf(line, room, "%s %s %s", states[state], events[event], states[step.next]);
  for (int i = 0; i < ACTIONS; i++)
    if (step.actions & 1U << i)
      at += snprintf(line + at, room - (size_t)at, " %s", actions[i]);
}

/* Runs of blanks become one, so that the table may be set in columns. */
static void squeeze(char *line)
{
  char *to = line;

  for (char *from = line; *from && *from != '\n'; from++)
    if (*from != ' ' || from[1] != ' ')
      *to++ = *from;
  *to = 0;
}

/* The rows of the file that are no row of the function's, or come twice; *rows: how many there
   are. -1: no file. */
static int wrong_rows(int *rows)
{
  FILE *f = fopen("src/rk-relay/listener.txt", "re");
  char line[256];
  char want[256];
  int seen[LISTENER_STATES][LISTENER_EVENTS] = {{0}};
  int in_table = 0;
  int wrong = 0;

  if (!f)
    return -1;
  *rows = 0;
  while (fgets(line, sizeof line, f)) {
    int found = 0;

    squeeze(line);
    if (!strncmp(line, "-----", 5)) {
      in_table = 1;
      continue;
    }
    if (!in_table || !*line)
      continue;
    ++*rows;
    for (int s = 0; s < LISTENER_STATES; s++)
      for (int e = 0; e < LISTENER_EVENTS; e++) {
        row(want, sizeof want, s, e);
        if (!strcmp(line, want) && !seen[s][e]) {
          seen[s][e] = 1;
          found = 1;
        }
      }
    if (!found) {
      fprintf(stderr, "# listener.txt: not so: %s\n", line);
      wrong++;
    }
  }
  fclose(f);
  return wrong;
}

static int transitions(void)
{
  char line[256];
  int n = 0;

  for (int s = 0; s < LISTENER_STATES; s++)
    for (int e = 0; e < LISTENER_EVENTS; e++) {
      row(line, sizeof line, s, e);
      n += *line != 0;
    }
  return n;
}

static int watched(int state)
{
  return state == LISTENER_OPEN || state == LISTENER_PAUSED;
}

/* Of all that can happen: a listener is in the epoll in OPEN and PAUSED only, it is closed once,
   and the end is the end. */
static void test_rules(void)
{
  int watching = 1;
  int closing = 1;
  int stopping = 1;

  for (int s = 0; s < LISTENER_STATES; s++)
    for (int e = 0; e < LISTENER_EVENTS; e++) {
      struct listener_step step = listener_next((enum listener_state)s, (enum listener_event)e);

      if (watched(s) && !watched((int)step.next))
        watching &= (step.actions & LISTENER_DO_UNWATCH) != 0;
      if (!watched(s) && watched((int)step.next))
        watching &= (step.actions & LISTENER_DO_WATCH) != 0;
      closing &= ((step.actions & LISTENER_DO_CLOSE) != 0) ==
                 (step.next == LISTENER_CLOSED && s != LISTENER_CLOSED);
      if (s == LISTENER_CLOSED)
        closing &= step.next == LISTENER_CLOSED && !step.actions;
      stopping &= ((step.actions & LISTENER_DO_STOP) != 0) ==
                  (step.next == LISTENER_REFUSING && s != LISTENER_REFUSING);
    }
  ok(watching, "watched while it takes clients or is paused, and only then");
  ok(closing, "closed once, from every state");
  ok(stopping, "its socket is stopped where it begins to refuse, and nowhere else");
}

int main(void)
{
  int rows = 0;

  is_num(wrong_rows(&rows), 0, "every row of listener.txt is what listener_next does");
  is_num(rows, transitions(), "and listener_next does nothing else");
  test_rules();
  return tap_done();
}
