/* SPDX-License-Identifier: ISC
   Command lines as Go's flag package and urfave/cli read them: RootlessKit's callers rely on these
   rules (one dash or two, `--flag v`, no clusters, flags end at the first operand). doc/rk-run.1
   lists them. */
#ifndef COMPAT_GOFLAGS_H
#define COMPAT_GOFLAGS_H

#include <stddef.h>

enum goflag_type {
  GOFLAG_BOOL, /* value: int */
  GOFLAG_TEXT, /* value: char const * */
  GOFLAG_INT,  /* value: long long */
  GOFLAG_LIST, /* value: struct goflag_list; elements split at commas */
  GOFLAG_MAYBE /* value: char const *; `--flag` alone gives "", never takes the next argument */
};

struct goflag_list {
  char const **item;
  size_t len;
};

struct goflag {
  char const *name;
  char const *alias; /* a second name, or 0 */
  enum goflag_type type;
  size_t at;         /* offsetof its value in the struct that goflags_parse fills */
  char const *group; /* heading of the help text, or 0: the same as before */
  char const *arg;   /* what the help text calls the value, or 0 */
  char const *help;
};

/* Read flags from argv (argv[0] is the first argument, terminated by NULL) into the struct at
   options; table ends with a NULL name. Returns the number of arguments consumed, including a "--";
   -1 with RootlessKit's words in err. Values point into argv, except list elements, which are
   allocated and live as long as the program. */
ptrdiff_t goflags_parse(struct goflag const *table, void *options, char const *const *argv,
                        char *err, size_t errsize);

/* The same error, but one that is not "Incorrect Usage" (two names of one flag). */
int goflags_two_forms(char const *err);

/* Go's strconv.ParseInt(s, 0, 64): prefixes 0x 0o 0b 0, sign, underscores. 1 ok, 0 not a number, -1
   out of range. */
int goflags_int(char const *s, long long *v);

/* Go's strconv.ParseBool. 1 and *v, or 0. */
int goflags_bool(char const *s, int *v);

/* Print the table in two columns on fd. */
void goflags_help(int fd, struct goflag const *table);

#endif
