/* SPDX-License-Identifier: ISC
   rk_text, rk_procpath, rk_fail. */
#include "tap.h"

#include <errno.h>

#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/text.h>

static void quotes(char const *s, char const *want, char const *what)
{
  char buf[128];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_quote(&t, s, strlen(s));
  is_str(buf, want, what);
}

static void shells(char const *s, char const *want, char const *what)
{
  char buf[128];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_shell(&t, s);
  is_str(buf, want, what);
}

static void shell(void)
{
  shells("/run/user/1000/rk.x-1", "/run/user/1000/rk.x-1", "a word that needs no quotes");
  shells("", "''", "an empty word");
  shells("a b$c;d", "'a b$c;d'", "what a shell would act upon");
  shells("it's", "'it'\\''s'", "a quote");
  shells("\x1b]0;x\a", "\"$(printf '\\033]0;x\\007')\"", "what a terminal would act upon");
  shells("\xc2\x9b%d\\'!", "\"$(printf '\\302\\233\\045d\\134\\047\\041')\"",
         "and what printf or a shell would, in the midst of it");
  shells("a\n", "$'a\\012'", "a newline at the end is kept");
}

/* As Go's strconv.Quote has it. */
static void quoting(void)
{
  char buf[8];
  struct rk_text t;

  quotes("", "\"\"", "nothing in quotes");
  quotes("a b\"c\\d", "\"a b\\\"c\\\\d\"", "quote and backslash");
  quotes("\a\b\f\n\r\t\v", "\"\\a\\b\\f\\n\\r\\t\\v\"", "control characters that have a letter");
  quotes("\x1b[2J\x7f", "\"\\x1b[2J\\x7f\"", "and those that have none");
  quotes("\xff\xc3", "\"\\xff\\xc3\"", "what is no UTF-8");
  quotes("\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80", "\"\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80\"",
         "letters of any alphabet stay");
  quotes("\xc2\x9b"
         "2J\xc2\xa0",
         "\"\\u009b2J\\u00a0\"", "control characters above 0x7f, which terminals obey");
  quotes("\xe2\x80\xae\xef\xbb\xbf", "\"\\u202e\\ufeff\"", "what turns the direction of writing");
  quotes("\xf3\xb0\x80\x80", "\"\\U000f0000\"", "private use, beyond 16 bits");
  t = rk_text_in(buf, sizeof buf);
  rk_text_quote(&t, "abcdefgh", 8);
  is_str(buf, "\"abcde\"", "a text that is cut has its second quote");
  is_num(t.cut, 1, "and says that it is cut");
  t = rk_text_in(buf, sizeof buf);
  rk_text_quote(&t, "abcde", 5);
  is_num(t.cut, 0, "one that just fits does not");
  t = rk_text_in(buf, sizeof buf);
  rk_text_quote(&t, "abc\n\n", 5);
  is_str(buf, "\"abc\\n\"", "it is cut between characters");
  t = rk_text_in(buf, sizeof buf);
  rk_text_json(&t, "\xff\n", 2);
  is_str(buf, "\"\"", "JSON, too: nothing of it fits");
}

/* Of each kind that is escaped, and a letter that is not. */
static char const foreign[] =
  "a\n\r\t\a\b\x1b[1m\x7f\"\\ "
  "\xc2\x85\xc2\x9b\xc3\xa9\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f\xe2\x80\xa8"
  "\xd8\x9c\xff\x9b\xed\xa0\x80\xc2";
static char const others[] = "{\"a\\n\":\"\x7f\xff\\\"\"}";

static void safe(void)
{
  char buf[512];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_safe(&t, foreign, sizeof foreign - 1);
  is_str(buf,
         "a\\n\\r\\t\\a\\b\\x1b[1m\\x7f\"\\ \\u0085\\u009b\xc3\xa9\\u202e\\u2066\\u200f\\u2028"
         "\\u061c\\xff\\x9b\\xed\\xa0\\x80\\xc2",
         "made safe");
  t = rk_text_in(buf, sizeof buf);
  rk_text_json(&t, foreign, sizeof foreign - 1);
  is_str(buf,
         "\"a\\n\\r\\t\\u0007\\b\\u001b[1m\\u007f\\\"\\\\ "
         "\\u0085\\u009b\xc3\xa9\\u202e\\u2066\\u200f\\u2028"
         "\\u061c\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"",
         "as JSON");
  t = rk_text_in(buf, sizeof buf);
  rk_text_json_safe(&t, others, sizeof others - 1);
  is_str(buf, "{\"a\\n\":\"\\u007f\\ufffd\\\"\"}", "JSON of others");
  t = rk_text_in(buf, sizeof buf);
  rk_text_safe(&t, "a\0b", 3);
  is_str(buf, "a\\x00b", "a NUL");
  t = rk_text_in(buf, 8);
  rk_text_safe(&t, "abcd\x1b", 5);
  is_str(buf, "abcd", "cut between characters");
}

int main(void)
{
  char buf[16], path[RK_PROCPATH_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_add(&t, "a");
  is_str(buf, "a", "one text");
  rk_text_add(&t, "b", "", "cd");
  is_str(buf, "abcd", "several, an empty one too");
  is_num(t.cut, 0, "all of it fits");
  rk_text_add(&t, "0123456789", "x", "y");
  is_str(buf, "abcd0123456789x", "what does not fit is cut off");
  is_num(t.cut, 1, "which is noted");

  quoting();
  safe();
  shell();
  is_str(rk_procpath(path, 42, "ns/user"), "/proc/42/ns/user", "a path of /proc");
  is_str(rk_procpath(path, 2147483647, "root"), "/proc/2147483647/root", "of the greatest pid");
  is_str(rk_procpath(path, 0, "stat"), "/proc/self/stat", "0 is this process");
  is_str(rk_procpath(path, 7, ""), "/proc/7", "and its directory");

  errno = 0;
  is_num(rk_fail(EXDEV), -1, "rk_fail is -1");
  is_num(errno, EXDEV, "and sets errno");
  return tap_done();
}
