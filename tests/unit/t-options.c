/* SPDX-License-Identifier: ISC
   Unit tests of rk/options.h: each call in a child, whose end and words are read. */
#include <rk/options.h>

#include <stddef.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>

#include "tap.h"

struct values {
  int flag;
  int other;
  char const *text;
  char const *five;
  uint32_t number;
  uint32_t few;
  int word;
  int fd;
  int calls;
};

static int has_five_bytes(char const *value)
{
  return strlen(value) == 5;
}

static int count(void *into, char const *value)
{
  struct values *v = into;

  if (!strcmp(value, "no"))
    return 0;
  v->calls++;
  return 1;
}

static struct rk_option const OPTIONS[] = {
  {.letter = 'f', .kind = RK_OPTION_FLAG, .at = offsetof(struct values, flag), .text = "a flag"},
  {.letter = 'o',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct values, other),
   .text = "other",
   .join = " | "},
  {.letter = 't',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct values, text),
   .arg = "text",
   .text = "a text",
   .join = " "},
  {.letter = '5',
   .kind = RK_OPTION_TEXT,
   .at = offsetof(struct values, five),
   .arg = "five",
   .text = "five bytes",
   .valid = has_five_bytes},
  {.letter = 'n',
   .kind = RK_OPTION_NUMBER,
   .at = offsetof(struct values, number),
   .arg = "n",
   .text = "any",
   .min = 1},
  {.letter = 'r',
   .kind = RK_OPTION_NUMBER,
   .at = offsetof(struct values, few),
   .arg = "n",
   .text = "two to nine",
   .min = 2,
   .max = 9},
  {.letter = 'w',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct values, word),
   .arg = "one|two|a-long-word",
   .text = "words",
   .aliases = "|zwei|"},
  {.letter = 'd',
   .kind = RK_OPTION_FD,
   .at = offsetof(struct values, fd),
   .arg = "fd",
   .text = "an fd"},
  {.letter = 'q', .kind = RK_OPTION_FLAG, .at = offsetof(struct values, flag)},
  {.letter = 'c',
   .other = 'C',
   .kind = RK_OPTION_CALL,
   .arg = "what",
   .text = "calls",
   .take = count,
   .many = 1},
  {0},
};

static struct rk_usage usage = {
  .name = "rk-test verb",
  .summary = "be tested",
  .operands = "dir [ more... ]",
  .options = OPTIONS,
};

#define LINE \
  "rk-test verb [ -f ] [ -o | -t text -5 five ] [ -n n ] [ -r n ] [ -w one|two|a-long-word ] " \
  "[ -d fd ] [ -c what ]... dir [ more... ]\n"

static char said[4096];
static struct values got;

/* What the child has read: its values, then the number of the first operand as exit code. */
static void child(int argc, char const *const *argv, int out)
{
  struct values v = {.word = -1, .fd = -1};

  dup2(out, 1);
  dup2(out, 2);
  int first = rk_options(&usage, argc, argv, &v);
  if (write(1, &v, sizeof v) < 0)
    _exit(99);
  _exit(first);
}

/* The exit code. */
static int call(char const *const *argv)
{
  int fds[2], status, argc = 0;
  size_t len = 0;
  pid_t pid;
  ssize_t r;

  while (argv[argc])
    argc++;
  memset(said, 0, sizeof said);
  if (pipe(fds) == -1)
    return -1;
  pid = fork();
  if (pid == -1)
    return -1;
  if (!pid)
    child(argc, argv, fds[1]);
  close(fds[1]);
  while ((r = read(fds[0], said + len, sizeof said - 1 - len)) > 0)
    len += (size_t)r;
  close(fds[0]);
  waitpid(pid, &status, 0);
  memcpy(&got, said, sizeof got);
  return WEXITSTATUS(status);
}

#define CALL(...) call((char const *const[]){"rk-test", __VA_ARGS__, NULL})
#define WRONG(words, ...) \
  do { \
    is_num(CALL(__VA_ARGS__), 100, words ": 100"); \
    is_str(said, "rk-test: fatal: " words "\nrk-test: usage: " LINE, \
           words ": told, then the usage"); \
  } while (0)

