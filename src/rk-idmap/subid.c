/* SPDX-License-Identifier: ISC
   Where subordinate ids come from: the files, or getsubids, which also asks what nsswitch.conf(5)
   names under "subid" (a static program cannot). */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/subid.h>
#include <rk/text.h>

/* By kind: uids, gids. */
static char const *const FILES[2] = {"/etc/subuid", "/etc/subgid"};
static char const *const KINDS[2] = {"uid", "gid"};

/* A search under way. */
struct search {
  struct idmap_who const *who;
  char const *name;        /* his, or the number */
  struct rk_subids *found; /* by kind */
  enum idmap_source source;
  int unread; /* errno if the source could not be read, else 0 */
  struct rk_cause *why;
};

/* As newuidmap opens it, which follows no symbolic link there; errno is then ELOOP, and ENXIO if
   it is no regular file. */
static int from_file(char const *path, struct rk_subid_owner owner, struct rk_subids *s)
{
  char buf[8192];
  ssize_t r;
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);

  rk_subid_begin(s, owner, 0);
  if (fd == -1)
    return -1;
  if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
    close(fd);
    return rk_fail(ENXIO);
  }
  while ((r = fd_read(fd, buf, sizeof buf)) > 0)
    rk_subid_feed(s, buf, (size_t)r);
  rk_subid_end(s);
  close(fd);
  return r == -1 ? -1 : 0;
}

static size_t blanks(char const *s)
{
  return strspn(s, " \t");
}

/* Does "subid:" in nsswitch.conf(5) name anything but files? */
static int elsewhere(void)
{
  static char text[16384];
  char *line = text;

  if (rk_slurp("/etc/nsswitch.conf", text, sizeof text) == -1)
    return 0;
  while (line) {
    char *end = strchr(line, '\n');
    if (end)
      *end++ = 0;
    line += blanks(line);
    if (!strncmp(line, "subid:", 6)) {
      line += 6;
      line += blanks(line);
      return strncmp(line, "files", 5) != 0;
    }
    line = end;
  }
  return 0;
}

static char const *fault_text(enum rk_subid_wrong wrong)
{
  switch (wrong) {
    case RK_SUBID_FORMAT: return "is malformed";
    case RK_SUBID_NUMBER: return "has a field that is no number";
    case RK_SUBID_HIGH: return "goes past the last id, 4294967294";
    case RK_SUBID_OWN: return "contains the user's own id";
    case RK_SUBID_MANY: return "is one too many: the kernel takes 339 ranges";
    case RK_SUBID_OVERLAP: break;
  }
  return "overlaps another";
}

/* A line with a fault, or two lines that quarrel. */
static void diagnose_fault(struct search const *x, int kind)
{
  struct rk_subids const *s = &x->found[kind];
  char const *name = x->who->names[0] ? x->name : "UID";
  char const *where = FILES[kind];
  char line[UINT_FMT];
  char other[UINT_FMT];

  if (x->source == IDMAP_DYNAMIC)
    where = kind ? "getsubids -g" : "getsubids";
  line[uint_fmt(line, s->line)] = 0;
  other[uint_fmt(other, s->other)] = 0;
  if (s->wrong == RK_SUBID_OVERLAP)
    rk_cause_set(
      x->why, "I6",
      "lines % and % of % overlap\n"
      "let one of the lines % and % of % for % begin after the end of the other, or remove it",
      line, other, where, line, other, where, name);
  else
    rk_cause_set(
      x->why, "I6",
      "line % of % %\n"
      "correct line % of %: %:FIRST:COUNT, not touching the user's own id or another range",
      line, where, fault_text(s->wrong), line, where, name);
}

/* Has the user no line for the other kind of ids either? */
static int lacks_gids(struct search const *x)
{
  struct rk_subids *s = &x->found[1];
  struct rk_subid_owner const owner = {.names = x->who->names, .id = x->who->uid};

  if (from_file(FILES[1], owner, s) == -1)
    return errno == ENOENT;
  return !s->n && !s->wrong;
}

/* " --add-subuids FIRST-LAST" */
static void add_option(struct rk_text *t, int kind, uint32_t first)
{
  rk_text_add(t, " --add-sub", KINDS[kind], "s ");
  rk_text_num(t, first);
  rk_text_str(t, "-");
  rk_text_num(t, (long long)first + IDMAP_COUNT - 1);
}

/* The user as the last word of a command. */
static void add_user(struct rk_text *t, char const *name)
{
  char word[200];
  struct rk_text w = rk_text_in(word, sizeof word);

  rk_text_shell(&w, name);
  rk_text_add(t, *name == '-' ? " -- " : " ", w.cut ? "NAME" : word);
}

