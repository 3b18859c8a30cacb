/* SPDX-License-Identifier: ISC
   Names of ids, by passwd(5) and group(5): a static program has no other name services, and libc's
   getpwuid(3) would double a link. */
#ifndef RK_NAMES_H
#define RK_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* A line that rk_each_line gives is at most this long, with its terminator. */
enum { RK_LINE_MAX = 1024 };

/* Call take with each line of a file, without its newline and cut off after RK_LINE_MAX - 1 bytes.
   A file that cannot be read has none. */
void rk_each_line(char const *file, void (*take)(void *data, char *line), void *data);

/* The names of one id. */
enum { RK_NAMES_MAX = 32 };
struct rk_names {
  uint32_t id;
  size_t n;
  char const *list[RK_NAMES_MAX + 1]; /* ends with NULL; they lie in text */
  size_t used;
  char text[4096];
};

/* All names that the lines NAME:PASSWORD:ID of a file give the id: /etc/passwd, /etc/group. */
void rk_names_read(struct rk_names *names, char const *file, uint32_t id);

/* One more line, which is changed: add its name if it is one of names->id. */
void rk_names_take(struct rk_names *names, char *line);

#endif
