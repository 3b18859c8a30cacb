/* SPDX-License-Identifier: ISC
   f-layout: options -u and -M, one a line, then a line "." and the ranges of subuid(5); a map that
   comes out must be one that the kernel's own rules allow.
   fuzz: src/rk-idmap/layout.c
 */
#include "../../src/rk-idmap/layout.h"

#include <stdlib.h>
#include <string.h>

enum { OWN = 1000, OPTION_MAX = 256 };

static void expect(int good)
{
  if (!good)
    abort();
}

static int apart(uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
  return (uint64_t)a + na <= b || (uint64_t)b + nb <= a;
}

static void judge(struct rk_idrange const *map, uint32_t n)
{
  int root = 0;

  for (uint32_t i = 0; i < n; i++) {
    expect(map[i].count != 0);
    expect((uint64_t)map[i].inside + map[i].count <= UINT32_MAX);
    expect((uint64_t)map[i].outside + map[i].count <= UINT32_MAX);
    root |= !map[i].inside;
    for (uint32_t j = 0; j < i; j++) {
      expect(apart(map[i].inside, map[i].count, map[j].inside, map[j].count));
      expect(apart(map[i].outside, map[i].count, map[j].outside, map[j].count));
    }
  }
  expect(root);
}

/* Returns how much of the input were options. */
static size_t read_options(struct idmap_layout *l, char const *text, size_t size)
{
  char option[OPTION_MAX];
  size_t at = 0;

  while (at < size) {
    char const *nl = memchr(text + at, '\n', size - at);
    size_t len = nl ? (size_t)(nl - text) - at : size - at;

    if (len >= sizeof option)
      len = sizeof option - 1;
    memcpy(option, text + at, len);
    option[len] = 0;
    at += len + (nl != NULL);
    if (!strcmp(option, "."))
      return at;
    if (layout_own(l, option))
      (void)layout_line(l, option);
  }
  return size;
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static char const *const owner[] = {"u", NULL};
  static struct rk_subids s;
  static struct idmap_layout l;
  static struct rk_idrange map[RK_MAP_MAX];
  char const *text = (char const *)data;
  uint32_t ids, id;
  size_t at;

  memset(&l, 0, sizeof l);
  at = read_options(&l, text, size);
  if (layout_check(&l))
    return 0;
  rk_subid_begin(&s, (struct rk_subid_owner){owner, OWN}, 0);
  rk_subid_feed(&s, text + at, size - at);
  rk_subid_end(&s);
  if (!s.n || rk_subid_check(&s, OWN) == -1)
    return 0;
  if (!layout_foreign(&l, 0, &s, OWN, &id)) {
    uint32_t n = layout_map(&l, 0, &s, OWN, map, &ids);
    uint32_t sum = 0;

    if (n) {
      judge(map, n);
      for (uint32_t i = 0; i < n; i++)
        sum += map[i].count;
      expect(sum == ids);
    }
  }
  return 0;
}
