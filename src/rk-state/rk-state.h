/* SPDX-License-Identifier: ISC
   The parts of rk-state. */
#ifndef RK_STATE_PARTS_H
#define RK_STATE_PARTS_H

/* Open the directory at path and make sure that nobody else can have prepared it: ours, no link,
   not writable by others, and not below a directory in which everybody may put another in its
   place. A chain may have opened it for others; if it is known to be one of ours (ours, or marked
   so), that is taken back. The fd, -1: it is gone again; dies with 102 or 111, and then removes it
   if it is fresh (made by this process). */
int state_own(char const *path, int ours, int fresh);

/* Open a directory, no link. A chain may have taken the permissions away; only the owner can give
   them back, and does. An fd, or -1 with errno. */
int state_open(int dirfd, char const *name);

/* Remove the temporary directories below parent, whose path is path, of chains that are gone. What
   cannot be removed is told. */
void state_sweep(int parent, char const *path);

#endif
