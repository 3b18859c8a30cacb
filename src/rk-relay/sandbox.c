/* SPDX-License-Identifier: ISC
   Become a process of the chain's namespaces that nobody there can touch.

   A process that has joined by setns may be traced by the namespace's root, host sockets and all,
   unless it is not dumpable and has not exec'ed since (ptrace(2): the memory belongs to the user
   namespace of the last exec). setns does not clear dumpable, so it is cleared before. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <linux/capability.h>
#include <linux/nsfs.h>

#include <skalibs/strerr.h>
#include <rk/dump.h>
#include <rk/caps.h>
#include <rk/fail.h>
#include <rk/ns.h>
#include <rk/sys.h>

#include "relay.h"

/* Join the namespace unless it is ours already (setns(2) refuses the own user namespace). */
static int join(int fd, char const *own, int type)
{
  int same = rk_ns_same(fd, own);

  if (same == -1)
    return -1;
  return same ? 0 : setns(fd, type);
}

int relay_join(char const **what)
{
  struct rlimit files;
  int userns;

  /* EPERM: fs.nr_open is below the hard limit (setrlimit(2)). rk-portd has said so, whose limit
     this is. */
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  *what = "close what was left open";
  if (rk_close_range(RK_RELAY_ALARM_FD + 1, ~0U, 0) == -1)
    return -1;
  *what = "become untraceable";
  if (rk_no_dump() == -1)
    return -1;
  *what = "find the owner of the network namespace";
  userns = ioctl(RK_RELAY_NETNS_FD, NS_GET_USERNS);
  if (userns == -1)
    return -1;
  *what = "join the user namespace";
  if (join(userns, "/proc/self/ns/user", CLONE_NEWUSER) == -1)
    return -1;
  close(userns);
  *what = "join the network namespace";
  if (join(RK_RELAY_NETNS_FD, "/proc/self/ns/net", CLONE_NEWNET) == -1)
    return -1;
  /* A change of credentials that adds capabilities sets dumpable to fs.suid_dumpable (commit_creds,
     kernel/cred.c): 0 and 2 are as good as ours, 1 has opened us to the namespace's root for a
     moment, and what it may have done cannot be known. */
  *what = "stay untraceable: the sysctl fs.suid_dumpable must not be 1";
  if (prctl(PR_GET_DUMPABLE) == 1)
    return rk_fail(EPERM);
  if (prctl(PR_SET_DUMPABLE, 0) == -1)
    return -1;
  *what = "close the fd of the network namespace";
  return close(RK_RELAY_NETNS_FD);
}

/* The root becomes an empty, read-only tmpfs in a mount namespace of our own; or, own_fds, the
   directory of our own fds, where nothing has a name but they (unix.c). */
static int empty_root(int own_fds)
{
  unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  int r;

  if (unshare(CLONE_NEWNS) == -1 || mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) == -1)
    return -1;
  if (own_fds)
    r = mount("/proc/self/fd", "/proc", 0, MS_BIND, 0);
  else
    r = mount("rk-relay", "/proc", "tmpfs", flags, "mode=0555,size=4k");
  if (r == -1 || chdir("/proc") == -1)
    return -1;
  if (syscall(SYS_pivot_root, ".", ".") == 0) {
    if (umount2(".", MNT_DETACH) == -1)
      return -1;
  } else {
    /* An initramfs cannot be pivoted away (pivot_root(2)): cover it. */
    if (errno != EINVAL || mount(".", "/", 0, MS_MOVE, 0) == -1 || chroot(".") == -1)
      return -1;
  }
  if (chdir("/") == -1)
    return -1;
  return mount(0, "/", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, 0);
}

/* NET_RAW: transparent sockets and marks. NET_ADMIN: clients' routes. NET_BIND_SERVICE: clients
   whose own port is below 1024, as other DNS servers'. All count in this network namespace only. */
static int drop_capabilities(void)
{
  static int const kept[] = {CAP_NET_RAW, CAP_NET_ADMIN, CAP_NET_BIND_SERVICE};

  if (rk_caps_empty_bound() == -1)
    return -1;
  return rk_caps_keep(kept, sizeof kept / sizeof kept[0]);
}

/* A task of SCHED_BATCH does not push another off its CPU by waking (sched(7)): client and server
   go on, more is there to carry when our turn comes, and the CPU changes hands a third as often.
   Who started us with another policy meant it. (musl's functions for this always fail.) */
static void batch(void)
{
  struct {
    int priority;
  } none = {0};

  if (syscall(SYS_sched_getscheduler, 0) != SCHED_OTHER)
    return;
  if (syscall(SYS_sched_setscheduler, 0, SCHED_BATCH, &none) == -1)
    strerr_warnw("SCHED_BATCH is refused, so this will be slower: ", strerror(errno));
}

int relay_sandbox(int six, int sockets, char const **what)
{
  batch();
  *what = "make an empty root";
  if (empty_root(sockets) == -1)
    return -1;
  *what = "drop capabilities";
  if (drop_capabilities() == -1)
    return -1;
  *what = "set no_new_privs";
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
    return -1;
  *what = "install the seccomp filter";
  return seccomp_install(six, sockets);
}
