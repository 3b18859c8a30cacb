/* SPDX-License-Identifier: ISC
   rk-state: create, check and lock a state directory, export it, then become prog.

   where    outside
   changes  environment, one more fd (the lock, for rk-userns to take)
   fds/env  takes FD (-d); writes RK_STATE_DIR, RK_STATE_LOCK_FD, ROOTLESSKIT_STATE_DIR,
            ROOTLESSKIT_PARENT_EUID, ROOTLESSKIT_PARENT_EGID
   forks    no
   exits    100 usage, 102 directory not ours or not safe, 111 in use or a system call failed,
            126/127 prog
 */
#include "rk-state.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/exec.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/order.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

struct options {
  int temporary;
  int remove;
  int readyfd;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 't',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, temporary),
   .text = "make a directory for this chain only in dir, and remove it at the end"},
  {.letter = 'r',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, remove),
   .text = "remove dir with all that is in it at the end, even if it was there"},
  RK_OPTION_READY(struct options, "the directory's path to fd when it is locked, then close fd"),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-state",
  .summary = "lock and export a state directory, then execute a program",
  .operands = "dir prog...",
  .options = OPTIONS,
};

/* How long the rk-outside of an ended chain may take to end its driver and clear the directory,
   milliseconds. */
enum { LEAVING_MS = 5000 };

/* The directory. */
struct place {
  char path[PATH_MAX];
  int fd;        /* -1: not open */
  int made;      /* this process made it: take it away again on failure */
  int locked;    /* its lock is ours, and so is what a chain leaves in it */
  char fate[16]; /* of one that was there: its fact .made, "" if it stays at the end */
};

/* On failure: as it was before. */
static void undo(struct place const *p)
{
  int r = 0;

  if (p->fd == -1 || (!p->made && !p->locked)) {
    if (p->made)
      rmdir(p->path);
    return;
  }
  if (rk_state_clear(p->fd, p->made) == -1)
    r = -1;
  if (rk_state_leave(p->fd, p->path, p->made ? "made" : p->fate) == -1)
    r = -1;
  if (r == -1)
    strerr_warnwusys("clear the state directory ", p->path);
}

#define die(place, ...) \
  do { \
    int e_ = errno; \
    undo(place); \
    errno = e_; \
    strerr_diefusys(RK_EXIT_SYS, __VA_ARGS__); \
  } while (0)

/* A directory directly below the root that could not be made: "$XDG_RUNTIME_DIR/web" is that where
   the variable is empty. errno stays. */
static void refuse_root(char const *path)
{
  char const *xdg = getenv("XDG_RUNTIME_DIR");
  int e = errno;

  if (*path != '/' || strchr(path + 1, '/') || (xdg && *xdg))
    return;
  if (e != EACCES && e != EROFS)
    return;
  rk_die_host(
    "S1", "log in with a session of your own (not by su), or: loginctl enable-linger USER",
    "unable to create directory ", path, ": ", strerror(e), "; XDG_RUNTIME_DIR is not set");
}

/* Returns whether it was made now. */
static int make_dir(char const *path, mode_t mode)
{
  if (rk_mkdirat(AT_FDCWD, path, mode) == 0)
    return 1;
  if (errno == EEXIST)
    return 0;
  refuse_root(path);
  strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
}

/* mkdir -p for everything before the last component. */
static void make_parents(char *path)
{
  char *p = path;

  while ((p = strchr(p + 1, '/'))) {
    *p = 0;
    make_dir(path, 0755);
    *p = '/';
  }
}

static void make_place(struct place *p)
{
  make_parents(p->path);
  if (make_dir(p->path, 0700))
    p->made = 1;
}

/* dir, from the root on and without slashes at its end, becomes the path. */
static void set_path(struct place *p, char const *dir)
{
  size_t len = strlen(dir);
  struct rk_text t = rk_text_in(p->path, sizeof p->path);

  if (*dir != '/') {
    if (!getcwd(p->path, sizeof p->path - 1))
      strerr_diefusys(RK_EXIT_SYS, "get the working directory");
    t.len = strlen(p->path);
    if (p->path[t.len - 1] != '/')
      rk_text_str(&t, "/");
  }
  while (len > 1 && dir[len - 1] == '/')
    len--;
  if (t.len + len > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "state directory path too long for a socket in it: ", dir);
  rk_text_mem(&t, dir, len);
}

/* The place bears a name of ours. If the user's own link or file lies there, a chain may have put
   it there to stop all later ones: it is kept under another name. What belongs to somebody else is
   refused later. */
static void set_aside(char const *path)
{
  char to[PATH_MAX + RK_TEMP_MAX];
  struct rk_text t = rk_text_in(to, sizeof to);
  struct stat st;

  if (lstat(path, &st) == -1)
    return;
  if (S_ISDIR(st.st_mode) || st.st_uid != geteuid())
    return;
  rk_text_str(&t, path);
  rk_temp_name(".old", "", to + t.len);
  if (rk_renameat2(AT_FDCWD, path, AT_FDCWD, to, 0) == 0)
    strerr_warnw(path, " was not a directory: it is ", to, " now");
}

