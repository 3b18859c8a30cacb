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
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/exec.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "rk-state.h"

#define USAGE "rk-state [ -t ] [ -d fd ] dir prog..."

/* How long the rk-outside of an ended chain may take to end its driver and clear the directory,
   milliseconds. */
enum { LEAVING_MS = 5000 };

static char path[PATH_MAX];
static int statefd = -1;
static int made; /* this process made the directory: take it away again on failure */

static void undo(void)
{
  if (!made)
    return;
  if (statefd >= 0) {
    rk_state_clear(statefd, 1);
    unlinkat(statefd, "lock", 0);
  }
  rmdir(path);
}

#define die(...) \
  do { \
    int e_ = errno; \
    undo(); \
    errno = e_; \
    strerr_diefusys(RK_EXIT_SYS, __VA_ARGS__); \
  } while (0)

/* mkdir -p for everything before the last component. */
static void parents(void)
{
  for (char *p = path + 1; (p = strchr(p, '/')); p++) {
    *p = 0;
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
      strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
    *p = '/';
  }
}

static void make(void)
{
  parents();
  if (mkdir(path, 0700) == 0)
    made = 1;
  else if (errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
}

static void absolute(char const *dir)
{
  size_t n = 0, len = strlen(dir);

  if (*dir != '/') {
    if (!getcwd(path, sizeof path - 1))
      strerr_diefusys(RK_EXIT_SYS, "get the working directory");
    n = strlen(path);
    if (path[n - 1] != '/')
      path[n++] = '/';
  }
  while (len > 1 && dir[len - 1] == '/')
    len--;
  if (n + len > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "state directory path too long for a socket in it: ", dir);
  memcpy(path + n, dir, len);
  path[n + len] = 0;
}

/* The place at path bears a name of ours. If the user's own link or file lies there, a chain may
   have put it there to stop all later ones: it is kept under another name. What belongs to somebody
   else is refused later. */
static void set_aside(void)
{
  char to[PATH_MAX + RK_TEMP_MAX];
  struct stat st;
  size_t n = strlen(path);

  if (lstat(path, &st) == -1 || S_ISDIR(st.st_mode) || st.st_uid != geteuid())
    return;
  memcpy(to, path, n);
  rk_temp_name(".old", "", to + n);
  if (rk_renameat2(AT_FDCWD, path, AT_FDCWD, to, 0) == 0)
    strerr_warnw(path, " was not a directory: it is ", to, " now");
}

/* The place for temporary directories: never shared, never world-writable. */
static void runtime(void)
{
  char const *xdg = getenv("XDG_RUNTIME_DIR");
  struct stat st;
  char uid[UINT_FMT];

  uid[uid_fmt(uid, geteuid())] = 0;
  if (xdg && *xdg == '/' && strlen(xdg) < 64 && stat(xdg, &st) == 0 && st.st_uid == geteuid() &&
      access(xdg, W_OK) == 0) {
    strcpy(path, xdg);
    strcat(path, "/rk");
  } else {
    strcpy(path, "/run/user/");
    strcat(path, uid);
    if (stat(path, &st) == 0 && st.st_uid == geteuid() && access(path, W_OK) == 0)
      strcat(path, "/rk");
    else {
      strcpy(path, "/tmp/rk-");
      strcat(path, uid);
    }
  }
  set_aside();
  if (mkdir(path, 0700) < 0 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
}

static void temporary(char const *dir)
{
  int parent;

  if (*dir) {
    absolute(dir);
    parents();
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
      strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
  } else
    runtime();
  parent = state_own(path, !*dir, 0);
  if (parent < 0)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  state_sweep(parent, path);
  close(parent);
  if (strlen(path) + sizeof "/rk.XXXXXX" > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "path too long for a socket in a directory below it: ", path);
  strcat(path, "/rk.XXXXXX");
  if (!mkdtemp(path))
    strerr_diefusys(RK_EXIT_SYS, "create a directory like ", path);
  made = 1;
}

static int given(char const *s)
{
  unsigned int fd;

  if (!uint0_scan(s, &fd) || fd > INT_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
    strerr_dieinvalid(RK_EXIT_USAGE, "fd of -d");
  return (int)fd;
}

static void fact(int dir, char const *name, char const *value)
{
  char text[PATH_MAX + 1];
  size_t len = strlen(value);

  memcpy(text, value, len);
  text[len++] = '\n';
  if (rk_fact_write(dir, name, text, len, 0600) < 0)
    die("write ", path, "/", name);
}

static void export(int env, char const *name, char const *value)
{
  fact(env, name, value);
  if (setenv(name, value, 1) < 0)
    die("set ", name);
}

/* Whoever started us may use the directory from now on. */
static void notify_ready(int fd)
{
  size_t len = strlen(path);

  path[len] = '\n';
  if (allwrite(fd, path, len + 1) < len + 1)
    die("write to fd of -d");
  path[len] = 0;
  close(fd);
}

/* Hold the lock of the state directory. Held although its owner is gone: rk-outside is clearing up
   after it, and will let go. */
static int claim(void)
{
  static struct timespec const ms = {.tv_nsec = 1000000};
  char number[UINT_FMT], owner[RK_IDENTITY_MAX];
  int lockfd;

  for (int tries = LEAVING_MS; rk_state_lock(statefd, O_CREAT, &lockfd) == -1; tries--) {
    unsigned int n = 0;
    int alive;
    if (errno == ENOENT && tries) { /* it has just taken the directory away */
      if (statefd != -1)
        close(statefd);
      make();
      statefd = state_own(path, 0, made);
      continue;
    }
    if (errno != EWOULDBLOCK)
      die("lock ", path);
    alive = rk_fact_read(statefd, ".owner", owner, sizeof owner) > 0 &&
            rk_identity_alive(owner) == 1;
    if (alive || !tries) {
      if (alive)
        uint_scan(owner, &n);
      number[uint_fmt(number, n)] = 0;
      strerr_dief(RK_EXIT_SYS, "state directory ", path, " is in use by the chain of pid ",
                  n ? number : "unknown");
    }
    nanosleep(&ms, 0);
  }
  return lockfd;
}

/* The lock is free, but it dies with rk-outside: somebody may have killed that one alone. */
static void check_owner(void)
{
  char number[UINT_FMT];
  pid_t pid;

  if (!rk_state_owner(statefd, &pid) || pid == getpid())
    return;
  number[uint_fmt(number, (unsigned int)pid)] = 0;
  strerr_dief(RK_EXIT_SYS, "state directory ", path, " is in use by the chain of pid ", number,
              ", whose rk-outside was killed");
}

/* What root inside, or a mount, keeps from being removed must not keep this chain from starting. */
static void clear_stale(void)
{
  char text[8 * RK_STATE_PATH_MAX + 256];
  struct rk_text t = rk_text_in(text, sizeof text);
  int e;

  if (rk_state_clear(statefd, 0) == 0)
    return;
  e = errno;
  if (rk_state_aside(statefd, 0) == -1)
    die("remove stale files from ", path);
  rk_state_left(&t, path, "/.old-*", e);
  strerr_warnw(text);
}

static void fill(char const *fate)
{
  char number[UINT_FMT], owner[RK_IDENTITY_MAX];
  int env;

  if (rk_identity(getpid(), owner, sizeof owner) < 0)
    die("read /proc/self/stat and the boot id");
  fact(statefd, ".owner", owner);
  if (*fate)
    fact(statefd, ".made", fate);
  env = rk_state_sub(statefd, "env", 1);
  if (env == -1)
    die("create ", path, "/env");
  export(env, "RK_STATE_DIR", path);
  export(env, "ROOTLESSKIT_STATE_DIR", path);
  number[uid_fmt(number, geteuid())] = 0;
  export(env, "ROOTLESSKIT_PARENT_EUID", number);
  number[gid_fmt(number, getegid())] = 0;
  export(env, "ROOTLESSKIT_PARENT_EGID", number);
  close(env);
}

int main(int argc, char const *const *argv)
{
  char number[UINT_FMT], was[16] = "";
  int lockfd, temp = 0, said = -1;

  PROG = "rk-state";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (int opt; (opt = subgetopt_r(argc, argv, "td:", &l)) != -1;)
      switch (opt) {
        case 't': temp = 1; break;
        case 'd': said = given(l.arg); break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    argc -= l.ind;
    argv += l.ind;
  }
  if (argc < 2)
    strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (!*argv[1])
    strerr_dief(127, "the program's name is empty");

  if (temp)
    temporary(argv[0]);
  else {
    if (!argv[0][0])
      strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
    absolute(argv[0]);
    make();
  }
  statefd = state_own(path, 0, made);
  lockfd = claim();
  if (!temp) {
    check_owner();
    rk_fact_read(statefd, ".made", was, sizeof was); /* a killed chain's directory keeps its fate */
    clear_stale();
  }
  fill(temp ? "temporary" : made ? "made" : was);

  /* without close-on-exec; rk-userns hands it to rk-outside */
  lockfd = fcntl(lockfd, F_DUPFD, RK_FD_BASE);
  /* the limit of open files is below RK_FD_BASE */
  if (lockfd < 0 && errno == EINVAL)
    errno = EMFILE;
  if (lockfd < 0)
    die("duplicate the lock's fd");
  number[uint_fmt(number, (unsigned int)lockfd)] = 0;
  if (setenv("RK_STATE_LOCK_FD", number, 1) < 0)
    die("set RK_STATE_LOCK_FD");
  if (said >= 0)
    notify_ready(said);
  exec(argv + 1);
  {
    int e = errno;
    undo();
    errno = e;
    strerr_dieexec(e == ENOENT ? 127 : 126, argv[1]);
  }
}
