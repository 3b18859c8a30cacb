/* SPDX-License-Identifier: ISC
   The parts of rk-idmap. */
#ifndef IDMAP_H
#define IDMAP_H

#include <stddef.h>
#include <stdint.h>
#include <rk/host.h>
#include <rk/ctl.h>

#include "layout.h"

/* Whose ids: the user outside. names: all of the uid's, a list that ends with NULL, the first is
   the name that messages use. host_root: it is the host's root, whose own id root inside must not
   have: then it would own the host's files. */
struct idmap_who {
  uint32_t uid, gid;
  char const *const *names;
  int host_root;
};

/* The names of a uid: those in /etc/passwd, else what getent(1) answers, which also asks directory
   services. The environment is not asked: USER is whatever su, sudo or a script has left there. A
   list that ends with NULL and stays valid. */
char const *const *idmap_user(uint32_t uid);

/* The names of a group by /etc/group, likewise. */
char const *const *idmap_group(uint32_t gid);

/* The answer of "getent passwd UID" into text, cut off at size, empty if there is none. */
void idmap_getent(uint32_t uid, char *text, size_t size);

/* The first id of 65536 that are free as uids and as gids: no range of anybody in
   /etc/subuid and /etc/subgid, no account or group of /etc/passwd and /etc/group, and not the
   user's own ids are among them. 0 if there is none. */
uint32_t idmap_free_range(struct idmap_who const *who);
enum { IDMAP_COUNT = 65536 };

enum idmap_source { IDMAP_AUTO, IDMAP_STATIC, IDMAP_DYNAMIC };

/* The user's ranges into ask, in the layout that is asked for; the own id of the host's root is
   left out. Returns how many ids the shorter map has, or 0 and why. */
uint32_t idmap_subid(struct idmap_who const *who, enum idmap_source source,
                     struct idmap_layout const *layout, struct rk_req_idmap *ask,
                     struct rk_cause *why);

/* What getsubids says, for uids (kind 0) or gids (kind 1): as rk_subid_end left it, or -1 with
   errno ETIMEDOUT (it did not answer in time) or EIO (it could not be run). */
struct rk_subids;
int idmap_getsubids(struct idmap_who const *who, int kind, struct rk_subids *s);

/* Map the one own id, without any help. 0, or -1 and why. */
int idmap_single(struct idmap_who const *who, struct rk_cause *why);

#endif
