/* SPDX-License-Identifier: ISC
   Where subordinate ids come from: the files, or getsubids, which also asks what nsswitch.conf(5)
   names under "subid" (a static program cannot). */
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/types.h>

#include <rk/proc.h>
#include <rk/subid.h>

enum { COUNT = 65536, FIRST = 100000 }; /* what a usermod line of ours gives */

static struct rk_subids subids[2];
static char const *const file[2] = {"/etc/subuid", "/etc/subgid"};
static char const *const kindname[2] = {"uid", "gid"};

static int from_file(char const *path, struct rk_subid_owner owner, struct rk_subids *s)
{
  char buf[8192];
  ssize_t r;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

  rk_subid_begin(s, owner, 0);
  if (fd == -1)
    return -1;
  while ((r = fd_read(fd, buf, sizeof buf)) > 0)
    rk_subid_feed(s, buf, (size_t)r);
  rk_subid_end(s);
  close(fd);
  return r == -1 ? -1 : 0;
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
    while (*line == ' ' || *line == '\t')
      line++;
    if (!strncmp(line, "subid:", 6)) {
      for (line += 6; *line == ' ' || *line == '\t';)
        line++;
      return strncmp(line, "files", 5) != 0;
    }
    line = end;
  }
  return 0;
}

/* A line with a fault, or two lines that quarrel. */
static void faulty(struct rk_subids const *s, char const *where, char const *name,
                   struct rk_cause *why)
{
  char line[UINT_FMT], other[UINT_FMT];
  char const *what = "";

  line[uint_fmt(line, s->line)] = 0;
  other[uint_fmt(other, s->other)] = 0;
  switch (s->wrong) {
    case RK_SUBID_FORMAT: what = "is malformed"; break;
    case RK_SUBID_NUMBER: what = "has a field that is no number"; break;
    case RK_SUBID_HIGH: what = "goes past the last id, 4294967294"; break;
    case RK_SUBID_OWN: what = "contains the user's own id"; break;
    case RK_SUBID_MANY: what = "is one too many: the kernel takes 339 ranges"; break;
    case RK_SUBID_OVERLAP: break;
  }
  if (s->wrong == RK_SUBID_OVERLAP)
    rk_cause_set(
      why, "I6",
      "lines % and % of % overlap\n"
      "let one of the lines % and % of % for % begin after the end of the other, or remove it",
      line, other, where, line, other, where, name);
  else
    rk_cause_set(
      why, "I6",
      "line % of % %\n"
      "correct line % of %: %:FIRST:COUNT, not touching the user's own id or another range",
      line, where, what, line, where, name);
}

/* usermod finds no free range by itself: behind the last one that anybody has. */
static void usermod(struct idmap_who const *who, int kind, char const *who_s, int unread,
                    struct rk_cause *why)
{
  char first[UINT64_FMT], last[UINT64_FMT];
  uint64_t next = subids[kind].beyond > FIRST ? subids[kind].beyond : FIRST;

  if (next > UINT32_MAX - COUNT)
    next = FIRST;
  first[uint64_fmt(first, next)] = 0;
  last[uint64_fmt(last, next + COUNT - 1)] = 0;
  rk_cause_set(why, "I1", "no subordinate %s for %: %%\n%usermod --add-sub%s %-% %", kindname[kind],
               who_s, file[kind], unread ? " does not exist" : " has no line of that user",
               who->name ? "" : "give the uid a name, then: ", kindname[kind], first, last,
               who->name ? who->name : "NAME");
}

/* No line of the user's: the known mistakes that look like it. unread: errno of the source. */
static void nothing(struct idmap_who const *who, int kind, enum idmap_source source, int unread,
                    struct rk_cause *why)
{
  char uid[UINT_FMT], line[UINT_FMT];
  char const *who_s = who->name ? who->name : uid;
  char const *group;

