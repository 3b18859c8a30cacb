/* SPDX-License-Identifier: ISC
   rk-outside's request "idmap": newuidmap and newgidmap side by side (each takes most of a millisecond), or the maps themselves. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/posixplz.h>
#include <skalibs/types.h>

#include <rk/sys.h>
#include "outside.h"

/* argv of one helper: NAME PID then three numbers a line. */
struct words {
  char const *argv[2 + 3 * RK_MAP_MAX + 1];
  char text[UINT_FMT * (1 + 3 * RK_MAP_MAX)];
};

static void spell(struct words *w, char const *name, struct rk_idrange const *range, uint32_t n)
{
  size_t a = 0, t = 0;

  w->argv[a++] = name;
  w->argv[a++] = w->text;
  t += uint_fmt(w->text, (unsigned int)outside.pid);
  w->text[t++] = 0;
  for (uint32_t i = 0; i < n; i++) {
    uint32_t const v[3] = {range[i].inside, range[i].outside, range[i].count};
    for (int k = 0; k < 3; k++) {
      w->argv[a++] = w->text + t;
      t += uint32_fmt(w->text + t, v[k]);
      w->text[t++] = 0;
    }
  }
  w->argv[a] = 0;
}

static pid_t start(struct words *w)
{
  pid_t pid;
  int e = posix_spawnp(&pid, w->argv[0], 0, 0, (char **)(uintptr_t)w->argv, environ);
  if (e) return errno = e, -1;
  return pid;
}

void outside_idmap(struct rk_ask_idmap const *ask, int fd)
{
  static struct words uid, gid;
  struct rk_say_idmap say = {.head.version = RK_OUTSIDE_VERSION, .uidstatus = -1, .gidstatus = -1};
  pid_t u, g;

  (void)fd;
  if (ask->rung != RK_RUNG_SUBIDS || ask->nuid > RK_MAP_MAX || ask->ngid > RK_MAP_MAX) {
    outside_refuse(&say.head, sizeof say, EINVAL, "unknown way to map ids");
    return;
  }
  spell(&uid, "newuidmap", ask->uid, ask->nuid);
  spell(&gid, "newgidmap", ask->gid, ask->ngid);
  u = start(&uid);
  if (u < 0) say.head.error = errno;
  g = start(&gid);
  if (g < 0) say.head.error = errno;
  if (u >= 0) waitpid(u, &say.uidstatus, 0);
  if (g >= 0) waitpid(g, &say.gidstatus, 0);
  if (!say.head.error && (say.uidstatus || say.gidstatus)) say.head.error = EPERM;
  outside_say(&say, sizeof say);
}
