/* SPDX-License-Identifier: ISC
   rk_portstatus: what rk-portd writes, and what it does not. */
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <rk/portstatus.h>
#include <rk/state.h>

static void state(char const *text, enum rk_portstate want, char const *what)
{
  is_num(rk_portstatus_state(text), want, what);
}

int main(void)
{
  static char const text[] = "state=listening\nid=7\nidle=\nreason=a=b\nerror=first\nerror=second";
  char dir[] = "/tmp/t-portstatus.XXXXXX", buf[64], small[4];
  int fd;

  is_num(rk_portstatus_value(text, "id", buf, sizeof buf), 1, "a value's length");
  is_str(buf, "7", "and it");
  is_num(rk_portstatus_value(text, "idle", buf, sizeof buf), 0,
         "an empty value is one; its key is not another's beginning");
  is_num(rk_portstatus_value(text, "reason", buf, sizeof buf), 3, "a value may hold the sign");
  is_str(buf, "a=b", "all of it");
  rk_portstatus_value(text, "error", buf, sizeof buf);
  is_str(buf, "first", "the first line counts");
  ok(rk_portstatus_value(text, "ide", buf, sizeof buf) == -1 && errno == ENOENT,
     "a key that is not there");
  ok(rk_portstatus_value("", "id", buf, sizeof buf) == -1 && errno == ENOENT,
     "nor in an empty text");
  is_num(rk_portstatus_value(text, "state", small, sizeof small), 3, "a long value is cut");
  is_str(small, "lis", "and terminated");

  state(text, RK_PORTSTATE_LISTENING, "a port that listens");
  state("id=1\nstate=waiting\n", RK_PORTSTATE_WAITING, "one that waits");
  state("state=error", RK_PORTSTATE_ERROR, "one that failed");
  state("state=listening2\n", RK_PORTSTATE_NONE, "a longer word is another");
  state("state=", RK_PORTSTATE_NONE, "an empty word is none");
  state("xstate=error", RK_PORTSTATE_NONE, "a longer key is another");
  state("", RK_PORTSTATE_NONE, "an empty text has no state");

  ok(rk_portstatus_read(-1, "p", buf, sizeof buf) == -1 && errno == ENOENT,
     "no directory, no status");
  if (!mkdtemp(dir))
    return 111;
  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ok(rk_portstatus_read(fd, "p", buf, sizeof buf) == -1 && errno == ENOENT, "no file, no status");
  rk_fact_write(fd, "p", "state=error\n", 12, 0600);
  is_num(rk_portstatus_read(fd, "p", buf, sizeof buf), 11, "a file is read");
  state(buf, RK_PORTSTATE_ERROR, "and holds what was written");
  unlinkat(fd, "p", 0);
  rmdir(dir);
  return tap_done();
}
