/* SPDX-License-Identifier: ISC
   libFuzzer target: any bytes as /etc/subuid and as an answer of getsubids, cut anywhere; what
   passes the check must be a map that the kernel's own rules allow. */
#include <rk/subid.h>

#include <stdlib.h>

static void expect(int ok)
{
  if (!ok)
    abort();
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static char const *const owner[] = {"u", "second name", NULL};
  static struct rk_subids s;
  static struct rk_idrange map[RK_MAP_MAX];
  uint32_t ids, sum = 0;
  size_t cut;

  if (!size)
    return 0;
  cut = data[0] % size;
  rk_subid_begin(&s, (struct rk_subid_owner){owner, 1000}, data[0] & 1);
  rk_subid_feed(&s, (char const *)data, cut);
  rk_subid_feed(&s, (char const *)data + cut, size - cut);
  rk_subid_end(&s);
  expect(s.n <= RK_SUBID_MAX);
  if (rk_subid_check(&s, 1000) == -1) {
    expect(s.wrong && s.line);
    return 0;
  }
  expect(rk_subid_map(&s, (struct rk_subid_own){.outside = 1000}, map, &ids) == s.n + 1 && ids);
  for (uint32_t i = 0; i <= s.n; i++) {
    expect(map[i].inside == sum && map[i].count && map[i].outside + map[i].count > map[i].outside);
    sum += map[i].count;
    for (uint32_t j = 0; j < i; j++)
      expect(map[i].outside >= map[j].outside + map[j].count ||
             map[j].outside >= map[i].outside + map[i].count);
  }
  expect(sum == ids);
  return 0;
}
