/* SPDX-License-Identifier: ISC */
#include "idmap.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/wait.h>

#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/spawn.h>
#include <rk/subid.h>

/* By name, and by number. */
enum { ASKED = 2 };

struct answer {
  size_t len;
  char text[32768]; /* 339 ranges need less */
};

static void keep_answer(void *data, char const *text, size_t len)
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
  struct timespec const now = {0};
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, SIGCHLD);
  if (!pending)
    sigtimedwait(&set, NULL, &now);
  sigaction(SIGCHLD, old, NULL);
}

static int find_program(char *path, size_t size)
{
  char const *program = getenv("GETSUBIDS");

  if (!program || !*program)
    program = "getsubids";
  return rk_which(program, path, size) == -1 ? -1 : 0;
}

/* Feed s the answer if there is one. Returns whether getsubids ran at all. */
static int read_answer(struct rk_spawn const *h, struct answer const *a, struct rk_subids *s)
{
  if (!h->argv || h->late)
    return 0;
  if (h->status == 0) {
    rk_subid_feed(s, a->text, a->len);
    rk_subid_end(s);
  }
  /* 127, 126: it could not even be executed (rk/spawn.h) */
  return WIFEXITED(h->status) && WEXITSTATUS(h->status) < 126;
}

/* Asked by name and by number, side by side; the answers are put together, and duplicates fall
   out. */
int idmap_getsubids(struct idmap_who const *who, int kind, struct rk_subids *s)
{
  static struct answer answer[ASKED];
  static char path[PATH_MAX];
  struct rk_spawn h[ASKED] = {{0}};
  char uid[UINT_FMT];
  char const *const owner[ASKED] = {who->names[0], uid};
  char const *argv[ASKED][4] = {{"getsubids"}, {"getsubids"}};
  struct sigaction old;
  int answers = 0;
  int late = 0;
  int pending;

  uid[uint_fmt(uid, who->uid)] = 0;
  rk_subid_begin(s, (struct rk_subid_owner){.names = who->names, .id = who->uid}, 1);
  if (find_program(path, sizeof path) == -1)
    return rk_fail(EIO);
  expect_children(&old, &pending);
  for (int i = 0; i < ASKED; i++) {
    char const **a = argv[i] + 1;
    answer[i].len = 0;
    if (!owner[i])
      continue;
    if (kind)
      *a++ = "-g";
    *a = owner[i];
    h[i] = (struct rk_spawn){
      .path = path,
      .argv = argv[i],
      .quiet = 1,
      .take = keep_answer,
      .data = &answer[i],
    };
    if (rk_spawn_start(&h[i]) == -1)
      h[i].argv = NULL;
  }
  rk_spawn_wait(h, ASKED, -1, rk_spawn_time());
  forget_children(&old, pending);
  for (int i = 0; i < ASKED; i++) {
    answers += read_answer(&h[i], &answer[i], s);
    late |= h[i].late;
  }
  if (answers)
    return 0;
  return rk_fail(late ? ETIMEDOUT : EIO);
}

void idmap_getent(uint32_t uid, char *text, size_t size)
{
  static struct answer answer;
  static char path[PATH_MAX];
  char number[UINT_FMT];
  char const *argv[] = {"getent", "passwd", number, NULL};
  struct rk_spawn h = {
    .path = path,
    .argv = argv,
    .quiet = 1,
    .take = keep_answer,
    .data = &answer,
  };
  struct sigaction old;
  int pending;
  size_t len = 0;

  text[0] = 0;
  number[uint_fmt(number, uid)] = 0;
  if (rk_which("getent", path, sizeof path) == -1)
    return;
  expect_children(&old, &pending);
  if (rk_spawn_start(&h) == 0) {
    rk_spawn_wait(&h, 1, -1, rk_spawn_time());
    if (!h.late && h.status == 0)
      len = answer.len;
  }
  forget_children(&old, pending);
  if (len > size - 1)
    len = size - 1;
  memcpy(text, answer.text, len);
  text[len] = 0;
}
