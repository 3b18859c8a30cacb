/* SPDX-License-Identifier: ISC
   Which known setting of the host kept a map from being written. */
#ifndef OUTSIDE_WHY_H
#define OUTSIDE_WHY_H

#include <stddef.h>
#include <stdint.h>
#include <rk/ctl.h>

/* A map as the kernel shows it: 340 lines of three padded numbers. */
enum { OUTSIDE_MAP_TEXT = RK_MAP_MAX * 36 };

/* One of the two maps of the chain. */
struct outside_map {
  char const *helper; /* newuidmap, and the capability that it must gain */
  unsigned int cap;
  char const *file;    /* in /proc/PID */
  char const *ownfile; /* our own namespace's */
  struct rk_idrange const *range;
  uint32_t n;
};

/* What became of a helper. */
enum outside_end {
  OUTSIDE_ENDED,
  OUTSIDE_MISSING,
  OUTSIDE_NOEXEC,
  OUTSIDE_UNSTARTED,
  OUTSIDE_LATE
};
struct outside_helper {
  enum outside_end end;
  int status;       /* of wait(2), if it ended */
  char const *path; /* the file, unless missing */
  char text[240];   /* the first line of what it wrote, or why it could not be started */
};

/* Say why the helper of this map failed: the setting of the host that can be found to be wrong, or
   else its own words. */
void idmap_diagnose(struct rk_cause *why, struct outside_map const *map,
                    struct outside_helper const *h);

/* Would executing this file give the privilege that the helper of the map (data, struct
   outside_map) needs? */
int idmap_has_privilege(void const *data, char const *path);

/* Next line of a map: v = inside, outside, count; *s moves on. 0 at the end. */
int outside_mapline(char **s, uint32_t v[3]);

/* The ids of root in the user namespace of a process, as they are called outside. 0, or -1 with
   errno: the chain has ended. */
int outside_root_ids(pid_t pid, uint32_t *uid, uint32_t *gid);

#endif
