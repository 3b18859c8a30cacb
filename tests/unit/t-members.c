/* SPDX-License-Identifier: ISC
   Reading group(5) for rk-setid: each row is a file, cut anywhere, and the gids of "u" and "v". */
#include "../../src/rk-setid/members.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static struct row {
  char const *text, *want, *why;
} const rows[] = {
  {"", "", "an empty file"},
  {"a:x:5:u\n", "5", "a member"},
  {"a:x:5:u", "5", "without a newline at the end"},
  {"a:x:5:x,u,y\nb:x:6:v\n", "5 6", "among others; both names"},
  {"a:x:5:\nb:x:6\nu:x:7:\n", "", "nobody, no field, the group's own name"},
  {"a:x:5:uu,u2,xu\nb:x:6:U\n", "", "names that only begin alike"},
  {"a:x:5:u\nb:x:5:v\na:x:5:u,v,u\n", "5", "once"},
  {"a:u:5:x\nu:x:u:u\n", "", "in other fields"},
  {"a:x::u\nb:x:z:u\nc:x:-1:u\nd:x:5x:u\ne:x:0x5:u\n", "", "no gid"},
  {"a:x:4294967294:u\nb:x:4294967295:u\nc:x:4294967296:u\nd:x:99999999999999999999:u\n",
   "4294967294", "the last gid, and no gids"},
  {"a:x:0:u\n", "0", "gid 0"},
  {"\n\n:::\n+:::\n#a:x:5\na:x:6:u\n", "6", "lines that are none"},
  {"a:x:5:u:v\nb:x:6:,,u,,\n", "6", "one more field; empty names"},
};

static struct members m;
static char const *const names[] = {"u", "v", NULL};

static void show(char *buf, size_t size)
{
  size_t len = 0;

  buf[0] = 0;
  for (size_t i = 0; i < m.n; i++)
    len += (size_t)snprintf(buf + len, size - len, "%s%u", i ? " " : "", m.group[i]);
}

static void read_in_pieces(char const *text, size_t len, size_t piece)
{
  memset(&m, 0, sizeof m);
  m.names = names;
  for (size_t i = 0; i < len; i += piece)
    members_feed(&m, text + i, len - i < piece ? len - i : piece);
  members_end(&m);
}

int main(void)
{
  static char big[1 << 20];
  char got[256];
  size_t len;

  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    int good = 1;

    for (size_t piece = 1; piece <= 8 && good; piece++) {
      read_in_pieces(rows[i].text, strlen(rows[i].text), piece);
      show(got, sizeof got);
      good = !strcmp(got, rows[i].want);
    }
    if (!good)
      printf("# got '%s', wanted '%s'\n", got, rows[i].want);
    ok(good, rows[i].why);
  }

  len = (size_t)snprintf(big, sizeof big, "a:x:5:");
  while (len < sizeof big - 100)
    len += (size_t)snprintf(big + len, sizeof big - len, "somebody,");
  len += (size_t)snprintf(big + len, sizeof big - len, "u\nb:x:6:v\n");
  read_in_pieces(big, len, 8192);
  show(got, sizeof got);
  is_str(got, "5 6", "a line of a megabyte");

  memset(big + 6, 'u', 1000);
  read_in_pieces(big, 1006, 1006);
  is_num(m.n, 0, "a name longer than any");

  memset(&m, 0, sizeof m);
  m.names = names;
  for (gid_t g = 0; g < MEMBERS_MAX; g++)
    m.group[m.n++] = g;
  members_add(&m, 5);
  ok(m.n == MEMBERS_MAX && !m.many, "as many as the kernel takes");
  members_add(&m, MEMBERS_MAX);
  ok(m.n == MEMBERS_MAX && m.many, "one more is one too many");
  return tap_done();
}
