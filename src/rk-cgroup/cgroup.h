/* SPDX-License-Identifier: ISC
   The parts of rk-cgroup. Every function dies with a clear line. */
#ifndef CGROUP_H
#define CGROUP_H

#include <limits.h>
#include <stddef.h>
#include <sys/types.h>

struct cgroup {
  char point[PATH_MAX]; /* where cgroup2 is mounted */
  char root[PATH_MAX];  /* the group that is seen there */
  char path[PATH_MAX];  /* this process's group, from the root of its cgroup namespace */
  int v1;               /* there are controllers of cgroup v1 too */
};

/* Fill in all of it, from /proc/self. */
void cgroup_find(struct cgroup *g);

/* This process's group as a directory: below mnt, a mount of the cgroup namespace's own, or if that
   is -1 below g->point. */
int cgroup_open(struct cgroup const *g, int mnt);

/* Make the group name in the one at dirfd, move every process there, enable all controllers for the
   groups below dirfd. Nothing is changed before it is known that the group is delegated and, unless
   lenient, has controllers. */
void cgroup_evacuate(struct cgroup const *g, int dirfd, char const *name, int lenient);

/* As root, outside: make the group path below the one at rootfd, with all controllers there are on
   the way to it, give it to uid and gid (-1: unchanged) as the kernel means it to be given, and
   move this process there. */
void cgroup_delegate(struct cgroup const *g, int rootfd, char const *path, uid_t uid, gid_t gid);

/* Read the file name of the group at dirfd into buf, at most size - 1 bytes, terminated; group
   names it in messages. Length. */
size_t cgroup_read(int dirfd, char const *group, char const *name, char *buf, size_t size);

/* Enable or disable controllers (names parted by a blank) for the groups below the one at dirfd. */
void cgroup_switch(int dirfd, char const *group, char const *controllers, int on);

#endif
