/* SPDX-License-Identifier: ISC
   The parts of rk-idmap. */
#ifndef IDMAP_H
#define IDMAP_H

#include <stdint.h>
#include <rk/host.h>
#include <rk/ctl.h>

/* Whose ids: the user outside. name: null if there is none in the user database. host_root: it is
   the host's root, whose own id root inside must not have: then it would own the host's files. */
struct idmap_who {
  uint32_t uid, gid;
  char const *name;
  int host_root;
};

/* The user by /etc/passwd; without an entry there, by $USER: the name only has to be that by which
   /etc/subuid and getsubids know the user, and newuidmap looks for itself. The name stays valid. */
struct idmap_who idmap_look_up(uint32_t uid, uint32_t gid);

/* The name of a group by /etc/group, or null. */
char const *idmap_group(uint32_t gid);

enum idmap_source { IDMAP_AUTO, IDMAP_STATIC, IDMAP_DYNAMIC };

/* The user's ranges into ask, after the own id, or without it for the host's root. Returns how
   many ids the shorter map has, or 0 and why. */
uint32_t idmap_subid(struct idmap_who const *who, enum idmap_source source,
                     struct rk_req_idmap *ask, struct rk_cause *why);

/* What getsubids says, for uids (kind 0) or gids (kind 1): -1 if it cannot be had, else as
   rk_subid_end left it. */
struct rk_subids;
int idmap_getsubids(struct idmap_who const *who, int kind, struct rk_subids *s);

/* Map the one own id, without any help. 0, or -1 and why. */
int idmap_single(struct idmap_who const *who, struct rk_cause *why);

#endif
