/* SPDX-License-Identifier: ISC
   A procfs at /proc that root inside cannot take away. */
#ifndef PIDNS_LOCK_H
#define PIDNS_LOCK_H

/* Lock what was mounted on /proc, so that umount(2), and moving or copying it without what lies
   below, fail with EINVAL: below lies the outer procfs. The kernel locks a mount that arrives by
   propagation from a mount namespace of another user namespace, unless it is the root of what
   arrives (mount_namespaces(7); attach_recursive_mnt() and lock_mnt_tree() in fs/namespace.c). So a
   child in namespaces of its own mounts two layers of the new procfs on a peer of /proc, and the
   upper one is locked here, in the user namespace that we are in; nothing is lost of what root may
   do there. Dies (102, 111). */
void pidns_lock_proc(void);

#endif
