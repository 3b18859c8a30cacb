/* SPDX-License-Identifier: ISC
   Request "idmap": newuidmap and newgidmap side by side (each takes most of a
   millisecond), or the maps themselves where we are privileged already. Of the request only numbers
   are used, and newuidmap checks those; whose maps they become the pidfd of the chain decides. */
#include "ctl.h"
#include "idmap_diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>

#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <rk/text.h>

/* One helper with all that it is told: NAME PID, then three numbers a line of the map. */
struct job {
  struct outside_map map;
  struct outside_helper helper;
  char path[PATH_MAX];
  size_t argc;
  char const *argv[2 + 3 * RK_MAP_MAX + 1];
  size_t used; /* bytes of words */
  char words[UINT_FMT * (1 + 3 * RK_MAP_MAX)];
};

static void add_word(struct job *j, uint32_t u)
{
  char *word = j->words + j->used;
  size_t n = uint32_fmt(word, u);

  word[n] = 0;
  j->used += n + 1;
  j->argv[j->argc] = word;
  j->argc++;
}

static void spell(struct job *j, pid_t pid)
{
  j->used = 0;
  j->argv[0] = j->map.helper;
  j->argc = 1;
  add_word(j, (uint32_t)pid);
  for (uint32_t i = 0; i < j->map.n; i++) {
    struct rk_idrange const *range = &j->map.range[i];

    add_word(j, range->inside);
    add_word(j, range->outside);
    add_word(j, range->count);
  }
  j->argv[j->argc] = NULL;
}

/* Keep the first line of what a helper writes. */
static void take_output(void *data, char const *text, size_t len)
{
  struct outside_helper *h = data;
  size_t have = strlen(h->text);
  size_t room = sizeof h->text - 1 - have;
  char const *nl = memchr(text, '\n', len);

  if (have && h->text[have - 1] == '\n')
    return;
  if (nl)
    len = (size_t)(nl - text) + 1;
  if (len > room)
    len = room;
  memcpy(h->text + have, text, len);
  h->text[have + len] = 0;
}

/* 0, ESRCH, or the errno for which that is not known. */
static int chain_is_gone(struct chain const *chain)
{
  struct pollfd x = {.fd = chain->process.fd, .events = POLLIN};
  int r;

  do
    r = poll(&x, 1, 0);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return errno;
  return r ? ESRCH : 0;
}

static void not_started(struct outside_helper *h, int error)
{
  h->end = OUTSIDE_UNSTARTED;
  strncpy(h->text, strerror(error), sizeof h->text - 1);
}

/* One without its privilege that is first in PATH, such as a copy, hides the real one. */
static void find_helper(struct job *j)
{
  struct outside_helper *h = &j->helper;
  int (*const good)(void const *, char const *) = idmap_has_privilege;

  j->path[0] = 0;
  h->path = j->path;
  if (geteuid() && rk_which_good(j->map.helper, j->path, sizeof j->path, good, &j->map) != -1)
    return;
  if (rk_which(j->map.helper, j->path, sizeof j->path) != -1)
    return;
  if (errno == ENOENT)
    h->end = OUTSIDE_MISSING;
  else if (errno == EACCES)
    h->end = OUTSIDE_NOEXEC;
  else
    not_started(h, errno);
}

static void start_helper(struct job *j, struct rk_spawn *h, pid_t pid)
{
  spell(j, pid);
  *h = (struct rk_spawn){
    .path = j->path,
    .argv = j->argv,
    .take = take_output,
    .data = &j->helper,
  };
  if (rk_spawn_start(h) == -1)
    not_started(&j->helper, errno);
}

/* What became of it; error: the errno for which it could not be waited for, 0: it was. Returns
   whether it has written its map. */
static int helper_succeeded(struct job *j, struct rk_spawn const *h, int error)
{
  struct outside_helper *helper = &j->helper;
  size_t len = strlen(helper->text);

  if (len && helper->text[len - 1] == '\n')
    helper->text[len - 1] = 0;
  if (h->late && error)
    not_started(helper, error);
  else if (h->late)
    helper->end = OUTSIDE_LATE;
  helper->status = h->status;
  return !helper->end && !helper->status;
}

/* The number in /proc names our chain and nobody else as long as its pidfd is silent, before and
   after. newuidmap itself insists that /proc/PID belongs to its caller, and no map can be written
   twice. */
