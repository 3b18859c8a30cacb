/* SPDX-License-Identifier: ISC
   rk-idmap's -u and -M: each row is a command line, the user's ranges, and the uid map that must
   come out, or the message. */
#include "../../src/rk-idmap/layout.h"

#include <string.h>

#include "tap.h"

enum { OWN = 1000 };
#define OVERLAP "overlaps an earlier -M, inside or outside"
#define NO_ROOT "no -M maps uid 0 and gid 0 inside"

static struct row {
  char const *args; /* u ARG or M ARG, blanks between */
  char const *ranges;
  char const *want; /* "inside:outside:count ..." of the uids, or the message */
  char const *why;
} const rows[] = {
  {"", "u:5000:10\n", "0:1000:1 1:5000:10", "nothing asked"},
  {"u 0", "u:5000:10\n", "0:1000:1 1:5000:10", "-u 0 is the usual order"},
  {"u 4", "u:5000:10\n", "4:1000:1 0:5000:4 5:5004:6", "the own id splits the range"},
  {"u 10", "u:5000:10\n", "10:1000:1 0:5000:10", "right after the range"},
  {"u 9", "u:5000:10\n", "9:1000:1 0:5000:9 10:5009:1", "before its last id"},
  {"u 4000000", "u:5000:10\n", "4000000:1000:1 0:5000:10", "far after it"},
  {"u 4294967294", "u:5000:10\n", "4294967294:1000:1 0:5000:10", "the last id there is"},
  {"u 3", "u:5000:3\nu:7000:5\nu:9000:2\n", "3:1000:1 0:5000:3 4:7000:5 9:9000:2",
   "between two ranges"},
  {"u 5", "u:5000:3\nu:7000:5\nu:9000:2\n", "5:1000:1 0:5000:3 3:7000:2 6:7002:3 9:9000:2",
   "in the second of three"},
  {"u 1", "u:5000:1\nu:7000:1\n", "1:1000:1 0:5000:1 2:7000:1", "between ranges of one id"},
  {"u 7:3", "u:5000:10\n", "7:1000:1 0:5000:7 8:5007:3", "-u UID:GID"},
  {"u 7 u 4", "u:5000:10\n", "4:1000:1 0:5000:4 5:5004:6", "the last -u counts"},
  {"M 0:5000:3 M 3:1000:1", "u:5000:10\n", "0:5000:3 3:1000:1", "lines of -M"},
  {"M 0:5009:2", "u:5000:10\nu:5010:10\n", "0:5009:2", "over two ranges that follow"},
  {"M 0:1000:1 M 5000:5000:10", "u:5000:10\n", "0:1000:1 5000:5000:10", "an identity map"},
  {"M u:0:5000:3 M g:0:77:3 M u:3:1000:1", "u:5000:10\n", "0:5000:3 3:1000:1", "u: and g:"},
  {"M g:0:77:1", "u:5000:10\n", "0:1000:1 1:5000:10", "gids only: uids in the usual order"},
  {"M 0:5000:11", "u:5000:10\n", "5010", "past the end of a range"},
  {"M 0:5001:1 M 1:4999:2", "u:5000:10\n", "4999", "before its beginning"},
  {"M 0:5000:1 M 1:999:2", "u:5000:10\n", "999", "the own id in a line of two"},
  {"M 0:1000:2", "u:1001:10\n", "1000", "although the other one is delegated"},
  {"M 0:5000:1 M 7:6000:1 M 8:7000:1", "u:5000:10\n", "6000", "the first is named"},
  {"M 0:5000:4294967295", "u:5000:10\n", "goes past the last id, 4294967294", "a huge count"},
  {"M 4294967294:5000:1 M 0:5001:1", "u:5000:10\n", "4294967294:5000:1 0:5001:1", "the last id"},
  {"M 4294967294:5000:2", "", "goes past the last id, 4294967294", "one more"},
  {"M 4294967295:5000:1", "", "goes past the last id, 4294967294", "the id that means none"},
  {"M 0:4294967295:1", "", "goes past the last id, 4294967294", "and outside"},
  {"M 0:5000:0", "", "has no ids", "no count"},
  {"M 0:5000:3 M 2:6000:1", "", OVERLAP, "an overlap inside"},
  {"M 0:5000:3 M 9:5002:1", "", OVERLAP, "an overlap outside"},
  {"M u:0:5000:3 M 2:6000:1", "", OVERLAP, "of one kind"},
  {"M u:0:1000:1 M g:0:1000:1", "", "0:1000:1", "the same for both kinds is no overlap"},
  {"M 1:5000:3", "", NO_ROOT, "no root"},
  {"M g:1:5000:3", "", NO_ROOT, "no group 0"},
  {"M 0:1:1 u 5", "", "-u and -M exclude each other: give the own id a line of -M", "both"},
  {"M g:0:1:1 u 5", "", "-u and -M exclude each other: give the own id a line of -M", "of gids"},
};

