/* SPDX-License-Identifier: ISC
   The life of a published port: what port_next() says is what src/rk-portd/port.txt says. */
#include "tap.h"

#include <stdlib.h>

#include "../../src/rk-portd/published.h"

static char const *const states[PORT_STATES] = {
  [PORT_CLOSED] = "closed",   [PORT_BAD] = "bad",   [PORT_REFUSED] = "refused",
  [PORT_WAITING] = "waiting", [PORT_LENT] = "lent", [PORT_LISTENING] = "listening",
  [PORT_SERVED] = "served",
};
static char const *const events[PORT_EVENTS] = {
  [PORT_FILE_BAD] = "file-bad", [PORT_CLOSE] = "close",       [PORT_BOUND] = "bound",
  [PORT_ACCEPTED] = "accepted", [PORT_ATTACHED] = "attached", [PORT_DETACHED] = "detached",
  [PORT_REFUSE] = "refuse",
};

static int named(char const *const *names, int n, char const *name)
{
  for (int i = 0; i < n; i++)
    if (!strcmp(names[i], name))
      return i;
  return -1;
}

/* A line of the table: compared with the function, column by column. */
static void row(enum port_state state, char *rest, int const *columns, int n)
{
  char name[80], *save = NULL;
  char const *cell = strtok_r(rest, " \n", &save);

  for (int i = 0; i < n; i++) {
    int next = port_next(state, (enum port_event)columns[i]);
    snprintf(name, sizeof name, "%s, %s: %s", states[state], events[columns[i]],
             cell ? cell : "(nothing)");
    is_str(next == PORT_NEVER ? "-" : states[next], cell ? cell : "(nothing)", name);
    cell = strtok_r(NULL, " \n", &save);
  }
}

int main(void)
{
  char const *top = getenv("RK_TEST_TOP");
  char path[4096], line[256], *save;
  int columns[PORT_EVENTS], n = 0, rows = 0;
  FILE *f;

  snprintf(path, sizeof path, "%s/src/rk-portd/port.txt", top ? top : ".");
  f = fopen(path, "r");
  ok(f, "port.txt is there");
  if (!f)
    return tap_done();
  /* the table: a line of titles, a line for each state, up to the empty line after them */
  while (fgets(line, sizeof line, f)) {
    char const *first = strtok_r(line, " \n", &save);
    int state;
    if (!first && rows)
      break;
    if (first && !strcmp(first, "state") && !n) {
      for (char const *e = strtok_r(NULL, " \n", &save); e && n < PORT_EVENTS; n++) {
        columns[n] = named(events, PORT_EVENTS, e);
        ok(columns[n] != -1, e);
        e = strtok_r(NULL, " \n", &save);
      }
      continue;
    }
    state = first && n ? named(states, PORT_STATES, first) : -1;
    if (state == -1)
      continue;
    rows++;
    row((enum port_state)state, save, columns, n);
  }
  fclose(f);
  is_num(n, PORT_EVENTS, "every event has a column");
  is_num(rows, PORT_STATES, "every state has a line");
  for (int s = 0; s < PORT_STATES; s++) {
    if (port_attached((enum port_state)s))
      ok(port_open((enum port_state)s), "what leads to the chain is open");
    else
      is_num(port_next((enum port_state)s, PORT_ATTACHED) != PORT_NEVER,
             port_open((enum port_state)s), "only what is open can lead to the chain");
  }
  return tap_done();
}