/* usermod finds no free range by itself. One command for both kinds, if both are missing. */
static void advise_usermod(struct search const *x, int kind)
{
  char fix[sizeof x->why->fix];
  struct rk_text t = rk_text_in(fix, sizeof fix);
  char const *absent = " has no line of that user";
  char const *name = x->who->names[0];
  uint32_t first = idmap_free_range(x->who);

  if (x->unread)
    absent = " does not exist";
  if (!name)
    rk_text_str(&t, "give the uid a name, then: ");
  if (!first) {
    rk_text_str(&t, "no 65536 ids in a row are free: remove ranges that nobody uses from "
                    "/etc/subuid and /etc/subgid");
  } else {
    rk_text_str(&t, "usermod");
    add_option(&t, kind, first);
    if (!kind && lacks_gids(x))
      add_option(&t, 1, first);
    add_user(&t, name ? name : "NAME");
  }
  rk_cause_set(x->why, "I1", "no subordinate %s for %: %%\n%", KINDS[kind], x->name, FILES[kind],
               absent, fix);
}

/* Does /etc/subgid name the user's group? (It is found again for that.) 1: so it is explained. */
static int diagnose_group(struct search const *x)
{
  struct rk_subids *s = &x->found[1];
  char const *const *group = idmap_group(x->who->gid);
  struct rk_subid_owner const owner = {.names = group, .id = x->who->gid};
  char line[UINT_FMT];

  if (!group[0] || from_file(FILES[1], owner, s) == -1)
    return 0;
  if (!s->n && !s->wrong)
    return 0;
  line[uint_fmt(line, s->n ? s->range[0].line : s->line)] = 0;
  rk_cause_set(
    x->why, "I2",
    "no line for % in /etc/subgid: line % names the group %\n"
    "begin line % of /etc/subgid with the name of the user, %, not with that of the group",
    x->name, line, group[0], line, x->name);
  return 1;
}

static void diagnose_kind_of_file(struct search const *x, char const *file)
{
  if (x->unread != ELOOP)
    rk_cause_set(x->why, "I1",
                 "% is not a regular file\n"
                 "mv % %.old && install -m 0644 /dev/null %",
                 file, file, file, file);
  else if (access(file, F_OK) == 0)
    rk_cause_set(x->why, "I1",
                 "% is a symbolic link, which newuidmap and newgidmap do not follow\n"
                 "install -m 0644 % %.new && mv -f %.new %",
                 file, file, file, file, file);
  else
    rk_cause_set(
      x->why, "I1",
      "% is a symbolic link that leads nowhere, and newuidmap and newgidmap follow none\n"
      "rm % && install -m 0644 /dev/null %",
      file, file, file);
}

/* No line of the user's: the known mistakes that look like it. */
static void diagnose_none(struct search const *x, int kind)
{
  char const *file = FILES[kind];

  if (x->source == IDMAP_DYNAMIC && x->unread == ETIMEDOUT) {
    rk_cause_set(x->why, "I9",
                 "getsubids did not answer in time and was killed\n"
                 "find out what getsubids waits for (a directory service?); "
                 "RK_HELPER_TIMEOUT=SECONDS gives it more time");
  } else if (x->source == IDMAP_DYNAMIC && x->unread) {
    rk_cause_set(
      x->why, "I13",
      "unable to run getsubids for %\n"
      "install getsubids (package uidmap, shadow-utils-subid, shadow-subids), or use -s static",
      x->name);
  } else if (x->source == IDMAP_DYNAMIC) {
    rk_cause_set(
      x->why, "I1",
      "getsubids names no %s for %\n"
      "have the source that nsswitch.conf names under subid give % a range, or use -s static",
      KINDS[kind], x->name, x->name);
  } else if (x->unread == ELOOP || x->unread == ENXIO) {
    diagnose_kind_of_file(x, file);
  } else if (x->unread && x->unread != ENOENT) {
    rk_cause_set(x->why, "I1", "unable to read %: %\nchmod 0644 %", file, strerror(x->unread),
                 file);
  } else if (elsewhere()) {
    rk_cause_set(
      x->why, "I3",
      "no line for % in %, and /etc/nsswitch.conf says that subordinate ids are kept elsewhere\n"
      "install getsubids (package uidmap, shadow-utils-subid, shadow-subids), which asks there, or "
      "add a line to %",
      x->name, file, file);
  } else if (!kind || x->unread || !diagnose_group(x)) {
    advise_usermod(x, kind);
  }
}

/* One kind of ids. 1: some, checked; 0: none; -1: faulty. */
static int find_kind(struct search *x, int kind)
{
  struct idmap_who const *who = x->who;
  struct rk_subid_owner const owner = {.names = who->names, .id = who->uid};
  struct rk_subids *s = &x->found[kind];

  x->unread = 0;
  if (x->source == IDMAP_DYNAMIC) {
    if (idmap_getsubids(who, kind, s) == -1)
      x->unread = errno;
  } else if (from_file(FILES[kind], owner, s) == -1) {
    x->unread = errno;
  }
  if (x->unread || (!s->n && !s->wrong)) {
    diagnose_none(x, kind);
    return 0;
  }
  if (rk_subid_check(s, kind ? who->gid : who->uid) == 0)
    return 1;
  diagnose_fault(x, kind);
  return -1;
}

