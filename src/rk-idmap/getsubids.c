/* SPDX-License-Identifier: ISC */
#include "idmap.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/wait.h>

#include <skalibs/types.h>

#include <rk/spawn.h>
#include <rk/subid.h>

struct answer {
  size_t len;
  char text[32768]; /* 339 ranges need less */
};

static void take(void *data, char const *text, size_t len)
{
  struct answer *a = data;
  size_t room = sizeof a->text - a->len;

  if (len > room)
    len = room;
  memcpy(a->text + a->len, text, len);
  a->len += len;
}

/* The end of a helper must not show in the program to come. With SIGCHLD ignored there would be no
   status to wait for; blocked, it would stay pending. (A child without an exit signal, clone(2),
   gets one by its exec.) */
static void expect_children(struct sigaction *old, int *pending)
{
  struct sigaction def = {.sa_handler = SIG_DFL};
  sigset_t set;

  *pending = sigpending(&set) == 0 && sigismember(&set, SIGCHLD) == 1;
  sigaction(SIGCHLD, &def, old);
}

static void forget_children(struct sigaction const *old, int pending)
{
  struct timespec const now = {0, 0};
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (!pending)
    sigtimedwait(&set, 0, &now);
  sigaction(SIGCHLD, old, 0);
}

/* Asked by name and by number, side by side; the answers are put together, and duplicates fall
   out. */
int idmap_getsubids(struct idmap_who const *who, int kind, struct rk_subids *s)
{
  static struct answer answer[2];
  static char path[4096];
  struct rk_spawn h[2] = {{0}};
  char const *program = getenv("GETSUBIDS");
  char uid[UINT_FMT];
  char const *const owner[2] = {who->name, uid};
  char const *argv[2][4] = {{"getsubids"}, {"getsubids"}};
  struct sigaction old;
  int answers = 0, pending;

  uid[uint_fmt(uid, who->uid)] = 0;
  rk_subid_begin(s, (struct rk_subid_owner){who->name, who->uid}, 1);
  if (rk_which(program && *program ? program : "getsubids", path, sizeof path) == -1)
    return -1;
  expect_children(&old, &pending);
  for (int i = 0; i < 2; i++) {
    char const **a = argv[i] + 1;
    answer[i].len = 0;
    if (!owner[i])
      continue;
    if (kind)
      *a++ = "-g";
    *a = owner[i];
    h[i] = (struct rk_spawn){
      .path = path, .argv = argv[i], .quiet = 1, .take = take, .data = &answer[i]};
    if (rk_spawn_start(&h[i]) == -1)
      h[i].late = 1;
  }
  rk_spawn_wait(h, 2, -1, rk_spawn_time());
  forget_children(&old, pending);
  for (int i = 0; i < 2; i++) {
    if (!h[i].argv || h[i].late)
      continue;
    /* 127, 126: it could not even be executed (rk/spawn.h) */
    if (WIFEXITED(h[i].status) && WEXITSTATUS(h[i].status) < 126)
      answers++;
    if (h[i].status)
      continue;
    rk_subid_feed(s, answer[i].text, answer[i].len);
    rk_subid_end(s);
  }
  return answers ? 0 : -1;
}
