/* SPDX-License-Identifier: ISC
   Where ids are inside: what the options -u and -M say, by kind (0: uids, 1: gids). Pure. */
#ifndef LAYOUT_H
#define LAYOUT_H

#include <stdint.h>
#include <rk/ctl.h>
#include <rk/subid.h>

/* All zero: the own id is 0, the subordinate ids follow. */
struct idmap_layout {
  int placed;      /* -u was given */
  uint32_t own[2]; /* the number of the user's own id inside */
  uint32_t n[2];   /* how many lines -M has given; 0: the usual order, around own */
  struct rk_idrange line[2][RK_MAP_MAX];
};

/* Take the argument of -u (UID or UID:GID), of one -M ([u:|g:]INSIDE:OUTSIDE:COUNT). NULL, or what
   is wrong with it: words to follow the argument in a message. */
char const *layout_own(struct idmap_layout *l, char const *s);
char const *layout_line(struct idmap_layout *l, char const *s);

/* All options have been taken: do they fit together? NULL, or a message. */
char const *layout_check(struct idmap_layout const *l);

/* Was anything asked for? 1 or 0. */
int layout_given(struct idmap_layout const *l);

/* Has -M an id that is neither in the ranges nor, alone in its line, the own one? 1, and *id is the
   first such, or 0. */
int layout_foreign(struct idmap_layout const *l, int kind, struct rk_subids const *s, uint32_t own,
                   uint32_t *id);

/* The map of a kind, from ranges that rk_subid_check has passed. Returns the number of lines, 0 if
   it would have more than RK_MAP_MAX; *ids becomes the number of ids mapped. */
uint32_t layout_map(struct idmap_layout const *l, int kind, struct rk_subids const *s, uint32_t own,
                    struct rk_idrange map[RK_MAP_MAX], uint32_t *ids);

#endif
