/* SPDX-License-Identifier: ISC */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <skalibs/ancil.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/sys.h>
#include <rk/text.h>

/* What the child sends beside the directory, or instead of it. */
enum step { UNSHARE = 'u', MAP = 'i', MOUNT = 'm', DONE = '+' };

static void fail(int socket, char step)
{
  struct {
    char step;
    int error;
  } const say = {step, errno};

  _exit(write(socket, &say, sizeof say) == sizeof say ? 1 : 2);
}

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

static int map_own_ids(uid_t uid, gid_t gid)
{
  if (map_own_id("/proc/self/uid_map", uid) == -1)
    return -1;
  if (write_text("/proc/self/setgroups", "deny") == -1)
    return -1;
  return map_own_id("/proc/self/gid_map", gid);
}

static int set_up(int fs)
{
  if (rk_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0700", 0) == -1)
    return -1;
  if (rk_fsconfig(fs, FSCONFIG_SET_STRING, "size", "64m", 0) == -1)
    return -1;
  return rk_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
}

/* In the child. The maps can be written by a dumpable process only (proc(5)): that is one which
   has nothing but this socket. */
static void visit(int socket)
{
  uid_t uid = geteuid();
  gid_t gid = getegid();
  int fs, dir;

  if (dup2(socket, 0) == -1)
    fail(socket, MAP);
  rk_close_range(1, UINT_MAX, 0);
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1 || unshare(CLONE_NEWUSER | CLONE_NEWNS) == -1)
    fail(0, UNSHARE);
  if (map_own_ids(uid, gid) == -1)
    fail(0, MAP);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    fail(0, MAP);
  fs = rk_fsopen("tmpfs");
  if (fs == -1 || set_up(fs) == -1)
    fail(0, MOUNT);
  dir = rk_fsmount(fs, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (dir == -1)
    fail(0, MOUNT);
  if (!ancil_send_fd(0, dir, DONE))
    fail(0, MOUNT);
  _exit(0);
}

static void __attribute__((noreturn)) die(int socket)
{
  struct {
    char step;
    int error;
  } say;

  if (read(socket, &say, sizeof say) != sizeof say)
    strerr_dief(RK_EXIT_SYS, "the child that makes the driver's own directory was killed");
  if (say.step == UNSHARE && say.error == ENOSPC) {
    rk_die_host("U5", "raise user.max_user_namespaces and user.max_mnt_namespaces",
                "unable to make a user and a mount namespace for the driver's own files: too many");
  }
  errno = say.error;
  if (say.step == UNSHARE)
    strerr_diefusys(RK_EXIT_SYS, "make a user and a mount namespace for the driver's own files");
  if (say.step == MAP)
    strerr_diefusys(RK_EXIT_SYS, "map ids for a directory of the driver's own");
  strerr_diefusys(RK_EXIT_SYS, "make a directory of the driver's own");
}

int driver_private(void)
{
  int sockets[2];
  int dir = -1;
  int status;
  pid_t pid;

  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a pair of sockets");
  pid = fork();
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (!pid)
    visit(sockets[1]);
  close(sockets[1]);
  if (waitpid(pid, &status, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait for a child");
  if (WIFEXITED(status) && !WEXITSTATUS(status))
    dir = ancil_recv_fd(sockets[0], DONE);
  if (dir == -1)
    die(sockets[0]);
  close(sockets[0]);
  if (fcntl(dir, F_SETFD, FD_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set close-on-exec");
  return dir;
}
