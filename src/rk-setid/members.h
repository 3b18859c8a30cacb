/* SPDX-License-Identifier: ISC
   Which groups have a user as a member: group(5), read in pieces, with lines of any length.
   Pure. */
#ifndef MEMBERS_H
#define MEMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The kernel takes 65536 groups (NGROUPS_MAX, getgroups(2)); a name has at most 255 bytes. */
enum { MEMBERS_MAX = 65536, MEMBERS_NAME = 256 };

/* Begun as {.names = ...}: the user's, a list that ends with NULL. Gids that are in group already
   are not added. */
struct members {
  char const *const *names;
  size_t n;
  int many; /* there are more than MEMBERS_MAX */
  /* the line that is being read */
  int field;     /* NAME:PASSWORD:GID:MEMBER,MEMBER */
  int is_member; /* one of the names was among its members */
  int has_gid;   /* 1: gid is right as far as it goes, 0: no digit yet, -1: it is no number */
  uint64_t gid;
  size_t len; /* of the word, MEMBERS_NAME: too long for a name */
  char word[MEMBERS_NAME];
  gid_t group[MEMBERS_MAX];
};

/* Read on: any piece of the text, cut anywhere. */
void members_feed(struct members *m, char const *text, size_t len);

/* The text has ended, with or without a newline. */
void members_end(struct members *m);

/* Add a group, unless it is there. */
void members_add(struct members *m, gid_t gid);

#endif
