/* SPDX-License-Identifier: ISC
   rk-copyup's judgement of symbolic links. */
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

int main(void)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    struct row const *r = rows + i;
    struct escape_climb c = {0};
    uint64_t want = !r->top                ? 0
                    : !strcmp(r->top, "*") ? ~(uint64_t)0
                                           : escape_bit(r->top, strlen(r->top));
    escape_climb(&c, r->text, r->depth);
    ok(c.out == r->out && (r->out || c.tops == want), r->why);
  }
  return tap_done();
}
