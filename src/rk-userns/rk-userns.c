/* SPDX-License-Identifier: ISC
   rk-userns: leave rk-outside behind, enter a new user namespace, become prog.

   where    outside
   changes  user namespace; session keyring; all capabilities in it, ambient too, until rk-idmap
   fds/env  takes RK_STATE_LOCK_FD; writes RK_OUTSIDE_FD, RK_UID, RK_GID, RK_OUTSIDE_CAPS,
            RK_OUTSIDE_ROOT
   forks    rk-outside (double fork, own session): nobody's child, lives on only while something is
            left to do outside
   exits    100 usage, 102 the host forbids user namespaces, 111 a system call failed, 126/127 prog
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <skalibs/posixplz.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/keyring.h>
#include <rk/link.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include "userns_diagnose.h"

#define USAGE "rk-userns [ -K ] [ -k ] prog..."

/* The state directory's lock, if rk-state is before us. */
/* It must be the lock of that directory: rk-outside will clear it. */
static int takelock(void)
{
  char const *s = getenv("RK_STATE_LOCK_FD"), *dir = getenv("RK_STATE_DIR");
  char path[RK_STATE_PATH_MAX + sizeof "/lock"];
  struct stat given, lock;
  unsigned int fd;

  if (!s)
    return -1;
  if (!uint0_scan(s, &fd) || fd > INT_MAX || fstat((int)fd, &given) < 0 || !dir ||
      strlen(dir) > RK_STATE_PATH_MAX || stat(strcat(strcpy(path, dir), "/lock"), &lock) < 0 ||
      given.st_dev != lock.st_dev || given.st_ino != lock.st_ino)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_LOCK_FD");
  unsetenv("RK_STATE_LOCK_FD");
  return (int)fd;
}

/* What becomes rk-outside is given, and says what failed, in memory shared until it execs. */
static struct {
  char const *file;
  int control, chain, lock;
  char const *what;
  int error;
} fork_args;

enum { STACK = 8192 };
static _Alignas(16) char stack[2][STACK];

static int failed(char const *what)
{
  fork_args.what = what;
  fork_args.error = errno;
  return 1;
}

/* rk-outside finds its control socket on 3, the chain's pidfd on 4 and the lock on 5, and nothing
   else above stderr. */
static int exec_outside(void *unused)
{
  /* The directory is for people and for rk-ls: rk-outside itself reads its environment. */
  char const *const argv[] = {"rk-outside", fork_args.lock >= 0 ? getenv("RK_STATE_DIR") : NULL,
                              NULL};

  (void)unused;
  if (dup2(fork_args.control, 3) < 0 || dup2(fork_args.chain, 4) < 0 ||
      (fork_args.lock >= 0 && dup2(fork_args.lock, 5) < 0) ||
      rk_close_range(fork_args.lock >= 0 ? 6 : 5, UINT_MAX, 0) < 0)
    return failed("arrange the fds of ");
  execve(fork_args.file, (char **)(uintptr_t)argv, environ);
  return failed("exec ");
}

static int first_child(void *unused)
{
  (void)unused;
  setsid();
  return clone(exec_outside, stack[1] + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, 0) < 0
           ? failed("fork for ")
           : 0;
}

/* Forked twice, so that rk-outside is nobody's child; the first time without an exit signal, so
   that the chain, which soon is the user's program, sees no SIGCHLD. The session of its own keeps a
   Ctrl-C at the terminal away from the network. CLONE_VM | CLONE_VFORK (clone(2)): no page is
   copied, and when it returns rk-outside has been executed, or has said why not. */
static void leave_outside(void)
{
  pid_t pid = clone(first_child, stack[0] + STACK, CLONE_VM | CLONE_VFORK, 0);

  if (pid < 0)
    failed("fork for ");
  else
    while (waitpid(pid, 0, __WALL) < 0 && errno == EINTR)
      ;
  if (fork_args.error) {
    errno = fork_args.error;
    strerr_diefusys(RK_EXIT_SYS, fork_args.what, fork_args.file);
  }
}

