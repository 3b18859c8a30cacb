/* SPDX-License-Identifier: ISC
   Whose is a namespace? (namespaces(7), ioctl_ns(2)) */
#ifndef RK_NS_H
#define RK_NS_H

/* Seen from the user namespace of this process, the user namespace that owns another namespace
   is */
enum rk_ns_owner {
  RK_NS_OURS,  /* the same; */
  RK_NS_INNER, /* one below it; */
  RK_NS_OUTER  /* any other: the kernel does not show those (EPERM of NS_GET_USERNS) */
};

/* Who owns the namespace that nsfd refers to (/proc/PID/ns/net, ...; of a user namespace: its
   parent)? An enum rk_ns_owner, or -1 with errno: ENOTTY (no namespace), EMFILE, or that of stat(2)
   on /proc/self/ns/user. */
int rk_ns_owner(int nsfd);

/* The same for a path; also -1 with errno of open(2). */
int rk_ns_owner_at(char const *path);

/* Do fd and path ("/proc/self/ns/user") refer to the same namespace, or the same file? 1 or 0, or
   -1 with errno of fstat(2) or stat(2). */
int rk_ns_same(int fd, char const *path);

/* Of the user namespace that userns refers to and those above it: the one whose parent is the user
   namespace *outer (fstat(2) of /proc/PID/ns/user). A new fd of the caller's, or -1 with errno;
   EXDEV: *outer is not above it, or not to be seen from here, since NS_GET_PARENT shows nothing
   above the caller's own. */
struct stat;
int rk_ns_child_of(struct stat const *outer, int userns);

#endif
