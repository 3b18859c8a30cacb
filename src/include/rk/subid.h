/* SPDX-License-Identifier: ISC
   Subordinate ids: subuid(5), subgid(5) and the answers of getsubids(1), read tolerantly and
   checked for what the kernel would refuse later with a bare EINVAL. Pure: no system call, no
   allocation. */
#ifndef RK_SUBID_H
#define RK_SUBID_H

#include <stddef.h>
#include <stdint.h>

#include <rk/ctl.h>

/* One line of a map is the own id. A line of the file is as long as shadow's own readers take
   it. */
enum { RK_SUBID_MAX = RK_MAP_MAX - 1, RK_SUBID_LINE = 1024 };

/* What is wrong, and where: `line` counts from 1 within one source; `other` is the second line of
   an overlap. */
enum rk_subid_wrong {
  RK_SUBID_FORMAT = 1, /* not OWNER:START:COUNT (getsubids: N: OWNER START COUNT), or longer than
                          RK_SUBID_LINE */
  RK_SUBID_NUMBER,     /* START or COUNT is no number */
  RK_SUBID_HIGH,       /* the range, or the sum of all, goes past 4294967294, the last id there
                          is */
  RK_SUBID_OVERLAP,    /* two different ranges share an id */
  RK_SUBID_OWN,        /* the range contains the id that it is subordinate to */
  RK_SUBID_MANY        /* more than RK_SUBID_MAX ranges: user_namespaces(7) allows 340 lines in a
                          map */
};

/* Whose lines count: those that begin with one of these names (a list that ends with NULL; null:
   no name does), or with this id in decimal. */
struct rk_subid_owner {
  char const *const *names;
  uint32_t id;
};

struct rk_subid_range {
  uint32_t start, count;
  unsigned int line;
};

/* A source as it is being read. Set up by rk_subid_begin; range[0..n) are the owner's, in the order
   of the lines, without duplicates and without empty ones. wrong: the first fault in a line of the
   owner's, else 0; other people's lines may hold anything. lines: lines seen. */
struct rk_subids {
  struct rk_subid_range range[RK_SUBID_MAX];
  unsigned int n, lines;
  enum rk_subid_wrong wrong;
  unsigned int line, other;
  struct rk_subid_owner owner;
  int dynamic, toolong;
  size_t len;
  char text[RK_SUBID_LINE];
};

/* Begin a source. dynamic: it is in the words of getsubids, whose every line is the owner's. The
   names are not copied. */
void rk_subid_begin(struct rk_subids *s, struct rk_subid_owner owner, int dynamic);

/* Read on: any piece of the text, cut anywhere. */
void rk_subid_feed(struct rk_subids *s, char const *text, size_t len);

/* The text has ended: takes a last line without newline. Line numbers begin anew if more is fed
   after this (a second answer of getsubids). */
void rk_subid_end(struct rk_subids *s);

/* Would the kernel take these ranges beside the own id? 0 if so; else -1, and wrong, line and other
   are set. Keeps an earlier fault. */
int rk_subid_check(struct rk_subids *s, uint32_t own);

/* The user's own id, and its number inside. */
struct rk_subid_own {
  uint32_t outside, inside;
};

/* The map: the own id at its number, and around it the ranges, one after the other from the first
   number that is free (0 or 1) on. Returns the number of lines in map, 0 if there would be more
   than RK_MAP_MAX; *ids becomes the number of ids mapped. Only after rk_subid_check said 0. */
uint32_t rk_subid_map(struct rk_subids const *s, struct rk_subid_own own,
                      struct rk_idrange map[RK_MAP_MAX], uint32_t *ids);

#endif
