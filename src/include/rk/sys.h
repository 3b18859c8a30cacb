/* SPDX-License-Identifier: ISC
   System calls that musl 1.2.3 has no wrapper for. Each returns what the kernel does: -1 and errno,
   or the value; the man page of the call's own name is the reference. fds are made close-on-exec
   where the call lets us. */
#ifndef RK_SYS_H
#define RK_SYS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <fcntl.h>
#include <sys/mount.h>
/* glibc has the mount API here and clashes with the kernel's header; musl has not */
#ifndef FSOPEN_CLOEXEC
#include <linux/mount.h>
#endif
#include <linux/openat2.h>

int rk_pidfd_open(pid_t pid, unsigned int flags);
int rk_pidfd_send_signal(int pidfd, int sig);
int rk_close_range(unsigned int first, unsigned int last, unsigned int flags);
int rk_open_tree(int dirfd, char const *path, unsigned int flags);
int rk_move_mount(int fromfd, char const *from, int tofd, char const *to, unsigned int flags);
int rk_fsopen(char const *fsname);
int rk_fsconfig(int fd, unsigned int cmd, char const *key, void const *value, int aux);
int rk_fsmount(int fsfd, unsigned int attrs);
int rk_mount_setattr(int dirfd, char const *path, unsigned int flags,
                     struct mount_attr const *attr);
int rk_openat2(int dirfd, char const *path, struct open_how const *how);
int rk_renameat2(int olddirfd, char const *old, int newdirfd, char const *new, unsigned int flags);

/* CMSG_NXTHDR(3): musl's macro does not pass -Wconversion. */
struct cmsghdr *rk_cmsg_next(struct msghdr *msg, struct cmsghdr *c);

/* One message over a SOCK_SEQPACKET socket, with fd by SCM_RIGHTS (unix(7)) unless that is -1;
   neither waits. 0, or -1 with errno; the length, with the fd that came, close-on-exec and the
   caller's, or -1 for none, or -1 with errno (EAGAIN: no message). Of several fds the kernel keeps
   one. */
int rk_send_fd(int to, void const *message, size_t len, int fd);
ssize_t rk_recv_fd(int from, void *message, size_t len, int *fd);

/* setgroups(2), and setresgid(2) and setresuid(2) of all three ids, of a single-threaded process:
   libc's wrappers, which make all threads do it, cost a link 3 KB. 0, or -1 with errno. To no
   groups; to ids; to 0:0. */
int rk_set_groups(size_t n, gid_t const *groups);
int rk_drop_groups(void);
int rk_become(uid_t uid, gid_t gid);
int rk_become_root(void);

#endif
