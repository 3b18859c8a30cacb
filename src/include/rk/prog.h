/* SPDX-License-Identifier: ISC */
#ifndef RK_PROG_H
#define RK_PROG_H

#include <stddef.h>

enum { RK_PROG_MAX = 512 };

/* From now on the lines of this program (PROG of skalibs/strerr.h) begin with its name and the
   state directory it works for: "rk-portd /run/user/1000/web: warning: ...". A program that stays
   calls it when it has found the directory: many of them write to one log. buf (RK_PROG_MAX) must
   live as long as the process. */
void rk_prog_dir(char const *name, char const *path, char *buf);

#endif
