/* SPDX-License-Identifier: ISC
   The options of a program, in one table: its usage line, --help, --version and what is said of
   wrong arguments come from it. Its page and the shells' completions are compared with it. */
#ifndef RK_OPTIONS_H
#define RK_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

/* What an option does, and the type of the member at its offset. */
enum rk_option_kind {
  RK_OPTION_FLAG,   /* int: becomes 1. The only kind without a value (no arg) */
  RK_OPTION_TEXT,   /* char const *: the value, if valid (where given) says that it is one */
  RK_OPTION_NUMBER, /* uint32_t: from min up to max (0: no limit) */
  RK_OPTION_WORD,   /* int: which of arg's words, as in "auto|subids|single", from 0 on */
  RK_OPTION_FD,     /* int: an open file descriptor, made close-on-exec */
  RK_OPTION_CALL,   /* take(into, value) does the rest, and returns whether value is right */
};

struct rk_option {
  char letter; /* 0 ends the table; h and V are there already */
  char other;  /* a letter that means the same; only the page tells it */
  enum rk_option_kind kind;
  size_t at;        /* offsetof(struct of the program's options, member) */
  char const *arg;  /* the value's name in the usage line */
  char const *text; /* what it does: one line of --help; NULL: only the page tells it */
  char const *join; /* usage line: " | " or " " between it and the next, in the same brackets */
  int many;         /* usage line: may be given more than once */
  uint32_t min;
  uint32_t max;
  char const *aliases; /* RK_OPTION_WORD: other names, as "||old-single": word by word as in arg */
  int (*valid)(char const *value);
  int (*take)(void *into, char const *value);
};

struct rk_usage {
  char const *name;     /* "rk-state"; "rk-port add" */
  char const *summary;  /* what the program does, the words after the name in its page */
  char const *operands; /* as in the usage line: "dir prog...", "[ dir... ]", "" */
  struct rk_option const *options;
  char const *more; /* NULL, or one more line for --help */
};

/* The row that links share; its member is an int keep. */
#define RK_OPTION_KEEP(type) \
  { \
    .letter = 'k', .kind = RK_OPTION_FLAG, .at = offsetof(type, keep), \
    .text = "keep the control socket open for prog although it is not a link" \
  }

/* Further rows that several programs have: a char const *keep_fds for rk_fds_refuse (rk/fds.h),
   with what they are and where they lead; an int tty; an int readyfd, with what is written when. */
#define RK_OPTION_KEEP_FDS(type, what) \
  { \
    .letter = 'f', .kind = RK_OPTION_TEXT, .at = offsetof(type, keep_fds), .arg = "fd,...|all", \
    .text = "pass on these inherited " what, .valid = rk_fds_list_valid \
  }
#define RK_OPTION_TTY(type) \
  { \
    .letter = 'T', .kind = RK_OPTION_FLAG, .at = offsetof(type, tty), \
    .text = "let prog insert input into its terminal" \
  }
#define RK_OPTION_READY(type, what) \
  { \
    .letter = 'd', .kind = RK_OPTION_FD, .at = offsetof(type, readyfd), .arg = "fd", \
    .text = "write " what \
  }

/* Read the options of argv into the struct at into, whose members the caller has given their
   defaults. Options end at the first argument that is none, or after "--". Returns the number of
   the first operand; there are as many as usage->operands asks for.

   --help, -h, --version and -V print on stdout and exit: 0, or 111 if that cannot be written. What
   is wrong is told in one line, then the usage line follows: exit 100. PROG is set before. */
int rk_options(struct rk_usage const *usage, int argc, char const *const *argv, void *into);

/* The same end for what only the program knows to be wrong; the rest: the pieces of the line. */
#define rk_usage_die(usage, ...) \
  rk_usage_diev((usage), (char const *const[]){PROG, ": fatal: ", __VA_ARGS__}, \
                sizeof((char const *const[]){PROG, ": fatal: ", __VA_ARGS__}) / \
                  sizeof(char const *))
void rk_usage_diev(struct rk_usage const *usage, char const *const *text, size_t n)
  __attribute__((noreturn));

#endif
