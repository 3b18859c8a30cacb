/* SPDX-License-Identifier: ISC
   Capabilities of this process and of files, capabilities(7), by libcap (cap_get_proc(3),
   cap_get_file(3)). A capability is its number (CAP_SETUID of <linux/capability.h>). Programs that
   use these link cap. Single-threaded callers only. */
#ifndef RK_CAPS_H
#define RK_CAPS_H

#include <stddef.h>

/* Are all n capabilities effective? 1 or 0, or -1 with errno. */
int rk_caps_effective(int const *caps, size_t n);

/* Make every permitted capability inheritable and ambient, so that it survives the exec of a
   program whose uid is not (yet) 0. 0, or -1 with errno: EPERM if the securebit
   NO_CAP_AMBIENT_RAISE is set. */
int rk_caps_raise(void);

/* Take these n out of the effective set; they stay permitted. 0, or -1 with errno. */
int rk_caps_lower(int const *caps, size_t n);

/* Clear the ambient and inheritable sets. Root keeps its capabilities by executing. 0, or -1 with
   errno. */
int rk_caps_settle(void);

/* Empty the bounding set: no program that this process executes gains a capability. 0, or -1 with
   errno: EPERM if CAP_SETPCAP is not effective. */
int rk_caps_empty_bound(void);

/* Keep these n permitted and effective, and give up all others; none stays inheritable or ambient.
   0, or -1 with errno: EPERM if one of them is not permitted. */
int rk_caps_keep(int const *caps, size_t n);

/* Does whoever executes the file gain this capability by it, at once (permitted and effective)? 1
   or 0, or -1 with errno of getxattr(2) but ENODATA (the file has none: 0). The root user of a
   namespace for whom the attribute is meant is not looked at. */
int rk_caps_of_file(char const *path, int cap);

#endif