static char const *const malformed_lines[] = {
  "",
  "0",
  "0:1",
  "0:1:",
  ":1:1",
  "0::1",
  "0:1:1:",
  "0:1:1:1",
  "a:1:1",
  "0:a:1",
  "0:1:a",
  "-1:1:1",
  " 0:1:1",
  "0:1:1 ",
  "x:0:1:1",
  "u:",
  "u:0:1",
  "u:g:0:1:1",
  "U:0:1:1",
  "u0:1:1",
  "+0:1:1",
  "0:0x5:1",
  "0,1,1",
  "0:1:4294967296",
  "0:4294967296:1",
  "99999999999999999999:1:1",
};
static char const *const malformed_own[] = {
  "", ":", "1:", ":1", "a", "1:a", "1:1:1", "-1", "1 ", " 1", "0x1", "4294967296", "1:4294967296",
};

static struct rk_subids s;
static struct idmap_layout l;
static struct rk_idrange map[RK_MAP_MAX];

static void show(char *buf, size_t size, struct rk_idrange const *line, uint32_t n)
{
  size_t len = 0;

  buf[0] = 0;
  for (uint32_t i = 0; i < n; i++)
    len += (size_t)snprintf(buf + len, size - len, "%s%u:%u:%u", i ? " " : "", line[i].inside,
                            line[i].outside, line[i].count);
}

static char const *take(char const *args)
{
  char copy[256];
  char *word;

  strncpy(copy, args, sizeof copy - 1);
  copy[sizeof copy - 1] = 0;
  word = strtok(copy, " ");
  while (word) {
    char option = *word;
    char const *wrong;

    word = strtok(NULL, " ");
    wrong = option == 'u' ? layout_own(&l, word) : layout_line(&l, word);
    if (wrong)
      return wrong;
    word = strtok(NULL, " ");
  }
  return layout_check(&l);
}

static void try(struct row const *r)
{
  static char const *const owner[] = {"u", NULL};
  char got[256];
  char const *wrong;
  uint32_t id;
  uint32_t ids;

  memset(&l, 0, sizeof l);
  wrong = take(r->args);
  if (wrong) {
    is_str(wrong, r->want, r->why);
    return;
  }
  rk_subid_begin(&s, (struct rk_subid_owner){owner, OWN}, 0);
  rk_subid_feed(&s, r->ranges, strlen(r->ranges));
  rk_subid_end(&s);
  if (layout_foreign(&l, 0, &s, OWN, &id))
    snprintf(got, sizeof got, "%u", id);
  else
    show(got, sizeof got, map, layout_map(&l, 0, &s, OWN, map, &ids));
  is_str(got, r->want, r->why);
}

/* 339 ranges and the own id are what a map can hold: splitting one is too much. */
static void limits(void)
{
  uint32_t ids;
  char text[40];

  memset(&l, 0, sizeof l);
  s.n = RK_SUBID_MAX;
  for (unsigned int i = 0; i < s.n; i++)
    s.range[i] = (struct rk_subid_range){.start = 2000 + 3 * i, .count = 2};
  is_num(layout_map(&l, 0, &s, OWN, map, &ids), RK_MAP_MAX, "339 ranges and the own id");
  is_num(ids, 2 * RK_SUBID_MAX + 1, "all of them");
  l.own[0] = 4;
  is_num(layout_map(&l, 0, &s, OWN, map, &ids), RK_MAP_MAX, "the own id between two");
  l.own[0] = 5;
  is_num(layout_map(&l, 0, &s, OWN, map, &ids), 0, "the own id in one: a line too many");
  l.own[0] = 2 * RK_SUBID_MAX - 1;
  is_num(layout_map(&l, 0, &s, OWN, map, &ids), 0, "in the last one, too");

  memset(&l, 0, sizeof l);
  for (unsigned int i = 0; i < RK_MAP_MAX; i++) {
    snprintf(text, sizeof text, "%u:%u:1", i, 5000 + i);
    if (layout_line(&l, text))
      break;
  }
  is_num(l.n[0], RK_MAP_MAX, "340 lines of -M");
  is_str(layout_line(&l, "900:900:1"), "is one too many: the kernel takes 340 lines", "no more");
}

int main(void)
{
  int good = 1;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    try(&rows[i]);
  memset(&l, 0, sizeof l);
  for (size_t i = 0; i < sizeof malformed_lines / sizeof *malformed_lines; i++) {
    char const *wrong = layout_line(&l, malformed_lines[i]);
    good &= wrong && !strncmp(wrong, "is not [u:|g:]INSIDE:", 21);
  }
  ok(good && !layout_given(&l), "malformed lines");
  for (size_t i = 0; i < sizeof malformed_own / sizeof *malformed_own; i++) {
    char const *wrong = layout_own(&l, malformed_own[i]);
    good &= wrong && !strncmp(wrong, "is not UID", 10);
  }
  ok(good && !layout_given(&l), "malformed own ids");
  is_str(layout_own(&l, "4294967295"), "is past the last id, 4294967294", "no id for -u");
  is_str(layout_own(&l, "1:4294967295"), "is past the last id, 4294967294", "nor as gid");
  limits();
  return tap_done();
}
