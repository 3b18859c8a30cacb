/* SPDX-License-Identifier: ISC
   rk-copyup's judgement of symbolic links and of lines of mountinfo. */
#include "../../src/rk-copyup/copyup.h"
#include "tap.h"

static struct row {
  char const *text;
  unsigned int depth;
  int out;
  char const *top; /* null: none; "*": any */
  char const *why;
} const rows[] = {
  {"/etc/../..", 0, 0, 0, "absolute"},
  {"a", 1, 0, 0, "a neighbour"},
  {"a", 0, 0, "a", "a neighbour at the top"},
  {"./a/b", 0, 0, "a", "the same, with a dot and a path"},
  {"../a", 1, 0, "a", "up to the top"},
  {"..//.//a/", 1, 0, "a", "with slashes and dots to spare"},
  {"..", 1, 0, "*", "the directory itself"},
  {"../.", 1, 0, "*", "the same, with a dot"},
  {".", 0, 0, "*", "the same from the top"},
  {"../a", 2, 0, 0, "not as far as the top"},
  {"../../var/lib/pem", 1, 1, 0, "out, as openSUSE's /etc/ssl/certs"},
  {"../x", 0, 1, 0, "out from the top"},
  {"a/../../b", 1, 1, 0, "each .. counts: a may be a link"},
  {"a/../b", 1, 0, "b", "the same, not out"},
  {"...", 0, 0, "...", "three dots are a name"},
  {"..a/b", 0, 0, "..a", "so are two and a letter"},
  {"", 0, 0, "*", "empty"},
};

static struct line {
  char const *text, *at, *why;
  unsigned int parent;
} const lines[] = {
  {"36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw", "/mnt2", "a line of the manual", 35},
  {"36 35 98:0 / /a\\040b\\134c rw - ext3 x rw", "/a b\\c", "escapes", 35},
  {"36 35 98:0 / /a\\04", "/a\\04", "a cut escape is no escape", 35},
  {"36 35 98:0 / /a\\477", "/a\\477", "nor is one that is no byte", 35},
  {"36 35 98:0 /", 0, "too few fields", 0},
  {"36 x 98:0 / /", 0, "no number", 0},
  {"", 0, "empty", 0},
};

int main(void)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct row const *r = rows + i;
    struct copyup_climb c = {0};
    uint64_t want = !r->top ? 0 : !strcmp(r->top, "*") ? ~(uint64_t)0 : copyup_bit(r->top, strlen(r->top));
    copyup_climb(&c, r->text, r->depth);
    ok(c.out == r->out && (r->out || c.tops == want), r->why);
  }
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    char text[128];
    unsigned int parent = 0;
    char const *at;
    memcpy(text, lines[i].text, strlen(lines[i].text) + 1);
    at = copyup_mountpoint(text, &parent);
    ok(lines[i].at ? at && !strcmp(at, lines[i].at) && parent == lines[i].parent : !at, lines[i].why);
  }
  return tap_done();
}
