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
#include "userns_diagnose.h"

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
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/keyring.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

struct options {
  int keyring;
  int keep;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'K',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, keyring),
   .text = "keep the user's session keyring"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-userns",
  .summary = "enter a new user namespace, then execute a program",
  .operands = "prog...",
  .options = OPTIONS,
};

/* Is fd the lock of that directory? rk-outside will clear it. */
static int is_lock_of(int fd, char const *dir)
{
  char path[RK_STATE_PATH_MAX + sizeof "/lock"];
  struct rk_text t = rk_text_in(path, sizeof path);
  struct stat given;
  struct stat lock;

  rk_text_add(&t, dir, "/lock");
  if (t.cut)
    return 0;
  if (fstat(fd, &given) == -1 || stat(path, &lock) == -1)
    return 0;
  return given.st_dev == lock.st_dev && given.st_ino == lock.st_ino;
}

/* The state directory's lock if rk-state is before us, else -1. */
static int take_lock(void)
{
  char const *s = getenv("RK_STATE_LOCK_FD");
  char const *dir = getenv("RK_STATE_DIR");
  unsigned int fd;

  if (!s)
    return -1;
  if (!uint0_scan(s, &fd) || fd > INT_MAX)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_LOCK_FD");
  if (!dir || !is_lock_of((int)fd, dir))
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_LOCK_FD");
  unsetenv("RK_STATE_LOCK_FD");
  return (int)fd;
}

enum { STACK = 8192 };

/* What becomes rk-outside is given, and says what failed, in memory shared until it execs. */
struct outside {
  char const *file;
  char const *dir; /* the state directory, NULL: none. It is for people and for rk-ls: rk-outside
                      itself reads its environment */
  int control;
  int chain;
  int lock; /* -1: none */
  char const *what;
  int error;
  _Alignas(16) char stack[2][STACK];
};

static int fail(struct outside *o, char const *what)
{
  o->what = what;
  o->error = errno;
  return 1;
}

/* rk-outside finds its control socket on 3, the chain's pidfd on 4 and the lock on 5, and nothing
   else above stderr. */
static int arrange_fds(struct outside const *o)
{
  unsigned int rest = 5;

  if (dup2(o->control, 3) == -1)
    return -1;
  if (dup2(o->chain, 4) == -1)
    return -1;
  if (o->lock != -1) {
    if (dup2(o->lock, 5) == -1)
      return -1;
    rest = 6;
  }
  return rk_close_range(rest, UINT_MAX, 0);
}

static int exec_outside(void *data)
{
  struct outside *o = data;
  char const *const argv[] = {"rk-outside", o->dir, NULL};

  if (arrange_fds(o) == -1)
    return fail(o, "arrange the fds of ");
  execve(o->file, (char **)(uintptr_t)argv, environ);
  return fail(o, "exec ");
}

static int first_child(void *data)
{
  struct outside *o = data;

  setsid();
  if (clone(exec_outside, o->stack[1] + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, o) == -1)
    return fail(o, "fork for ");
  return 0;
}

/* Forked twice, so that rk-outside is nobody's child; the first time without an exit signal, so
   that the chain, which soon is the user's program, sees no SIGCHLD. The session of its own keeps a
   Ctrl-C at the terminal away from the network. CLONE_VM | CLONE_VFORK (clone(2)): no page is
   copied, and when it returns rk-outside has been executed, or has said why not. */
static void leave_outside(struct outside *o)
{
  pid_t pid = clone(first_child, o->stack[0] + STACK, CLONE_VM | CLONE_VFORK, o);

  if (pid == -1)
    fail(o, "fork for ");
  else
    while (waitpid(pid, NULL, __WALL) == -1 && errno == EINTR)
      ;
  if (o->error) {
    errno = o->error;
    strerr_diefusys(RK_EXIT_SYS, o->what, o->file);
  }
}

/* Ids are not mapped yet, so the next exec would drop every capability; ambient ones survive it
   (capabilities(7)). rk-idmap drops them. */
static void raise_caps(void)
{
  userns_check();
  if (rk_caps_raise() == -1)
    strerr_diefusys(RK_EXIT_SYS, "raise the ambient capabilities");
}

/* Is this the host's root, or a user who is 0 in a namespace only? The files of procfs that belong
   to no process belong to the host's 0, which shows as another id where it is not mapped to 0
   (user_namespaces(7)). */
static int host_root(uid_t uid)
{
  struct stat st;

  return uid == 0 && (stat("/proc/version", &st) == -1 || st.st_uid == 0);
}

static void export(char const *name, char const *value)
{
  if (setenv(name, value, 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set ", name);
}

static void export_number(char const *name, unsigned int n)
{
  char text[UINT_FMT];

  text[uint_fmt(text, n)] = 0;
  export(name, text);
}

/* What the links to come must know of the outside. */
static void export_outside(void)
{
  char caps[64];

  if (rk_proc_status("CapEff", caps, sizeof caps) == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/status");
  export("RK_OUTSIDE_CAPS", caps);
  if (host_root(getuid()))
    export("RK_OUTSIDE_ROOT", "1");
  else
    unsetenv("RK_OUTSIDE_ROOT");
  export_number("RK_UID", getuid());
  export_number("RK_GID", getgid());
}

static int high_or_die(int fd)
{
  int r = rk_fd_high(fd, F_DUPFD_CLOEXEC);

  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "duplicate an fd");
  close(fd);
  return r;
}

/* A pair for the two ends of the control socket; *theirs is that of rk-outside. Both are out of the
   way of 3, 4 and 5, where rk-outside wants its fds. */
static int make_control(int *theirs)
{
  int control[2];
  int on = 1;

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a socket pair");
  /* SO_PASSCRED must be on before the first message: set by rk-outside itself it would come too
     late, and the credentials would read pid 0, uid 65534 (unix(7); seen on a loaded machine). */
  if (setsockopt(control[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a socket pair");
  *theirs = high_or_die(control[1]);
  return high_or_die(control[0]);
}

static int open_self(void)
{
  int fd = rk_pidfd_open(getpid(), 0);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a pidfd of this process");
  return high_or_die(fd);
}

int main(int argc, char const *const *argv)
{
  static struct outside outside;
  char file[PATH_MAX];
  int control;
  struct options o = {0};

  PROG = "rk-userns";
  argv += rk_options(&USAGE, argc, argv, &o);
  outside.lock = take_lock();
  rk_ctl_close(); /* of a chain outside of this one: to it, this is the program */
  if (rk_libexec("rk-outside", file, sizeof file) == -1)
    rk_die_host("D9", "mount /proc", "unable to read /proc/self/exe: is /proc mounted?");
  if (access(file, X_OK) == -1)
    strerr_diefusys(RK_EXIT_SYS, "find ", file);
  export_outside();

  outside.file = file;
  if (outside.lock != -1)
    outside.dir = getenv("RK_STATE_DIR");
  control = make_control(&outside.control);
  outside.chain = open_self();
  leave_outside(&outside);
  close(outside.control);
  close(outside.chain);
  if (outside.lock != -1)
    close(outside.lock);

  if (!o.keyring)
    rk_keyring_new_or_die(); /* not before: rk-outside keeps the user's */
  if (unshare(CLONE_NEWUSER) == -1)
    userns_die(errno);
  raise_caps();
  export_number("RK_OUTSIDE_FD", (unsigned int)control);
  rk_link_exec(argv, o.keep);
}