static int is_writable_own(char const *path)
{
  struct stat st;

  if (stat(path, &st) == -1) {
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
      strerr_diefusys(RK_EXIT_SYS, "stat ", path);
    return 0;
  }
  return st.st_uid == geteuid() && access(path, W_OK) == 0;
}

/* The place for temporary directories: never shared, never world-writable. */
static void set_runtime_path(struct place *p)
{
  char const *tmp = getenv("TMPDIR");
  char const *xdg = getenv("XDG_RUNTIME_DIR");
  struct rk_text t = rk_text_in(p->path, sizeof p->path);

  if (xdg && *xdg == '/' && strlen(xdg) < 64 && is_writable_own(xdg)) {
    rk_text_add(&t, xdg, "/rk");
    return;
  }
  rk_text_str(&t, "/run/user/");
  rk_text_num(&t, geteuid());
  if (is_writable_own(p->path)) {
    rk_text_str(&t, "/rk");
    return;
  }
  t = rk_text_in(p->path, sizeof p->path);
  rk_text_add(&t, tmp && *tmp == '/' && strlen(tmp) < 64 ? tmp : "/tmp", "/rk-");
  rk_text_num(&t, geteuid());
}

static void make_temporary(struct place *p, char const *dir)
{
  char const *made;
  mode_t mask;
  int parent;

  if (*dir) {
    set_path(p, dir);
    make_parents(p->path);
  } else {
    set_runtime_path(p);
    set_aside(p->path);
  }
  make_dir(p->path, 0700);
  parent = state_own(p->path, !*dir, 0);
  if (parent == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", p->path);
  state_sweep(parent, p->path);
  close(parent);
  if (strlen(p->path) + sizeof "/rk.XXXXXX" > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "path too long for a socket in a directory below it: ", p->path);
  strcat(p->path, "/rk.XXXXXX");
  mask = umask(077); /* see rk_mkdirat */
  made = mkdtemp(p->path);
  umask(mask);
  if (!made)
    strerr_diefusys(RK_EXIT_SYS, "create a directory like ", p->path);
  p->made = 1;
}

/* dir: the state directory, or a directory in it. */
static void write_fact(struct place const *p, int dir, char const *name, char const *value)
{
  char text[PATH_MAX + 1];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_add(&t, value, "\n");
  if (rk_fact_write(dir, name, text, t.len, 0600) == -1)
    die(p, "write ", p->path, "/", name);
}

static void export(struct place const *p, int env, char const *name, char const *value)
{
  write_fact(p, env, name, value);
  if (setenv(name, value, 1) == -1)
    die(p, "set ", name);
}

/* Whoever started us may use the directory from now on. */
static void notify_ready(struct place const *p, int fd)
{
  char line[PATH_MAX + 1];
  struct rk_text t = rk_text_in(line, sizeof line);

  rk_text_add(&t, p->path, "\n");
  if (allwrite(fd, line, t.len) < t.len)
    die(p, "write to fd of -d");
  close(fd);
}

/* Die if the lock's holder is there, or (wait_no_more) stays. */
static void refuse_used(struct place const *p, int wait_no_more)
{
  char owner[RK_IDENTITY_MAX];
  char number[UINT_FMT];
  char const *who = "unknown";
  unsigned int n = 0;
  int alive = 0;

  if (rk_fact_read(p->fd, ".owner", owner, sizeof owner) > 0)
    alive = rk_identity_alive(owner) == 1;
  if (!alive && !wait_no_more)
    return;
  if (alive)
    uint_scan(owner, &n);
  number[uint_fmt(number, n)] = 0;
  if (n)
    who = number;
  strerr_dief(RK_EXIT_SYS, "state directory ", p->path, " is in use by the chain of pid ", who);
}

/* Hold the lock of the state directory. Held although its owner is gone: rk-outside is clearing up
   after it, and will let go. */
static int claim(struct place *p)
{
  static struct timespec const ms = {.tv_nsec = 1000000};
  int lockfd;

  for (int tries = LEAVING_MS; rk_state_lock(p->fd, O_CREAT, &lockfd) == -1; tries--) {
    if (errno == ENOENT && tries) { /* it has just taken the directory away */
      if (p->fd != -1)
        close(p->fd);
      make_place(p);
      p->fd = state_own(p->path, 0, p->made);
      continue;
    }
    if (errno != EWOULDBLOCK)
      die(p, "lock ", p->path);
    refuse_used(p, !tries);
    nanosleep(&ms, NULL);
  }
  return lockfd;
}

/* The lock is free, but it dies with rk-outside: somebody may have killed that one alone. */
static void check_owner(struct place const *p)
{
  char number[UINT_FMT];
  pid_t pid;

  if (!rk_state_owner(p->fd, &pid) || pid == getpid())
    return;
  number[uint_fmt(number, (unsigned int)pid)] = 0;
  strerr_dief(RK_EXIT_SYS, "state directory ", p->path, " is in use by the chain of pid ", number,
              ", whose rk-outside was killed");
}

/* What root inside, or a mount, keeps from being removed must not keep this chain from starting. */
static void clear_stale(struct place const *p)
{
  char text[8 * RK_STATE_PATH_MAX + 256];
  struct rk_text t = rk_text_in(text, sizeof text);
  int e;

  if (rk_state_clear(p->fd, 0) == 0)
    return;
  e = errno;
  if (rk_state_aside(p->fd, 0) == -1)
    die(p, "remove stale files from ", p->path);
  rk_state_left(&t, p->path, "/.old-*", e);
  strerr_warnw(text);
}

/* A killed chain's directory keeps its fate. What its root inside has put there is no fate. */
static void read_fate(struct place *p)
{
  if (rk_fact_read(p->fd, ".made", p->fate, sizeof p->fate) != -1)
    return;
  p->fate[0] = 0;
  if (errno == EIO || errno == ENOMEM || errno == EMFILE || errno == ENFILE || errno == EINTR)
    die(p, "read ", p->path, "/.made");
}

/* Only what a chain makes is ever removed: others' files have other names. */
static void refuse_content(struct place const *p)
{
  if (p->made || rk_state_known(p->fd))
    return;
  strerr_dief(RK_EXIT_USAGE, p->path,
              " has content that no chain made, which -r would remove: it is no state directory");
}

static void fill(struct place const *p)
{
  char const *fate = p->fate;
  char number[UINT_FMT];
  char owner[RK_IDENTITY_MAX];
  int env;

  if (rk_identity(getpid(), owner, sizeof owner) == -1)
    die(p, "read /proc/self/stat and the boot id");
  write_fact(p, p->fd, ".owner", owner);
  if (*fate)
    write_fact(p, p->fd, ".made", fate);
  env = rk_state_sub(p->fd, "env", 1);
  if (env == -1)
    die(p, "create ", p->path, "/env");
  export(p, env, "RK_STATE_DIR", p->path);
  export(p, env, "ROOTLESSKIT_STATE_DIR", p->path);
  number[uid_fmt(number, geteuid())] = 0;
  export(p, env, "ROOTLESSKIT_PARENT_EUID", number);
  number[gid_fmt(number, getegid())] = 0;
  export(p, env, "ROOTLESSKIT_PARENT_EGID", number);
  close(env);
}

/* Without close-on-exec; rk-userns hands it to rk-outside. */
static void hand_on_lock(struct place const *p, int lockfd)
{
  char number[UINT_FMT];

  lockfd = rk_fd_high(lockfd, F_DUPFD);
  if (lockfd == -1)
    die(p, "duplicate the lock's fd");
  number[uint_fmt(number, (unsigned int)lockfd)] = 0;
  if (setenv("RK_STATE_LOCK_FD", number, 1) == -1)
    die(p, "set RK_STATE_LOCK_FD");
}

static char const *base_of(char const *path)
{
  char const *slash = strrchr(path, '/');

  return slash ? slash + 1 : path;
}

/* May it stand between rk-state and rk-userns? */
static int is_outside(char const *link)
{
  static char const *const names[] = {"rk-userns", "rk-listen", "rk-cgroup", "rk-reap"};

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!strcmp(link, names[i]))
      return 1;
  return 0;
}

