/* SPDX-License-Identifier: ISC */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/sys.h>
#include <rk/text.h>

/* What the child that mounts tells us: it shares our memory and our fds. */
struct mounting {
  uid_t uid;
  gid_t gid;
  char const *what; /* what failed, null: nothing */
  int error;        /* with this errno */
  int fd;
};

static int write_text(char const *path, char const *text)
{
  size_t len = strlen(text);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  ssize_t r;

  if (fd == -1)
    return -1;
  r = write(fd, text, len);
  close(fd);
  return r == (ssize_t)len ? 0 : -1;
}

/* Files cannot be made below a mount whose user namespace does not know our ids (EOVERFLOW): map
   our own to 0. */
static int map_own_id(char const *path, unsigned int id)
{
  char text[32];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "0 ");
  rk_text_num(&t, id);
  rk_text_str(&t, " 1\n");
  return write_text(path, text);
}

static int map_own_ids(struct mounting const *m)
{
  if (map_own_id("/proc/self/uid_map", m->uid) == -1)
    return -1;
  if (write_text("/proc/self/setgroups", "deny") == -1)
    return -1;
  return map_own_id("/proc/self/gid_map", m->gid);
}

static int set_up(int fs)
{
  if (rk_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) == -1)
    return -1;
  if (rk_fsconfig(fs, FSCONFIG_SET_STRING, "size", "64m", 0) == -1)
    return -1;
  return rk_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

static int mount_private(void *data)
{
  struct mounting *m = data;
  int fs = -1;

  m->what = "map ids for a directory of the driver's own";
  if (map_own_ids(m) == -1)
    goto failed;
  m->what = "make a directory of the driver's own";
  fs = rk_fsopen("tmpfs");
  if (fs == -1 || set_up(fs) == -1)
    goto failed;
  m->fd = rk_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (m->fd == -1)
    goto failed;
  close(fs);
  m->what = NULL;
  return 0;
failed:
  m->error = errno;
  if (fs != -1)
    close(fs);
  return 1;
}

int driver_private(void)
{
  static _Alignas(16) char stack[16384];
  struct mounting m = {.uid = geteuid(), .gid = getegid(), .fd = -1};
  int const flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_NEWUSER | CLONE_NEWNS | SIGCHLD;
  pid_t pid = clone(mount_private, stack + sizeof stack, flags, &m);
  int status;

  if (pid == -1 && errno == ENOSPC) {
    rk_die_host("U5", "raise user.max_user_namespaces and user.max_mnt_namespaces",
                "unable to make a user and a mount namespace for the driver's own files: too many");
  }
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a user and a mount namespace for the driver's own files");
  if (waitpid(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for a child");
  if (m.what) {
    errno = m.error;
    strerr_diefusys(RK_EXIT_SYS, m.what);
  }
  if (!WIFEXITED(status))
    strerr_dief(RK_EXIT_SYS, "the child that makes the driver's own directory was killed");
  return m.fd;
}