/* Both kinds from one source, likewise. */
static int find_both(struct search *x, enum idmap_source source, struct rk_cause *why)
{
  int r;

  x->source = source;
  x->why = why;
  r = find_kind(x, 0);
  if (r != 1)
    return r;
  return find_kind(x, 1);
}

/* getsubids reads the same files and takes a millisecond: it goes first only where it may know
   more. */
static int find_auto(struct search *x, struct rk_cause *why)
{
  int dynamic = getenv("GETSUBIDS") || elsewhere();
  struct rk_cause second = {0};
  int r = 0;

  if (dynamic)
    r = find_both(x, IDMAP_DYNAMIC, &second);
  if (r != 1)
    r = find_both(x, IDMAP_STATIC, why);
  if (!r && !dynamic)
    r = find_both(x, IDMAP_DYNAMIC, &second);
  /* asked where the ids are kept, and told that there are none */
  if (!r && dynamic && strcmp(second.id, "I13"))
    *why = second;
  return r;
}

/* The map without its first line, the own id: 0 inside is then the first id of the ranges. */
static uint32_t without_own(struct rk_idrange *map, uint32_t n, uint32_t *ids)
{
  for (uint32_t i = 1; i < n; i++) {
    map[i - 1] = map[i];
    map[i - 1].inside--;
  }
  --*ids;
  return n - 1;
}

static void diagnose_foreign(struct search const *x, int kind, uint32_t id)
{
  char ranges[200];
  char number[UINT_FMT];
  struct rk_text r = rk_text_in(ranges, sizeof ranges);
  struct rk_subid_range const *range = x->found[kind].range;

  number[uint32_fmt(number, id)] = 0;
  rk_text_num(&r, range->start);
  rk_text_str(&r, "-");
  rk_text_num(&r, (long long)range->start + range->count - 1);
  rk_text_str(&r, x->found[kind].n > 1 ? ", ..., " : ", ");
  if (x->who->host_root)
    rk_text_str(&r, "and not the host's 0");
  else {
    rk_text_str(&r, "and alone in its line the own id, ");
    rk_text_num(&r, kind ? x->who->gid : x->who->uid);
  }
  rk_cause_set(x->why, "I15",
               "-M names the % %, which is not delegated to %, who has %\n"
               "let -M name these ids only, or delegate more in %",
               KINDS[kind], number, x->name, ranges, FILES[kind]);
}

/* The map of a kind: its number of lines, or 0 and why. */
static uint32_t lay_out(struct search const *x, int kind, struct idmap_layout const *layout,
                        struct rk_idrange map[RK_MAP_MAX], uint32_t *ids)
{
  struct idmap_who const *who = x->who;
  struct rk_subids const *s = &x->found[kind];
  uint32_t const own = kind ? who->gid : who->uid;
  uint32_t id;
  uint32_t n;

  /* no line of -M makes root inside the host's root: that is -m direct */
  if (layout_foreign(layout, kind, s, who->host_root ? UINT32_MAX : own, &id)) {
    diagnose_foreign(x, kind, id);
    return 0;
  }
  n = layout_map(layout, kind, s, own, map, ids);
  if (!n)
    rk_cause_set(x->why, "I6",
                 "-u splits a line of %, and the kernel takes 340 lines of a map\n"
                 "choose another number for -u",
                 FILES[kind]);
  if (n && who->host_root && !layout->n[kind])
    n = without_own(map, n, ids);
  return n;
}

uint32_t idmap_subid(struct idmap_who const *who, enum idmap_source source,
                     struct idmap_layout const *layout, struct rk_req_idmap *ask,
                     struct rk_cause *why)
{
  static struct rk_subids found[2];
  struct idmap_who me = *who;
  char name[256];
  struct rk_text t = rk_text_in(name, sizeof name);
  struct search x = {.who = &me, .name = name, .found = found};
  uint32_t uids;
  uint32_t gids;
  int r;

  me.names = idmap_user(who->uid);
  if (me.names[0])
    rk_text_safe(&t, me.names[0], strlen(me.names[0]));
  else
    rk_text_num(&t, who->uid);
  if (source == IDMAP_AUTO)
    r = find_auto(&x, why);
  else
    r = find_both(&x, source, why);
  if (r != 1)
    return 0;
  x.why = why;
  ask->nuid = lay_out(&x, 0, layout, ask->uid, &uids);
  if (!ask->nuid)
    return 0;
  ask->ngid = lay_out(&x, 1, layout, ask->gid, &gids);
  if (!ask->ngid)
    return 0;
  return uids < gids ? uids : gids;
}
