/* SPDX-License-Identifier: ISC
   What the parts of rk-root share. All of these die with one line when they cannot do what they
   say. What they mount goes with the mount namespace; what they make in the new root stays. */
#ifndef ROOT_H
#define ROOT_H

/* An fd (O_PATH) of path in the directory root as a process with that root would see it: symbolic
   links and ".." never leave it (openat2(2), RESOLVE_IN_ROOT). Where it is missing it is made, with
   all directories above it: as a directory, or, if file is set, as an empty file. */
int root_place(int root, char const *path, int file);

/* A detached mount of a new file system; options: name and value in turn, then NULL; attributes:
   MOUNT_ATTR_ of fsmount(2). */
int root_new_fs(char const *type, char const *const *options, unsigned int attributes);

/* A detached clone of what is mounted at path of directory dirfd ("": dirfd itself), and below. */
int root_clone(int dirfd, char const *path);

/* Mount it on place and close both. shown: the place, for the message. */
void root_attach(int mountfd, int place, char const *shown);

/* A new /dev in the directory root: the devices that every user may use, bound from the host's, and
   a devpts of its own. */
void root_dev(int root);

#endif
