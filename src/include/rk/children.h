/* SPDX-License-Identifier: ISC
   The children of a process, proc_pid_children(5), through an fd of procfs that was opened before
   anybody could mount something over it: mounts on the way are not crossed. */
#ifndef RK_CHILDREN_H
#define RK_CHILDREN_H

#include <sys/types.h>

struct rk_children {
  char *next;
  char text[4096];
};

/* Read the children of the single-threaded process `of`, as many as fit. proc: fd of procfs, O_PATH
   will do. The kernel may skip some while others end. 0, or -1 with errno: ENOENT also from a
   kernel without CONFIG_PROC_CHILDREN. */
int rk_children_read(struct rk_children *list, int proc, pid_t of);

/* The next of them, as a number of that procfs; 0: there are no more. */
pid_t rk_children_next(struct rk_children *list);

/* Does the process call itself rk-outside? 1 or 0. */
int rk_child_is_outside(int proc, pid_t pid);

#endif