static int by_helpers(struct chain const *chain, struct job job[2], struct rk_reply_idmap *say)
{
  struct rk_spawn h[2];
  int did = 0;
  int ms = rk_spawn_time(); /* rk-idmap has refused a malformed one */
  int e = 0;

  for (int i = 0; i < 2; i++) {
    find_helper(&job[i]);
    if (job[i].helper.end) {
      /* Neither is started if one is missing: a map that is written cannot be taken back. */
      idmap_diagnose(&say->why, &job[i].map, &job[i].helper);
      if (job[i].helper.end == OUTSIDE_UNSTARTED)
        say->head.error = EAGAIN;
      return 0;
    }
  }
  say->head.error = chain_is_gone(chain);
  if (say->head.error)
    return 0;
  for (int i = 0; i < 2; i++)
    start_helper(&job[i], &h[i], chain->pid);
  if (rk_spawn_wait(h, 2, chain->process.fd, ms == -1 ? 10000 : ms) == -1)
    e = errno;
  for (int i = 0; i < 2; i++) {
    if (helper_succeeded(&job[i], &h[i], e)) {
      did++;
      continue;
    }
    if (!say->why.id[0])
      idmap_diagnose(&say->why, &job[i].map, &job[i].helper);
    if (job[i].helper.end == OUTSIDE_UNSTARTED)
      say->head.error = EAGAIN; /* the next one may be */
  }
  say->half = did == 1;
  return did == 2 && chain_is_gone(chain) != ESRCH;
}

/* All ids of our own namespace, each under its own number, line by line as they stand there: a
   line of a map must lie within one line of the map above it. Written in one piece,
   user_namespaces(7). */
static int direct(int proc, struct outside_map const *map, uint32_t *ids)
{
  char own[OUTSIDE_MAP_TEXT], text[OUTSIDE_MAP_TEXT];
  struct rk_text t = rk_text_in(text, sizeof text);
  char *s = own;
  uint32_t v[3];
  int fd, e = 0;

  *ids = 0;
  if (rk_slurp(map->ownfile, own, sizeof own) == -1)
    return -1;
  while (outside_mapline(&s, v)) {
    rk_text_num(&t, v[0]);
    rk_text_str(&t, " ");
    rk_text_num(&t, v[0]);
    rk_text_str(&t, " ");
    rk_text_num(&t, v[2]);
    rk_text_str(&t, "\n");
    *ids += v[2];
  }
  fd = openat(proc, map->file, O_WRONLY | O_CLOEXEC);
  if (fd == -1)
    return -1;
  if (write(fd, text, t.len) != (ssize_t)t.len)
    e = errno;
  close(fd);
  return e ? rk_fail(e) : 0;
}

/* /proc/PID, once opened, stands for that process and no later one; so the pidfd is asked after the
   opening. */
static int by_hand(struct chain const *chain, struct job const job[2], struct rk_reply_idmap *say)
{
  char dir[RK_PROCPATH_MAX];
  char const *what = rk_procpath(dir, chain->pid, "");
  int proc = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int e = proc == -1 ? errno : 0;

  if (!e)
    e = chain_is_gone(chain);
  for (int i = 0; i < 2 && !e; i++) {
    uint32_t ids = 0;

    what = job[i].map.file;
    if (direct(proc, &job[i].map, &ids) == -1)
      e = errno;
    else
      say->half = !i;
    if (!i || ids < say->ids)
      say->ids = ids;
  }
  if (proc != -1)
    close(proc);
  if (e && !say->why.id[0])
    rk_cause_set(&say->why, "I4",
                 "unable to write % from outside: %\nlet the container that runs this keep "
                 "cap_setuid, cap_setgid and cap_setfcap",
                 what, strerror(e));
  return !e;
}

ssize_t req_idmap(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  struct rk_req_idmap const *ask = request;
  struct rk_reply_idmap *say = &reply->idmap;
  struct job job[2];
  uint32_t const known = RK_RUNG_SUBIDS | RK_RUNG_DIRECT;

  (void)fd;
  if (ask->nuid > RK_MAP_MAX || ask->ngid > RK_MAP_MAX || !(ask->rungs & known)) {
    ctl_error(&say->head, EINVAL, "no such way to map ids");
    return sizeof *say;
  }
  job[0].helper = (struct outside_helper){.end = OUTSIDE_ENDED};
  job[1].helper = (struct outside_helper){.end = OUTSIDE_ENDED};
  job[0].map = (struct outside_map){
    .helper = "newuidmap",
    .cap = CAP_SETUID,
    .file = "uid_map",
    .ownfile = "/proc/self/uid_map",
    .range = ask->uid,
    .n = ask->nuid,
  };
  job[1].map = (struct outside_map){
    .helper = "newgidmap",
    .cap = CAP_SETGID,
    .file = "gid_map",
    .ownfile = "/proc/self/gid_map",
    .range = ask->gid,
    .n = ask->ngid,
  };
  if ((ask->rungs & RK_RUNG_SUBIDS) && by_helpers(chain, job, say)) {
    say->rung = RK_RUNG_SUBIDS;
  } else if ((ask->rungs & RK_RUNG_DIRECT) && !say->half && by_hand(chain, job, say)) {
    say->rung = RK_RUNG_DIRECT;
  } else if (!say->head.error) {
    say->head.error = EPERM;
  }
  return sizeof *say;
}