/* What people write when a word is missing or in the wrong place. */
static void check_order(char const *dir, char const *prog)
{
  char const *next = base_of(prog);

  if (rk_order_is_link(dir))
    rk_usage_die(&USAGE, "no directory given: ", dir,
                 " is a link (is the variable before it empty?)");
  if (getenv("RK_STATE_LOCK_FD"))
    strerr_dief(RK_EXIT_USAGE,
                "rk-state stands twice in this chain: give it once, before rk-userns");
  if (rk_order_is_link(next) && !is_outside(next))
    strerr_dief(RK_EXIT_USAGE, "put rk-state before rk-userns, and ", next, " after that");
  if (!rk_order_is_link(next) && getenv("RK_UID"))
    strerr_warnw(dir, " will not be used by this chain: put rk-state before rk-userns");
}

int main(int argc, char const *const *argv)
{
  struct place p = {.fd = -1};
  int lockfd;
  struct options o = {.readyfd = -1};

  PROG = "rk-state";
  argv += rk_options(&USAGE, argc, argv, &o);
  if (!*argv[1])
    strerr_dief(127, "the program's name is empty");
  check_order(argv[0], argv[1]);

  if (o.temporary) {
    make_temporary(&p, argv[0]);
  } else {
    if (!argv[0][0])
      strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
    set_path(&p, argv[0]);
    make_place(&p);
  }
  p.fd = state_own(p.path, 0, p.made);
  if (o.remove)
    refuse_content(&p);
  lockfd = claim(&p);
  if (!o.temporary) {
    check_owner(&p);
    read_fate(&p);
    p.locked = 1;
    clear_stale(&p);
  }
  if (o.temporary || o.remove)
    strcpy(p.fate, "temporary");
  else if (p.made)
    strcpy(p.fate, "made");
  fill(&p);
  hand_on_lock(&p, lockfd);
  if (o.readyfd != -1)
    notify_ready(&p, o.readyfd);
  exec(argv + 1);
  {
    int e = errno;
    undo(&p);
    errno = e;
    strerr_dieexec(e == ENOENT ? 127 : 126, argv[1]);
  }
}