static void accepted(void)
{
  is_num(CALL("x"), 1, "no option");
  is_num(got.flag, 0, "the default of a flag stays");
  is_num(got.word, -1, "that of a word, too");
  is_num(CALL("-f", "-n7", "-r", "9", "-w", "a-long-word", "-d", "0", "-5", "12345", "x", "-o"), 11,
         "each kind");
  is_num(got.flag, 1, "a flag");
  is_num(got.other, 0, "what follows an operand is no option");
  is_num(got.number, 7, "a number beside its letter");
  is_num(got.few, 9, "one in its range");
  is_num(got.word, 2, "a word");
  is_num(got.fd, 0, "an fd");
  is_num(CALL("-fon", "4294967295", "-cc", "-C", "", "x"), 6, "letters in one argument");
  is_num(got.flag + got.other, 2, "both flags");
  is_num(got.number, 4294967295, "the largest number");
  is_num(got.calls, 2, "an option twice");
  is_num(CALL("-wzwei", "--", "-f"), 3, "-- ends the options");
  is_num(got.word, 1, "an alias");
  is_num(CALL("-q", "x"), 2, "one that only the page tells");
  is_num(got.flag, 1, "is known all the same");
  is_num(CALL("-"), 1, "- is an operand");
}

static void refused(void)
{
  WRONG("unknown option -x", "-fx", "y");
  WRONG("unknown option --text", "--text", "y");
  WRONG("unknown option --help=x", "--help=x");
  WRONG("option -n needs a value: n", "-n");
  WRONG("option -n needs a number from 1 up: got \"0\"", "-n", "0", "y");
  WRONG("option -n needs a number from 1 up: got \"4294967296\"", "-n4294967296", "y");
  WRONG("option -r needs a number from 2 to 9: got \"10\"", "-r10", "y");
  WRONG("option -r needs a number from 2 to 9: got \"3 \"", "-r", "3 ", "y");
  WRONG("option -w needs one|two|a-long-word: got \"tw\"", "-w", "tw", "y");
  WRONG("option -w needs one|two|a-long-word: got \"\"", "-w", "", "y");
  WRONG("option -w needs one|two|a-long-word: got \"one|two\"", "-w", "one|two", "y");
  WRONG("option -5 needs five: got \"\\x1b\"", "-5", "\033", "y");
  WRONG("option -d needs the number of an open file descriptor: got \"-1\"", "-d", "-1", "y");
  WRONG("option -d needs the number of an open file descriptor: got \"99\"", "-d99", "y");
  WRONG("no dir given", "-f");
  WRONG("option -c needs what: got \"no\"", "-c", "no", "y");
}

static void operands(void)
{
  usage.operands = "dir prog...";
  is_num(CALL("d", "p", "q"), 1, "prog... has arguments");
  is_num(CALL("d"), 100, "no program");
  is_str(strtok(said, "\n"), "rk-test: fatal: no program given", "is told");
  usage.operands = "[ dir ] prog...";
  is_num(CALL("p"), 1, "an operand that may be missing");
  is_num(CALL(""), 1, "an empty one");
  is_num(CALL("-f"), 100, "no program");
  is_str(strtok(said, "\n"), "rk-test: fatal: no program given", "is told");
  usage.operands = "[ dir ]";
  is_num(CALL("p"), 1, "one that may be missing");
  is_num(CALL("p", "q"), 100, "one too many");
  usage.operands = "";
  is_num(call((char const *const[]){"rk-test", NULL}), 1, "no operand");
  is_num(call((char const *const[]){NULL}), 0, "not even a name");
  is_num(CALL("x"), 100, "one too many");
  is_str(strtok(said, "\n"), "rk-test: fatal: unexpected operand x", "is told");
  usage.operands = "dir [ more... ]";
}

static void printed(void)
{
  static char const *const helps[] = {"-h", "--help", "-fh"};

  for (size_t i = 0; i < sizeof helps / sizeof *helps; i++) {
    is_num(CALL(helps[i]), 0, "help: 0");
    is_str(said,
           "usage: " LINE "rk-test verb: be tested\n"
           "  -f             a flag\n"
           "  -o             other\n"
           "  -t text        a text\n"
           "  -5 five        five bytes\n"
           "  -n n           any\n"
           "  -r n           two to nine\n"
           "  -w one|two|a-long-word\n"
           "                 words\n"
           "  -d fd          an fd\n"
           "  -c what        calls\n"
           "  -h, --help     print this and exit\n"
           "  -V, --version  print the version and exit\n",
           helps[i]);
  }
  is_num(CALL("--version"), 0, "version: 0");
  is_str(said, "rk-test " RK_VERSION "\n", "--version");
  is_num(CALL("-V"), 0, "version: 0");
  is_str(said, "rk-test " RK_VERSION "\n", "-V");
}

int main(void)
{
  PROG = "rk-test";
  accepted();
  refused();
  operands();
  printed();
  return tap_done();
}
