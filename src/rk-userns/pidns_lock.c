/* SPDX-License-Identifier: ISC */
#include "pidns_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stddef.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/magic.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/sys.h>

/* Copies of the mount at /proc, made in this mount namespace and attached by the child, which
   shares our memory and fds. */
struct lock {
  int peer;        /* of the same peer group as /proc: what is mounted on it appears on /proc as
                      well */
  int under, over; /* two covers */
  int error;       /* errno of what failed in the child, 0: nothing */
};

static int attach(int mount, int on, char const *path)
{
  unsigned int flags = MOVE_MOUNT_F_EMPTY_PATH;

  if (!*path)
    flags |= MOVE_MOUNT_T_EMPTY_PATH;
  return rk_move_mount(mount, "", on, path, flags);
}

static int attach_all(struct lock const *l)
{
  if (attach(l->peer, AT_FDCWD, "/") == -1)
    return -1;
  if (attach(l->under, AT_FDCWD, "/proc") == -1)
    return -1;
  if (attach(l->over, l->under, "") == -1)
    return -1;
  return attach(l->under, l->peer, "");
}

/* In a user and a mount namespace of its own, where nobody sees it. */
static int propagate(void *data)
{
  struct lock *l = data;

  if (attach_all(l) == -1)
    l->error = errno;
  return 0;
}

static int copy_of_proc(void)
{
  int fd = rk_open_tree(AT_FDCWD, "/proc", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "copy the mount at /proc");
  return fd;
}

/* A working directory in the old procfs would lead past the new one. */
static void leave_old_proc(void)
{
  char cwd[PATH_MAX];
  struct statfs fs;

  if (statfs(".", &fs) == -1 || (unsigned long)fs.f_type != PROC_SUPER_MAGIC)
    return;
  if (getcwd(cwd, sizeof cwd) && *cwd == '/' && chdir(cwd) == 0)
    return;
  if (chdir("/") == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to /");
}

/* Our child had a number of the new pid namespace: let the program's first child have it, as if
   there had been none. Where the kernel cannot, there is a gap, and no harm (proc(5), ns_last_pid:
   CONFIG_CHECKPOINT_RESTORE). */
static void give_number_back(void)
{
  char text[PID_FMT];
  int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

  if (fd == -1)
    return;
  if (write(fd, text, pid_fmt(text, getpid())) == -1) {
    /* see above */
  }
  close(fd);
}

void pidns_lock_proc(void)
{
  static _Alignas(16) char stack[8192];
  struct lock l = {.under = copy_of_proc(), .over = copy_of_proc()};
  pid_t pid;

  if (mount(NULL, "/proc", NULL, MS_SHARED, NULL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make the mount at /proc shared");
  l.peer = copy_of_proc();
  pid = clone(propagate, stack + sizeof stack,
              CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS, &l);
  if (pid == -1 && errno == ENOSPC) {
    rk_die_host(
      "U5",
      "raise user.max_user_namespaces and user.max_mnt_namespaces, or nest less deeply (32 levels)",
      "unable to lock /proc: the number of user or mount namespaces is limited on this host");
  }
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "make the namespaces that lock /proc");
  while (waitpid(pid, NULL, __WALL) == -1 && errno == EINTR)
    ;
  if (l.error) {
    errno = l.error;
    strerr_diefusys(RK_EXIT_SYS, "lock the mount at /proc");
  }
  close(l.peer);
  close(l.under);
  close(l.over);
  if (mount(NULL, "/proc", NULL, MS_PRIVATE, NULL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make the mount at /proc private");
  leave_old_proc();
  give_number_back();
}