/* Ids are not mapped yet, so the next exec would drop every capability; ambient ones survive it
   (capabilities(7)). rk-idmap drops them. */
static void raise_caps(void)
{
  userns_check();
  if (rk_caps_raise() < 0)
    strerr_diefusys(RK_EXIT_SYS, "raise the ambient capabilities");
}

/* fcntl(2) says EINVAL if the limit of open files is below RK_FD_BASE. */
static int high(int fd)
{
  int r = fcntl(fd, F_DUPFD_CLOEXEC, RK_FD_BASE);

  if (r < 0 && errno == EINVAL)
    errno = EMFILE;
  return r;
}

/* Is this the host's root, or a user who is 0 in a namespace only? The files of procfs that belong
   to no process belong to the host's 0, which shows as another id where it is not mapped to 0
   (user_namespaces(7)). */
static int host_root(uid_t uid)
{
  struct stat st;

  return uid == 0 && (stat("/proc/version", &st) == -1 || st.st_uid == 0);
}

static void export(char const *name, char *value, size_t len)
{
  value[len] = 0;
  if (setenv(name, value, 1) < 0)
    strerr_diefusys(RK_EXIT_SYS, "set ", name);
}

int main(int argc, char const *const *argv)
{
  char file[PATH_MAX], text[64];
  uid_t uid = getuid();
  gid_t gid = getgid();
  int control[2], chain, mine, lock, keep = 0, keyring = 0, on = 1;

  PROG = "rk-userns";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (int opt; (opt = subgetopt_r(argc, argv, "Kk", &l)) != -1;)
      switch (opt) {
        case 'K': keyring = 1; break;
        case 'k': keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  lock = takelock();
  rk_ctl_close(); /* of a chain outside of this one: to it, this is the program */
  if (rk_libexec("rk-outside", file, sizeof file) < 0)
    rk_die_host("D9", "mount /proc", "unable to read /proc/self/exe: is /proc mounted?");
  if (access(file, X_OK) < 0)
    strerr_diefusys(RK_EXIT_SYS, "find ", file);
  if (rk_proc_status("CapEff", text, sizeof text) < 0)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/status");
  if (setenv("RK_OUTSIDE_CAPS", text, 1) < 0)
    strerr_diefusys(RK_EXIT_SYS, "set RK_OUTSIDE_CAPS");
  if (host_root(uid))
    export("RK_OUTSIDE_ROOT", text, uint_fmt(text, 1));
  else
    unsetenv("RK_OUTSIDE_ROOT");
  export("RK_UID", text, uid_fmt(text, uid));
  export("RK_GID", text, gid_fmt(text, gid));

  /* SO_PASSCRED must be on before the first message: set by rk-outside itself it would come too
     late, and the credentials would read pid 0, uid 65534 (unix(7); seen on a loaded machine). */
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
      setsockopt(control[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
    strerr_diefusys(RK_EXIT_SYS, "make a socket pair");
  mine = high(control[0]);
  if (mine < 0)
    strerr_diefusys(RK_EXIT_SYS, "duplicate an fd");
  close(control[0]);
  {
    int p = rk_pidfd_open(getpid(), 0);
    /* out of the way of 3, 4 and 5, where rk-outside wants its fds */
    chain = p < 0 ? -1 : high(p);
    if (chain < 0 || (control[0] = high(control[1])) < 0)
      strerr_diefusys(RK_EXIT_SYS, "open a pidfd of this process");
    close(p);
    close(control[1]);
  }
  fork_args.file = file;
  fork_args.control = control[0];
  fork_args.chain = chain;
  fork_args.lock = lock;
  leave_outside();
  close(control[0]);
  close(chain);
  if (lock >= 0)
    close(lock);

  if (!keyring)
    rk_keyring_new_or_die(); /* not before: rk-outside keeps the user's */
  if (unshare(CLONE_NEWUSER) < 0)
    userns_die(errno);
  raise_caps();
  export("RK_OUTSIDE_FD", text, uint_fmt(text, (unsigned int)mine));
  rk_link_exec(argv, keep);
}
