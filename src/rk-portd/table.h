/* SPDX-License-Identifier: ISC
   The table of ports, one for each file of DIR/ports, and the reading of such a file. */
#ifndef RK_PORTD_TABLE_H
#define RK_PORTD_TABLE_H

#include <rk/text.h>
#include "published.h"

struct table {
  struct published *first; /* in the order in which they came */
  int dir;                 /* the state directory, for ids (rk/portid.h) */
  uint32_t raised;         /* the largest number that was the name of a file */
};

struct published *table_find(struct table const *table, char const *name);
struct published *table_id(struct table const *table, uint32_t id);

/* A new port of this name at the end, PORT_CLOSED, with an id of its own. NULL with errno:
   ENOMEM, or one of rk_portid_next. */
struct published *table_add(struct table *table, char const *name);

/* Take it out and free it; what it holds open is the caller's to close first. */
void table_remove(struct table *table, struct published *p);

/* The open port that keeps p from being opened, by RootlessKit's rule. NULL: none. */
struct published *table_conflict(struct table const *table, struct published const *p);

/* Another port that has the given socket of p. NULL: none. */
struct published *table_borrower(struct table const *table, struct published const *p);

enum file_read {
  FILE_GOOD,    /* *file and *mtime are filled */
  FILE_BAD,     /* *why is why; *mtime is filled if it could be found out */
  FILE_GONE,    /* there is none */
  FILE_WRITING, /* somebody has it open for writing, and may not have written all */
  FILE_LATER    /* it could not be read for a reason that may pass, *why */
};

/* Read and parse the port file name of the directory ports. */
enum file_read table_read(int ports, char const *name, struct rk_portfile *file,
                          struct timespec *mtime, struct rk_text *why);

/* Do both have the same host side? */
int table_same_side(struct rk_portfile const *a, struct rk_portfile const *b);

#endif
