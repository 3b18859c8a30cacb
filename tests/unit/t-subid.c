/* SPDX-License-Identifier: ISC
   The readers of subuid(5) and of getsubids(1): each line of the table is a file, what must come
   out of it, and why. */
#include <rk/subid.h>

#include "tap.h"

static struct row {
  char const *text;
  char const *want; /* "start+count ..." or "WRONG line other" */
  char const *why;
  int dynamic;
} const rows[] = {
  {"u:100000:65536\n", "100000+65536", "one line", 0},
  {"u:100000:65536", "100000+65536", "no final newline", 0},
  {"", "", "empty file", 0},
  {"\n\n#u:1:1\n  # u:2:2\nu:3:3\n", "3+3", "empty lines and comments", 0},
  {"1000:5000:10\n", "5000+10", "by id", 0},
  {"u:1:2\nv:3:4\n1000:5:6\nu:17:8\n", "1+2 5+6 17+8",
   "several lines, by name and by id, in their order", 0},
  {"uu:1:2\n:1:2\n10000:3:4\n01750:7:1\n", "7+1",
   "other owners; an id in octal, as newuidmap reads it", 0},
  {"u:1:2\nu:1:2\n1000:1:2\n", "1+2", "duplicates", 0},
  {" u :\t100000 : 65536 \r\n", "100000+65536", "blanks and a carriage return", 0},
  {"u:2147483648:65536\nu:4000000000:294967295\n", "2147483648+65536 4000000000+294967295",
   "above 2^31", 0},
  {"u:4294967294:1\n", "4294967294+1", "the last id", 0},
  {"u:4294967295:1\n", "HIGH 1 0", "the id that means none", 0},
  {"u:4294901760:65536\n", "HIGH 1 0", "a range into it", 0},
  {"u:99999999999999999999999:1\n", "HIGH 1 0", "a number past 64 bits", 0},
  {"u:1:18446744073709551616\n", "HIGH 1 0", "a count past 64 bits", 0},
  {"u:0x186a0:010\n", "100000+8", "hexadecimal and octal", 0},
  {"u:5:0\nu:7:1\n", "7+1", "an empty range", 0},
  {"second name:3:4\nsecond:5:6\nu:7:8\n", "3+4 7+8", "by each name of the id", 0},
  {"garbage\nv:x:y\nv\nu:7:1\n", "7+1", "other people's malformed lines", 0},
  {"v:1:1\nu\n", "FORMAT 2 0", "an own line without fields", 0},
  {"u:1\n", "FORMAT 1 0", "two fields", 0},
  {"u:1:2:3\n", "FORMAT 1 0", "four fields", 0},
  {"u::2\n", "FORMAT 1 0", "an empty field", 0},
  {"u:1:\n", "FORMAT 1 0", "an empty last field", 0},
  {"#\nu:a:2\n", "NUMBER 2 0", "no number", 0},
  {"u:-1:2\n", "NUMBER 1 0", "a negative number", 0},
  {"u:1:2 3\n", "NUMBER 1 0", "two numbers in a field", 0},
  {"u:0x:2\n", "NUMBER 1 0", "an empty hexadecimal number", 0},
  {"u:1:08\n", "NUMBER 1 0", "no octal digit", 0},
  {"u:2000:10\n#\nu:2009:1\n", "OVERLAP 1 3", "an overlap at the end", 0},
  {"u:2000:10\nu:1995:6\n", "OVERLAP 1 2", "an overlap at the beginning", 0},
  {"u:2000:10\nu:2010:1\nu:1999:1\n", "2000+10 2010+1 1999+1", "neighbours", 0},
  {"u:2000:10\nu:999:2\n", "OWN 2 0", "the own id at the end of a range", 0},
  {"u:0:1000\nu:1001:5\n", "0+1000 1001+5", "ranges around the own id", 0},
  {"u:1001:4294966000\nu:0:1000\nu:4294967001:200\n", "1001+4294966000 0+1000 4294967001+200",
   "nearly everything", 0},
  {"0: u 100000 65536\n1: u 300000 5\n", "100000+65536 300000+5", "getsubids", 1},
  {"# nothing\n\n0: 1000 1 2", "1+2", "getsubids: comments, no newline", 1},
  {"Error fetching ranges\n", "FORMAT 1 0", "getsubids: an error", 1},
  {"x: u 1 2\n", "FORMAT 1 0", "getsubids: no index", 1},
  {"0: u 1\n", "FORMAT 1 0", "getsubids: a word is missing", 1},
  {"0: u 1 2 3\n", "FORMAT 1 0", "getsubids: a word too many", 1},
  {"0: u 1 b\n", "NUMBER 1 0", "getsubids: no number", 1},
};
enum { ROWS = sizeof rows / sizeof *rows };

