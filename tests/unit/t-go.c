/* SPDX-License-Identifier: ISC
   libcompat: numbers and quotes of Go. */
#include "tap.h"

#include <compat/go.h>
#include <rk/atoi.h>

static void good(char const *s, int64_t want)
{
  char err[200];
  int64_t n = -77;

  is_num(go_atoi(s, &n, err, sizeof err), 0, s);
  is_num(n, want, s);
}

static void bad(char const *s, char const *want)
{
  char err[200];
  int64_t n = -77;

  is_num(go_atoi(s, &n, err, sizeof err), -1, want);
  is_str(err, want, want);
  is_num(n, -77, "and no number");
}

int main(void)
{
  char out[16];
  int64_t n;

  good("0", 0);
  good("+7", 7);
  good("-12", -12);
  good("0000000000000000000000000000012", 12);
  good("9223372036854775807", INT64_MAX);
  good("-9223372036854775808", INT64_MIN);
  bad("", "strconv.Atoi: parsing \"\": invalid syntax");
  bad("+", "strconv.Atoi: parsing \"+\": invalid syntax");
  bad("1x", "strconv.Atoi: parsing \"1x\": invalid syntax");
  bad(" 1", "strconv.Atoi: parsing \" 1\": invalid syntax");
  bad("0x1", "strconv.Atoi: parsing \"0x1\": invalid syntax");
  bad("--1", "strconv.Atoi: parsing \"--1\": invalid syntax");
  bad("9223372036854775808", "strconv.Atoi: parsing \"9223372036854775808\": value out of range");
  bad("-9223372036854775809", "strconv.Atoi: parsing \"-9223372036854775809\": value out of range");
  bad("99999999999999999999999999",
      "strconv.Atoi: parsing \"99999999999999999999999999\": value out of range");
  bad("9999999999999999999999999x",
      "strconv.Atoi: parsing \"9999999999999999999999999x\": invalid syntax");
  bad("\x1b", "strconv.Atoi: parsing \"\\x1b\": invalid syntax");
  is_num(rk_atoi("12345", 3, &n), RK_ATOI_GOOD, "a piece of a text");
  is_num(n, 123, "and no more");

  is_str(go_quote("a\n", out, sizeof out), "\"a\\n\"", "a quoted text");
  is_str(go_quote("0123456789abcdef", out, sizeof out), "\"0123456789abc\"", "cut, with its quote");
  return tap_done();
}
