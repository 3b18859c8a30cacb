/* SPDX-License-Identifier: ISC
   The links are tried, not imitated: what they find and advise is what rk-check says. Each trial is
   a chain that ends with rk-check -V; a link that a host stops says "PROG: info: ID: FIX" as its
   last line and ends with 102 (rk-exit-codes(7)). */
#include "check.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rk/exit.h>
#include <rk/spawn.h>
#include <rk/text.h>

enum { TRIAL_ARGS = 18, OUTPUT = 2048, PATIENCE = 5000 /* ms; newuidmap may ask a server */ };

struct trial {
  char const *chain[TRIAL_ARGS]; /* a name that begins with rk- is a program beside this one */
  char const *ids[TRIAL_ARGS];   /* what is in order if it works */
  char const *works;
};

static struct trial const WHOLE = {
  .chain = {"rk-userns", "rk-idmap", "-m", "subids", "-n", "65536", "rk-copyup", "", "rk-net", "-d",
            "none", "rk-unshare", "-u", "-i", "rk-pidns"},
};

/* Its parts, of which each needs the ones before. */
static struct trial const PARTS[] = {
  {{"rk-userns"}, {"U1", "U2", "U3", "U4", "U5", "U6"}, "a user namespace can be made"},
  {{"rk-userns", "rk-idmap", "-m", "subids"},
   {"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I14"},
   "subordinate ids are mapped"},
  {{"rk-userns", "rk-idmap", "-m", "subids", "-n", "65536"},
   {"I10"},
   "there are 65536 ids or more"},
  {{"rk-userns", "rk-idmap", "rk-copyup", "", "rk-net", "-d", "none", "rk-unshare", "-u", "-i"},
   {"U7"},
   "mount, network, UTS and IPC namespaces can be made"},
  {{"rk-userns", "rk-idmap", "rk-copyup", "", "rk-pidns"},
   {"D9"},
   "/proc can be mounted in a pid namespace"},
};

enum { PARTS_N = sizeof PARTS / sizeof *PARTS };

/* What a trial said, and what of it is its last lines. */
struct said {
  char text[OUTPUT];
  size_t len;
  char const *fatal;   /* "" if there is none */
  char const *warning; /* likewise: a link that goes on with less names the id at its end: "(D9)" */
  char id[8];
  char const *fix;
};

static void take(void *data, char const *text, size_t len)
{
  struct said *s = data;
  size_t room = sizeof s->text - 1 - s->len;

  if (len > room)
    len = room;
  memcpy(s->text + s->len, text, len);
  s->len += len;
  s->text[s->len] = 0;
}

/* The line's part after ": WORD: ", or NULL. */
static char *after(char *line, char const *word)
{
  char *found = strstr(line, word);

  return found ? found + strlen(word) : NULL;
}

static void read_info(struct said *s, char *info)
{
  size_t len = strcspn(info, ":");

  if (len >= sizeof s->id || !info[len])
    return;
  memcpy(s->id, info, len);
  s->id[len] = 0;
  s->fix = info + len + 1 + strspn(info + len + 1, " ");
}

static void read_lines(struct said *s)
{
  char *next;

  s->fatal = s->warning = "";
  s->fix = NULL;
  for (char *line = s->text; *line; line = next) {
    size_t len = strcspn(line, "\n");
    char *part;
    next = line + len + (line[len] == '\n');
    line[len] = 0;
    part = after(line, ": fatal: ");
    if (part)
      s->fatal = part;
    part = after(line, ": warning: ");
    if (part)
      s->warning = part;
    part = after(line, ": info: ");
    if (part)
      read_info(s, part);
  }
}

/* The programs of this installation, by path. */
struct paths {
  char text[TRIAL_ARGS][PATH_MAX];
  size_t n;
};

static char const *beside(struct paths *paths, char const *name)
{
  char *buf = paths->text[paths->n++];
  ssize_t len = readlink("/proc/self/exe", buf, PATH_MAX - 1);
  struct rk_text t;
  char *slash;

  if (len == -1)
    return NULL;
  buf[len] = 0;
  slash = strrchr(buf, '/');
  t = rk_text_in(slash + 1, PATH_MAX - (size_t)(slash + 1 - buf));
  rk_text_str(&t, name);
  return t.cut ? NULL : buf;
}

/* The status of the chain, or -1 with errno. */
static int run(struct trial const *trial, struct said *said)
{
  static struct paths paths;
  char const *argv[TRIAL_ARGS + 3];
  struct rk_spawn h = {.argv = argv, .take = take, .data = said};
  size_t n = 0;

  paths.n = 0;
  for (; trial->chain[n]; n++) {
    char const *arg = trial->chain[n];
    argv[n] = strncmp(arg, "rk-", 3) ? arg : beside(&paths, arg);
    if (!argv[n])
      return -1;
  }
  argv[n] = beside(&paths, "rk-check");
  argv[n + 1] = "-V";
  argv[n + 2] = NULL;
  h.path = argv[0];
  if (!argv[n] || rk_spawn_start(&h) == -1)
    return -1;
  if (rk_spawn_wait(&h, 1, -1, PATIENCE) == -1)
    return -1;
  if (h.late) {
    errno = ETIMEDOUT;
    return -1;
  }
  return h.status;
}

static void all(struct report *r, struct trial const *t, enum verdict verdict, char const *text)
{
  for (size_t i = 0; t->ids[i]; i++)
    report_answer(r, &(struct answer){.id = t->ids[i], .verdict = verdict, .text = text});
}

static void failed(struct report *r, struct trial const *t, struct said *said)
{
  char text[OUTPUT];
  struct rk_text why = rk_text_in(text, sizeof text);

  if (*said->id && page_of(said->id)) {
    enum verdict verdict = strcmp(said->id, "I10") ? CHECK_NO : CHECK_LACKS;
    report_answer(r, &(struct answer){
                       .id = said->id, .verdict = verdict, .text = said->fatal, .fix = said->fix});
    rk_text_add(&why, "not known before ", said->id, " is mended");
  } else {
    r->lacking = 1;
    rk_text_add(&why, "the trial failed: ", *said->fatal ? said->fatal : "without a word");
  }
  all(r, t, CHECK_UNKNOWN, text);
}

static int works(int status)
{
  return status != -1 && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void warned(struct report *r, struct said const *said)
{
  char const *open = strrchr(said->warning, '(');
  char id[8];
  struct rk_text t = rk_text_in(id, sizeof id);
  struct page const *p;

  if (!open)
    return;
  rk_text_mem(&t, open + 1, strcspn(open + 1, ")"));
  p = page_of(id);
  if (p && *id)
    report_lacks(r, p->id, said->warning, p->fix);
}

static void part(struct report *r, struct trial const *t)
{
  static struct said said;
  int status;

  said.len = 0;
  *said.text = *said.id = 0;
  status = run(t, &said);
  read_lines(&said);
  if (works(status)) {
    if (*said.warning)
      warned(r, &said);
    all(r, t, CHECK_OK, t->works);
    return;
  }
  if (status == -1)
    said.fatal = strerror(errno);
  failed(r, t, &said);
}

/* One chain tells that all is well; only where it is not, its parts are tried. */
void check_chain(struct report *r)
{
  static struct said said;
  int whole = works(run(&WHOLE, &said));

  read_lines(&said);
  whole &= !*said.warning;
  for (size_t i = 0; i < PARTS_N; i++)
    if (whole)
      all(r, &PARTS[i], CHECK_OK, PARTS[i].works);
    else
      part(r, &PARTS[i]);
}
