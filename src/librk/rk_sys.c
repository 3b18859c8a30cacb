/* SPDX-License-Identifier: ISC */
#include <rk/sys.h>

#include <unistd.h>
#include <sys/syscall.h>

int rk_pidfd_open(pid_t pid, unsigned int flags)
{
  return (int)syscall(SYS_pidfd_open, pid, flags);
}

int rk_pidfd_send_signal(int pidfd, int sig)
{
  return (int)syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0);
}

int rk_close_range(unsigned int first, unsigned int last, unsigned int flags)
{
  return (int)syscall(SYS_close_range, first, last, flags);
}

int rk_open_tree(int dirfd, char const *path, unsigned int flags)
{
  return (int)syscall(SYS_open_tree, dirfd, path, flags | OPEN_TREE_CLOEXEC);
}

int rk_move_mount(int fromfd, char const *from, int tofd, char const *to, unsigned int flags)
{
  return (int)syscall(SYS_move_mount, fromfd, from, tofd, to, flags);
}

int rk_fsopen(char const *fsname)
{
  return (int)syscall(SYS_fsopen, fsname, FSOPEN_CLOEXEC);
}

int rk_fsconfig(int fd, unsigned int cmd, char const *key, void const *value, int aux)
{
  return (int)syscall(SYS_fsconfig, fd, cmd, key, value, aux);
}

int rk_fsmount(int fsfd, unsigned int attrs)
{
  return (int)syscall(SYS_fsmount, fsfd, FSMOUNT_CLOEXEC, attrs);
}

int rk_mount_setattr(int dirfd, char const *path, unsigned int flags, struct mount_attr const *attr)
{
  return (int)syscall(SYS_mount_setattr, dirfd, path, flags, attr, sizeof *attr);
}

int rk_openat2(int dirfd, char const *path, struct open_how const *how)
{
  return (int)syscall(SYS_openat2, dirfd, path, how, sizeof *how);
}

int rk_renameat2(int olddirfd, char const *old, int newdirfd, char const *new, unsigned int flags)
{
  return (int)syscall(SYS_renameat2, olddirfd, old, newdirfd, new, flags);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wsign-compare"
struct cmsghdr *rk_cmsg_next(struct msghdr *msg, struct cmsghdr *c)
{
  return CMSG_NXTHDR(msg, c);
}
#pragma GCC diagnostic pop

/* the calls with 32-bit ids, where an architecture has had others before */
#ifndef SYS_setgroups32
#define SYS_setgroups32 SYS_setgroups
#define SYS_setresgid32 SYS_setresgid
#define SYS_setresuid32 SYS_setresuid
#endif

int rk_set_groups(size_t n, gid_t const *groups)
{
  return (int)syscall(SYS_setgroups32, n, groups);
}

int rk_drop_groups(void)
{
  return rk_set_groups(0, NULL);
}

int rk_become(uid_t uid, gid_t gid)
{
  if (syscall(SYS_setresgid32, gid, gid, gid) == -1)
    return -1;
  return (int)syscall(SYS_setresuid32, uid, uid, uid);
}

int rk_become_root(void)
{
  return rk_become(0, 0);
}
