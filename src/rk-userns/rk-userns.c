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
#include <rk/ctl.h>
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

/* Until rk-outside stands, the state directory is ours to clear. Keeps errno. */
static void abandon(struct outside const *o)
{
  int e = errno;

  if (o->lock != -1 && rk_state_abandon(o->dir, o->lock) == -1)
    strerr_warnwusys("clear the state directory ", o->dir);
  errno = e;
}

#define die(o, ...) \
  do { \
    abandon(o); \
    strerr_diefusys(RK_EXIT_SYS, __VA_ARGS__); \
  } while (0)

/* Is fd the lock of that directory? rk-outside will clear it. 1 or 0, -1 with errno. */
static int is_lock_of(int fd, char const *dir)
{
  char path[RK_STATE_PATH_MAX + sizeof "/lock"];
  struct rk_text t = rk_text_in(path, sizeof path);
  struct stat given;
  struct stat lock;

  rk_text_add(&t, dir, "/lock");
  if (t.cut)
    return 0;
  if (fstat(fd, &given) == -1)
    return errno == EBADF ? 0 : -1;
  if (stat(path, &lock) == -1)
    return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
  return given.st_dev == lock.st_dev && given.st_ino == lock.st_ino;
}

/* The state directory and its lock, if rk-state is before us. */
static void take_state(struct outside *o)
{
  char const *s = getenv("RK_STATE_LOCK_FD");
  char const *dir = getenv("RK_STATE_DIR");
  unsigned int fd;
  int ours = 0;

  o->lock = -1;
  if (!s)
    return;
  if (!uint0_scan(s, &fd) || fd > INT_MAX)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_LOCK_FD");
  if (dir)
    ours = is_lock_of((int)fd, dir);
  if (!ours)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_STATE_LOCK_FD");
  o->lock = (int)fd;
  o->dir = dir;
  if (ours == -1)
    die(o, "find the lock of the state directory ", dir);
  unsetenv("RK_STATE_LOCK_FD");
}

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
    die(o, o->what, o->file);
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

static void export(struct outside const *o, char const *name, char const *value)
{
  if (setenv(name, value, 1) == -1)
    die(o, "set ", name);
}

static void export_number(struct outside const *o, char const *name, unsigned int n)
{
  char text[UINT_FMT];

  text[uint_fmt(text, n)] = 0;
  export(o, name, text);
}

/* What the links to come must know of the outside. */
static void export_outside(struct outside const *o)
{
  char caps[64];

  if (rk_proc_status("CapEff", caps, sizeof caps) == -1)
    die(o, "read /proc/self/status");
  export(o, "RK_OUTSIDE_CAPS", caps);
  if (host_root(getuid()))
    export(o, "RK_OUTSIDE_ROOT", "1");
  else
    unsetenv("RK_OUTSIDE_ROOT");
  export_number(o, "RK_UID", getuid());
  export_number(o, "RK_GID", getgid());
}

static int high_or_die(struct outside const *o, int fd)
{
  int r = rk_fd_high(fd, F_DUPFD_CLOEXEC);

  if (r == -1)
    die(o, "duplicate an fd");
  close(fd);
  return r;
}

/* A pair for the two ends of the control socket; o->control is that of rk-outside. Both are out of
   the way of 3, 4 and 5, where rk-outside wants its fds. */
static int make_control(struct outside *o)
{
  int control[2];
  int on = 1;

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) == -1)
    die(o, "make a socket pair");
  /* SO_PASSCRED must be on before the first message: set by rk-outside itself it would come too
     late, and the credentials would read pid 0, uid 65534 (unix(7); seen on a loaded machine). */
  if (setsockopt(control[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1)
    die(o, "make a socket pair");
  o->control = high_or_die(o, control[1]);
  return high_or_die(o, control[0]);
}

static int open_self(struct outside const *o)
{
  int fd = rk_pidfd_open(getpid(), 0);

  if (fd == -1)
    die(o, "open a pidfd of this process");
  return high_or_die(o, fd);
}

/* Of a chain outside of this one: to it, this is the program. */
static void close_outer_control(struct outside const *o)
{
  struct rk_reply said;
  enum rk_ctl_closed r = rk_ctl_try_close(&said);

  if (r == RK_CTL_CLOSED)
    return;
  abandon(o);
  rk_ctl_close_die(r, &said);
}

static void find_outside(struct outside const *o, char *file, size_t size)
{
  if (rk_libexec("rk-outside", file, size) == -1) {
    abandon(o);
    if (errno == ENOENT)
      rk_die_host("D9", "mount /proc", "unable to read /proc/self/exe: is /proc mounted?");
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/exe");
  }
  if (access(file, X_OK) == -1)
    die(o, "find ", file, ", to which rk-userns belongs");
}

int main(int argc, char const *const *argv)
{
  static struct outside outside;
  char file[PATH_MAX];
  int control;
  struct options o = {0};

  PROG = "rk-userns";
  argv += rk_options(&USAGE, argc, argv, &o);
  take_state(&outside);
  close_outer_control(&outside);
  find_outside(&outside, file, sizeof file);
  export_outside(&outside);

  outside.file = file;
  control = make_control(&outside);
  outside.chain = open_self(&outside);
  leave_outside(&outside);
  close(outside.control);
  close(outside.chain);
  if (outside.lock != -1)
    close(outside.lock);
  outside.lock = -1; /* the state directory is for rk-outside to clear now */

  if (!o.keyring)
    rk_keyring_new_or_die(); /* not before: rk-outside keeps the user's */
  if (unshare(CLONE_NEWUSER) == -1)
    userns_die(errno);
  raise_caps();
  export_number(&outside, "RK_OUTSIDE_FD", (unsigned int)control);
  rk_link_exec(argv, o.keep);
}
