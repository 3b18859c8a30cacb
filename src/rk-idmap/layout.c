/* SPDX-License-Identifier: ISC
   Where ids are inside, as -u and -M ask for it. Pure: no system call. */
#include "layout.h"

#include <string.h>

#include <skalibs/types.h>

/* The last id there is: (uid_t)-1 means "no id", user_namespaces(7). */
#define LAST (UINT32_MAX - 1)

/* A number that ends at the given character. Returns what follows that, or NULL. */
static char const *number(char const *s, char end, uint32_t *v)
{
  size_t n = uint32_scan(s, v);

  if (!n || s[n] != end)
    return NULL;
  return end ? s + n + 1 : s + n;
}

char const *layout_own(struct idmap_layout *l, char const *s)
{
  uint32_t uid;
  uint32_t gid;
  char const *rest = number(s, 0, &uid);

  gid = uid;
  if (!rest) {
    rest = number(s, ':', &uid);
    if (!rest || !number(rest, 0, &gid))
      return "is not UID or UID:GID";
  }
  if (uid > LAST || gid > LAST)
    return "is past the last id, 4294967294";
  l->placed = 1;
  l->own[0] = uid;
  l->own[1] = gid;
  return NULL;
}

static int overlap(uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
  return (uint64_t)a + na > b && (uint64_t)b + nb > a;
}

static char const *add_line(struct idmap_layout *l, int kind, struct rk_idrange const *line)
{
  if (l->n[kind] == RK_MAP_MAX)
    return "is one too many: the kernel takes 340 lines";
  for (uint32_t i = 0; i < l->n[kind]; i++) {
    struct rk_idrange const *other = &l->line[kind][i];

    if (overlap(line->inside, line->count, other->inside, other->count) ||
        overlap(line->outside, line->count, other->outside, other->count))
      return "overlaps an earlier -M, inside or outside";
  }
  l->line[kind][l->n[kind]] = *line;
  l->n[kind]++;
  return NULL;
}

static int past_last(uint32_t first, uint32_t count)
{
  return (uint64_t)first + count > (uint64_t)LAST + 1;
}

/* "INSIDE:OUTSIDE:COUNT". 0, or -1. */
static int read_line(char const *s, struct rk_idrange *line)
{
  s = number(s, ':', &line->inside);
  if (!s)
    return -1;
  s = number(s, ':', &line->outside);
  if (!s)
    return -1;
  return number(s, 0, &line->count) ? 0 : -1;
}

char const *layout_line(struct idmap_layout *l, char const *s)
{
  int const only_gids = !strncmp(s, "g:", 2);
  int const only_uids = !strncmp(s, "u:", 2);
  struct rk_idrange line;
  char const *wrong = NULL;

  if (only_gids || only_uids)
    s += 2;
  if (read_line(s, &line) == -1)
    return "is not [u:|g:]INSIDE:OUTSIDE:COUNT";
  if (!line.count)
    return "has no ids";
  if (past_last(line.inside, line.count) || past_last(line.outside, line.count))
    return "goes past the last id, 4294967294";
  if (!only_gids)
    wrong = add_line(l, 0, &line);
  if (!only_uids && !wrong)
    wrong = add_line(l, 1, &line);
  return wrong;
}

static int maps_root(struct idmap_layout const *l, int kind)
{
  for (uint32_t i = 0; i < l->n[kind]; i++)
    if (!l->line[kind][i].inside)
      return 1;
  return !l->n[kind];
}

char const *layout_check(struct idmap_layout const *l)
{
  if (l->placed && (l->n[0] || l->n[1]))
    return "-u and -M exclude each other: give the own id a line of -M";
  if (!maps_root(l, 0) || !maps_root(l, 1))
    return "no -M maps uid 0 and gid 0 inside";
  return NULL;
}

int layout_given(struct idmap_layout const *l)
{
  return l->placed || l->n[0] || l->n[1];
}

/* The range with the id in it, or NULL. */
static struct rk_subid_range const *range_of(struct rk_subids const *s, uint32_t id)
{
  for (unsigned int i = 0; i < s->n; i++) {
    struct rk_subid_range const *range = &s->range[i];
    if (id >= range->start && id - range->start < range->count)
      return range;
  }
  return NULL;
}

/* Like newuidmap, which takes a line that lies in several ranges which follow one another, and the
   own id as a line of its own. 1: all ids are delegated; 0: *id is the first that is not. */
static int delegated(struct rk_subids const *s, uint32_t own, struct rk_idrange const *line,
                     uint32_t *id)
{
  uint64_t const end = (uint64_t)line->outside + line->count;
  uint64_t next = line->outside;

  if (line->count == 1 && line->outside == own)
    return 1;
  while (next < end) {
    struct rk_subid_range const *range = range_of(s, (uint32_t)next);

    *id = (uint32_t)next;
    if (!range)
      return 0;
    next = (uint64_t)range->start + range->count;
  }
  return 1;
}

int layout_foreign(struct idmap_layout const *l, int kind, struct rk_subids const *s, uint32_t own,
                   uint32_t *id)
{
  for (uint32_t i = 0; i < l->n[kind]; i++)
    if (!delegated(s, own, &l->line[kind][i], id))
      return 1;
  return 0;
}

uint32_t layout_map(struct idmap_layout const *l, int kind, struct rk_subids const *s, uint32_t own,
                    struct rk_idrange map[RK_MAP_MAX], uint32_t *ids)
{
  struct rk_idrange const *line = l->line[kind];

  if (!l->n[kind])
    return rk_subid_map(s, (struct rk_subid_own){.outside = own, .inside = l->own[kind]}, map, ids);
  *ids = 0;
  for (uint32_t i = 0; i < l->n[kind]; i++)
    *ids += line[i].count;
  memcpy(map, line, l->n[kind] * sizeof *line);
  return l->n[kind];
}