  uid[uint_fmt(uid, who->uid)] = 0;
  if (source == IDMAP_DYNAMIC && unread)
    rk_cause_set(
      why, "I13",
      "unable to run getsubids for %\n"
      "install getsubids (package uidmap, shadow-utils-subid, shadow-subids), or use -s static",
      who_s);
  else if (source == IDMAP_DYNAMIC)
    rk_cause_set(
      why, "I1",
      "getsubids names no %s for %\n"
      "have the source that nsswitch.conf names under subid give % a range, or use -s static",
      kindname[kind], who_s, who_s);
  else if (unread && unread != ENOENT)
    rk_cause_set(why, "I1", "unable to read %: %\nchmod 0644 %", file[kind], strerror(unread),
                 file[kind]);
  else if (elsewhere())
    rk_cause_set(
      why, "I3",
      "no line for % in %, and /etc/nsswitch.conf says that subordinate ids are kept elsewhere\n"
      "install getsubids (package uidmap, shadow-utils-subid, shadow-subids), which asks there, or "
      "add a line to %",
      who_s, file[kind], file[kind]);
  else if (kind && !unread && (group = idmap_group(who->gid)) &&
           from_file(file[1], (struct rk_subid_owner){group, who->gid}, &subids[1]) == 0 &&
           (subids[1].n || subids[1].wrong)) {
    line[uint_fmt(line, subids[1].n ? subids[1].range[0].line : subids[1].line)] = 0;
    rk_cause_set(
      why, "I2",
      "no line for % in /etc/subgid: line % names the group %\n"
      "begin line % of /etc/subgid with the name of the user, %, not with that of the group",
      who_s, line, group, line, who_s);
  } else
    usermod(who, kind, who_s, unread, why);
}

/* One kind of ids from one source into subids[kind]. 1: some, checked; 0: none; -1: faulty. unread:
   errno if the source could not be read. */
static int look(struct idmap_who const *who, int kind, enum idmap_source source, int *unread,
                struct rk_cause *why)
{
  struct rk_subid_owner const owner = {who->name, who->uid};
  struct rk_subids *s = &subids[kind];

  *unread = 0;
  if (source == IDMAP_DYNAMIC) {
    if (idmap_getsubids(who, kind, s) == -1)
      *unread = EIO;
  } else if (from_file(file[kind], owner, s) == -1)
    *unread = errno;
  if (*unread || (!s->n && !s->wrong))
    return 0;
  if (rk_subid_check(s, kind ? who->gid : who->uid) == 0)
    return 1;
  faulty(s, source == IDMAP_DYNAMIC ? (kind ? "getsubids -g" : "getsubids") : file[kind],
         who->name ? who->name : "UID", why);
  return -1;
}

static int both(struct idmap_who const *who, enum idmap_source source, struct rk_cause *why)
{
  for (int kind = 0; kind < 2; kind++) {
    int unread, r = look(who, kind, source, &unread, why);
    if (!r)
      nothing(who, kind, source, unread, why);
    if (r != 1)
      return r;
  }
  return 1;
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

uint32_t idmap_subid(struct idmap_who const *who, enum idmap_source source,
                     struct rk_req_idmap *ask, struct rk_cause *why)
{
  uint32_t uids, gids;
  int r;

  if (source != IDMAP_AUTO)
    r = both(who, source, why);
  else {
    /* getsubids reads the same files and takes a millisecond: it goes first only where it may know
       more. */
    int dynamic = getenv("GETSUBIDS") || elsewhere();
    struct rk_cause second = {0};

    r = dynamic ? both(who, IDMAP_DYNAMIC, &second) : 0;
    if (r != 1)
      r = both(who, IDMAP_STATIC, why);
    if (!r && !dynamic)
      r = both(who, IDMAP_DYNAMIC, &second);
    /* asked where the ids are kept, and told that there are none */
    if (!r && dynamic && strcmp(second.id, "I13"))
      *why = second;
  }
  if (r != 1)
    return 0;
  ask->nuid = rk_subid_map(&subids[0], who->uid, ask->uid, &uids);
  ask->ngid = rk_subid_map(&subids[1], who->gid, ask->gid, &gids);
  if (who->host_root) {
    ask->nuid = without_own(ask->uid, ask->nuid, &uids);
    ask->ngid = without_own(ask->gid, ask->ngid, &gids);
  }
  return uids < gids ? uids : gids;
}
