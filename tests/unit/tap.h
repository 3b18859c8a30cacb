/* SPDX-License-Identifier: ISC
   TAP for unit tests: a program t-NAME that ends with `return tap_done();`. */
#ifndef RK_TAP_H
#define RK_TAP_H

#include <stdio.h>
#include <string.h>

static int tap_n, tap_bad;

static inline int tap_ok(int good, char const *name, char const *file, int line)
{
  printf("%sok %d - %s\n", good ? "" : "not ", ++tap_n, name);
  if (!good) {
    tap_bad++;
    fprintf(stderr, "# %s:%d: %s\n", file, line, name);
  }
  fflush(stdout);
  return good;
}
static inline int tap_is(char const *got, char const *want, char const *name, char const *file,
                         int line)
{
  int good = tap_ok(!strcmp(got, want), name, file, line);
  if (!good)
    fprintf(stderr, "# got \"%s\", wanted \"%s\"\n", got, want);
  return good;
}
static inline int tap_isn(long long got, long long want, char const *name, char const *file,
                          int line)
{
  int good = tap_ok(got == want, name, file, line);
  if (!good)
    fprintf(stderr, "# got %lld, wanted %lld\n", got, want);
  return good;
}
static inline int tap_done(void)
{
  printf("1..%d\n", tap_n);
  return tap_bad ? 1 : 0;
}

#define ok(good, name) tap_ok(!!(good), (name), __FILE__, __LINE__)
#define is_str(got, want, name) tap_is((got), (want), (name), __FILE__, __LINE__)
#define is_num(got, want, name) \
  tap_isn((long long)(got), (long long)(want), (name), __FILE__, __LINE__)

#endif