static char const *const names[] = {"", "FORMAT", "NUMBER", "HIGH", "OVERLAP", "OWN", "MANY"};
static char const *const owner[] = {"u", "second name", NULL};
static struct rk_subids s;

static void read_in_pieces(char const *text, size_t len, size_t piece, int dynamic)
{
  rk_subid_begin(&s, (struct rk_subid_owner){owner, 1000}, dynamic);
  for (size_t i = 0; i < len; i += piece)
    rk_subid_feed(&s, text + i, len - i < piece ? len - i : piece);
  rk_subid_end(&s);
}

static void show(char *buf, size_t size)
{
  size_t len = 0;

  buf[0] = 0;
  if (s.wrong)
    snprintf(buf, size, "%s %u %u", names[s.wrong], s.line, s.other);
  else
    for (unsigned int i = 0; i < s.n; i++)
      len += (size_t)snprintf(buf + len, size - len, "%s%u+%u", i ? " " : "", s.range[i].start,
                              s.range[i].count);
}

int main(void)
{
  static char big[64 * 1024];
  static struct rk_idrange map[RK_MAP_MAX];
  uint32_t ids;
  size_t len = 0;

  for (unsigned int i = 0; i < ROWS; i++) {
    struct row const *r = &rows[i];
    int good = 1;

    for (size_t piece = 1; piece <= 8 && good; piece++) {
      char got[1024];
      read_in_pieces(r->text, strlen(r->text), piece, r->dynamic);
      rk_subid_check(&s, 1000);
      show(got, sizeof got);
      good = !strcmp(got, r->want);
      if (!good)
        printf("# in pieces of %zu: got '%s', want '%s'\n", piece, got, r->want);
    }
    ok(good, r->why);
  }

  for (unsigned int i = 0; i <= RK_SUBID_MAX; i++) {
    if (i == RK_SUBID_MAX) {
      read_in_pieces(big, len, 4096, 0);
      ok(!rk_subid_check(&s, 1000) && s.n == RK_SUBID_MAX, "339 ranges");
    }
    len += (size_t)snprintf(big + len, sizeof big - len, "u:%u:2\n", 2000 + i * 2);
  }
  read_in_pieces(big, len, 4096, 0);
  ok(rk_subid_check(&s, 1000) == -1 && s.wrong == RK_SUBID_MANY && s.line == 340,
     "340 ranges are one too many");

  memset(big, ' ', 3000);
  memcpy(big, "v:1:1", 5);
  memcpy(big + 3000, "\nu:1:1\n", 7);
  read_in_pieces(big, 3007, 100, 0);
  ok(!s.wrong && s.n == 1 && s.range[0].line == 2,
     "a line longer than any buffer, of another owner");
  big[0] = 'u';
  read_in_pieces(big, 3007, 100, 0);
  ok(s.wrong == RK_SUBID_FORMAT && s.line == 1, "such a line of the owner");

  read_in_pieces("u:5:5\nu:4000000000:7\n", 21, 21, 0);
  ok(!rk_subid_check(&s, 1000) &&
       rk_subid_map(&s, (struct rk_subid_own){.outside = 1000}, map, &ids) == 3 && ids == 13 &&
       map[0].inside == 0 && map[0].outside == 1000 && map[0].count == 1 && map[1].inside == 1 &&
       map[1].outside == 5 && map[1].count == 5 && map[2].inside == 6 &&
       map[2].outside == 4000000000U && map[2].count == 7,
     "the map");

  rk_subid_begin(&s, (struct rk_subid_owner){0, 1000}, 0);
  rk_subid_feed(&s, "u:1:1\n1000:2:2\n", 15);
  rk_subid_end(&s);
  ok(s.n == 1 && s.range[0].start == 2, "an owner without a name");
  return tap_done();
}
