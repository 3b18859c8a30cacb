/* SPDX-License-Identifier: ISC
   The reader of mountinfo: where something is mounted. */
#include <rk/mountinfo.h>

#include <unistd.h>

#include "tap.h"

static struct line {
  char const *text, *at, *why;
} const lines[] = {
  {"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", "/mnt2",
   "a line of the manual"},
  {"36 35 98:0 / /a\\040b\\134c rw - ext3 x rw", "/a b\\c", "escapes"},
  {"36 35 98:0 / /a\\04", "/a\\04", "a cut escape is no escape"},
  {"36 35 98:0 / /a\\477", "/a\\477", "nor is one that is no byte"},
  {"36 35 98:0 /", 0, "too few fields"},
  {"", 0, "empty"},
};

int main(void)
{
  static struct rk_mountinfo m;
  static char many[3 * sizeof m.buf];
  int p[2], n = 0;

  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    char text[128];
    char *at;
    memcpy(text, lines[i].text, strlen(lines[i].text) + 1);
    at = rk_mountinfo_field(text, 5);
    if (at)
      rk_mountinfo_unescape(at);
    ok(lines[i].at ? at && !strcmp(at, lines[i].at) : !at, lines[i].why);
  }
  memset(many, 'x', sizeof many);
  for (size_t i = 99; i < sizeof many; i += 100)
    many[i] = '\n';
  if (pipe(p) < 0 || write(p[1], many, sizeof many) != (ssize_t)sizeof many)
    return 99;
  close(p[1]);
  m.fd = p[0];
  while (rk_mountinfo_next(&m) > 0)
    n += strlen(m.line) == 99;
  is_num(n, sizeof many / 100, "lines across pieces; one without an end is none");

  memset(many, 'x', sizeof many);
  memcpy(many, "36 35 98:0 / /a rw - t ", 23);
  m.len = m.pos = 0;
  if (pipe(p) < 0)
    return 99;
  if (!fork()) { /* more than a pipe holds */
    for (int i = 0; i < 8; i++) {
      if (write(p[1], many, sizeof many) != (ssize_t)sizeof many)
        _exit(1);
    }
    _exit(write(p[1], "\n1 2 3:4 / /b\n", 15) != 15);
  }
  close(p[1]);
  m.fd = p[0];
  ok(rk_mountinfo_next(&m) == 1 && !strncmp(m.line, many, 30) &&
       strlen(m.line) == sizeof m.line - 1,
     "a line too long is cut at its end");
  ok(rk_mountinfo_next(&m) == 1 && !strcmp(m.line, "1 2 3:4 / /b"), "and the next line is whole");
  ok(rk_mountinfo_next(&m) == 0, "then the end");
  return tap_done();
}
