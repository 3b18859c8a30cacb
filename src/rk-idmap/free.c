/* SPDX-License-Identifier: ISC
   A range that nobody has, for a usermod line that an administrator can paste. */
#include "idmap.h"

#include <stdlib.h>
#include <string.h>

#include <rk/names.h>

/* Where ranges are looked for: SUB_UID_MIN and SUB_UID_MAX of login.defs(5), as they are by
   default; after that wherever ids are left. */
enum { FIRST = 100000, LAST = 600100000, PASSES = 64 };

struct gap {
  uint64_t first; /* of IDMAP_COUNT ids that may be free */
  uint64_t top;   /* the end of the highest range seen */
  int moved;
};

static void avoid(struct gap *gap, uint64_t start, uint64_t count)
{
  if (!count || start >= gap->first + IDMAP_COUNT || start + count <= gap->first)
    return;
  gap->first = start + count;
  gap->moved = 1;
}

/* The number in the field after the next colon, as strtoul(3) base 0 reads it, which newuidmap
   does: at most UINT32_MAX + 1. *s moves to it. 0: there is no such field. */
static int next_number(char **s, uint64_t *value)
{
  uint64_t const most = (uint64_t)UINT32_MAX + 1;

  *s = strchr(*s, ':');
  if (!*s)
    return 0;
  ++*s;
  *value = strtoull(*s, NULL, 0);
  if (*value > most)
    *value = most;
  return 1;
}

static void avoid_range(void *data, char *line)
{
  struct gap *gap = data;
  uint64_t start;
  uint64_t count;

  if (*line == '#' || !next_number(&line, &start) || !next_number(&line, &count))
    return;
  if (start + count > gap->top)
    gap->top = start + count;
  avoid(gap, start, count);
}

static void avoid_account(void *data, char *line)
{
  uint64_t password;
  uint64_t id;

  if (next_number(&line, &password) && next_number(&line, &id))
    avoid(data, id, 1);
}

static void pass(struct gap *gap, struct idmap_who const *who)
{
  gap->moved = 0;
  rk_each_line("/etc/subuid", avoid_range, gap);
  rk_each_line("/etc/subgid", avoid_range, gap);
  rk_each_line("/etc/passwd", avoid_account, gap);
  rk_each_line("/etc/group", avoid_account, gap);
  avoid(gap, who->uid, 1);
  avoid(gap, who->gid, 1);
}

/* From this id upwards: ranges in the files are in any order, so until nothing is in the way. */
static uint32_t search_from(uint64_t first, struct idmap_who const *who)
{
  struct gap gap = {.first = first, .moved = 1};

  for (int i = 0; gap.moved && i < PASSES; i++)
    pass(&gap, who);
  if (gap.moved || gap.first + IDMAP_COUNT > UINT32_MAX)
    return 0;
  return (uint32_t)gap.first;
}

uint32_t idmap_free_range(struct idmap_who const *who)
{
  struct gap all = {.first = FIRST};
  uint32_t found = 0;

  pass(&all, who);
  if (all.top > FIRST && all.top <= LAST - IDMAP_COUNT)
    found = search_from(all.top, who);
  if (!found)
    found = search_from(FIRST, who);
  return found;
}
