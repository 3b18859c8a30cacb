/* SPDX-License-Identifier: ISC
   /proc/self/mountinfo (proc_pid_mountinfo(5)), line by line, without malloc. */
#ifndef RK_MOUNTINFO_H
#define RK_MOUNTINFO_H

#include <limits.h>
#include <stddef.h>

struct rk_mountinfo {
  int fd; /* the caller opens it, read-only, with the rest zero, and closes it */
  size_t len, pos;
  char buf[4096], line[8 * PATH_MAX + 1024]; /* two paths of PATH_MAX, each byte escaped at worst,
                                                and the fields up to the type */
};

/* The next line, terminated, into m->line. 1, 0 at the end, -1 with errno. What does not fit is cut
   off at the end, where the super options are: those of an overlay of hundreds of layers have no
   bound. */
int rk_mountinfo_next(struct rk_mountinfo *m);

/* The nth field from s on, counted from 1, fields being parted by one blank; null if there are
   fewer. */
char *rk_mountinfo_field(char *s, unsigned int n);

/* Undo \040 and the like in one field, in place, and terminate it. */
void rk_mountinfo_unescape(char *s);

#endif
