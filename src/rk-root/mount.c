/* SPDX-License-Identifier: ISC
   The mount calls. What is mounted upon is attached first: before Linux 6.15 move_mount(2) onto a
   detached mount fails. */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/sys.h>

static void __attribute__((noreturn)) die_of_fs(char const *type)
{
  /* mount_too_revealing() in fs/namespace.c: procfs only where a whole one is to be seen */
  if (errno == EPERM)
    rk_die_host("D9",
                "mount procfs on /proc before entering the user namespace; in a container, let its "
                "runtime leave /proc unmasked",
                "unable to make a new ", type,
                ": the kernel allows it only where a whole one can be seen already");
  strerr_diefusys(RK_EXIT_SYS, "make a new ", type);
}

int root_new_fs(char const *type, char const *const *options, unsigned int attributes)
{
  int fsfd = rk_fsopen(type);
  int fd;

  if (fsfd == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a new ", type);
  for (; *options; options += 2)
    if (rk_fsconfig(fsfd, FSCONFIG_SET_STRING, options[0], options[1], 0) == -1)
      strerr_diefusys(RK_EXIT_SYS, "set ", options[0], " of a new ", type);
  if (rk_fsconfig(fsfd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == -1)
    die_of_fs(type);
  fd = rk_fsmount(fsfd, attributes);
  if (fd == -1)
    die_of_fs(type);
  close(fsfd);
  return fd;
}

int root_clone(int dirfd, char const *path)
{
  /* recursive always: in a user namespace inherited mounts below are locked, and cloning without
     them is EINVAL (mount_namespaces(7)) */
  int fd = rk_open_tree(dirfd, path, OPEN_TREE_CLONE | AT_RECURSIVE | AT_EMPTY_PATH);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "clone the mount of ", *path ? path : "the new root");
  return fd;
}

void root_attach(int mountfd, int place, char const *shown)
{
  unsigned int const flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;

  if (rk_move_mount(mountfd, "", place, "", flags) == -1)
    strerr_diefusys(RK_EXIT_SYS, "mount on ", shown, " in the new root");
  close(mountfd);
  close(place);
}
