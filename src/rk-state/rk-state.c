/* SPDX-License-Identifier: ISC
   rk-state: create, check and lock a state directory, export it, then become prog.

   where    outside
   changes  environment, one more fd (the lock, for rk-userns to take)
   fds/env  takes FD (-d); writes RK_STATE_DIR, RK_STATE_LOCK_FD, ROOTLESSKIT_STATE_DIR, ROOTLESSKIT_PARENT_EUID, ROOTLESSKIT_PARENT_EGID
   forks    no
   exits    100 usage, 102 directory not ours, 111 in use or a system call failed, 126/127 prog
*/
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/exec.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/state.h>

#define USAGE "rk-state [ -t ] [ -d fd ] dir prog..."

/* How long the rk-outside of an ended chain may take to end its driver and clear the directory, milliseconds. */
enum { LEAVING_MS = 5000 };

static char path[PATH_MAX];
static int dirfd_ = -1;
static int made; /* this process made the directory: take it away again on failure */

static void undo(void)
{
  if (!made) return;
  if (dirfd_ >= 0) {
    rk_state_clear(dirfd_, 1);
    unlinkat(dirfd_, "lock", 0);
  }
  rmdir(path);
}

#define die(...) do { int e_ = errno; undo(); errno = e_; strerr_diefusys(RK_EXIT_SYS, __VA_ARGS__); } while (0)

/* mkdir -p for everything before the last component. */
static void parents(void)
{
  for (char *p = path + 1; (p = strchr(p, '/')); p++) {
    *p = 0;
    if (mkdir(path, 0755) < 0 && errno != EEXIST) strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
    *p = '/';
  }
}

static void make(void)
{
  parents();
  if (mkdir(path, 0700) == 0) made = 1;
  else if (errno != EEXIST) strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
}

static void absolute(char const *dir)
{
  size_t n = 0, len = strlen(dir);

  if (*dir != '/') {
    if (!getcwd(path, sizeof path - 1)) strerr_diefusys(RK_EXIT_SYS, "get the working directory");
    n = strlen(path);
    if (path[n - 1] != '/') path[n++] = '/';
  }
  while (len > 1 && dir[len - 1] == '/') len--;
  if (n + len > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "state directory path too long for a socket in it: ", dir);
  memcpy(path + n, dir, len);
  path[n + len] = 0;
}

/* The place for temporary directories: never shared, never world-writable. */
static void runtime(void)
{
  char const *xdg = getenv("XDG_RUNTIME_DIR");
  struct stat st;
  char uid[UINT_FMT];

  uid[uid_fmt(uid, geteuid())] = 0;
  if (xdg && *xdg == '/' && strlen(xdg) < 64 && stat(xdg, &st) == 0 && st.st_uid == geteuid() && access(xdg, W_OK) == 0) {
    strcpy(path, xdg);
    strcat(path, "/rk");
  } else {
    strcpy(path, "/run/user/");
    strcat(path, uid);
    if (stat(path, &st) == 0 && st.st_uid == geteuid() && access(path, W_OK) == 0) strcat(path, "/rk");
    else {
      strcpy(path, "/tmp/rk-");
      strcat(path, uid);
    }
  }
  if (mkdir(path, 0700) < 0 && errno != EEXIST) strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
}

/* Open the directory at path and make sure that nobody else can have prepared it. */
static int own(void)
{
  struct stat st;
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

  if (fd < 0) {
    if (errno == ENOENT) return -1; /* gone again: lock() will say so, and we start over */
    if (errno == ELOOP || (errno == ENOTDIR && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)))
      strerr_dief(RK_EXIT_HOST, "state directory ", path, " is a symbolic link");
    if (errno == ENOTDIR) strerr_dief(RK_EXIT_HOST, path, " is not a directory");
    strerr_diefusys(RK_EXIT_SYS, "open state directory ", path);
  }
  if (fstat(fd, &st) < 0) strerr_diefusys(RK_EXIT_SYS, "stat ", path);
  if (st.st_uid != geteuid()) strerr_dief(RK_EXIT_HOST, "state directory ", path, " belongs to another user");
  if (st.st_mode & 022) strerr_dief(RK_EXIT_HOST, "state directory ", path, " is writable by others");
  return fd;
}

/* Take the lock of the directory at fd, with create = O_CREAT make it: 0 with *lockfd, or -1 with EWOULDBLOCK (held). flock(2) belongs to the open file
   description, so whoever inherits the fd keeps it. A cleaner may unlink the file between open and lock: look again. */
static int lock(int fd, int create, int *lockfd)
{
  for (;;) {
    struct stat mine, there;
    int l = fd < 0 ? (errno = ENOENT, -1) : openat(fd, "lock", O_RDWR | create | O_CLOEXEC | O_NOFOLLOW, 0600);
    int e;

    if (l < 0) return -1;
    if (flock(l, LOCK_EX | LOCK_NB) < 0 || fstat(l, &mine) < 0) {
      e = errno;
      close(l);
      return errno = e, -1;
    }
    if (fstatat(fd, "lock", &there, AT_SYMLINK_NOFOLLOW) == 0 && there.st_ino == mine.st_ino && there.st_dev == mine.st_dev) {
      *lockfd = l;
      return 0;
    }
    close(l);
  }
}

/* Without an .owner it is being made right now, by somebody who holds no lock yet; or he was killed over it, a minute ago or longer. */
static int orphan(int fd)
{
  struct stat st;

  if (faccessat(fd, ".owner", F_OK, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  return fstat(fd, &st) == 0 && st.st_mtime < time(0) - 60;
}

/* Remove the temporary directories of chains that are gone. What cannot be removed stays for the next one. */
static void sweep(int parent)
{
  DIR *dir = fdopendir(dup(parent));
  struct dirent *d;

  if (!dir) return;
  while ((d = readdir(dir))) {
    int fd, l;
    if (strncmp(d->d_name, "rk.", 3)) continue;
    fd = openat(parent, d->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue;
    if (orphan(fd) && rk_state_alive(fd, 0) == 0 && (lock(fd, 0, &l) == 0 || (errno == ENOENT && (l = -1)))) {
      rk_state_clear(fd, 1);
      unlinkat(fd, "lock", 0);
      unlinkat(parent, d->d_name, AT_REMOVEDIR);
      if (l >= 0) close(l);
    }
    close(fd);
  }
  closedir(dir);
}

static void temporary(char const *dir)
{
  int parent;

  if (*dir) {
    absolute(dir);
    parents();
    if (mkdir(path, 0700) < 0 && errno != EEXIST) strerr_diefusys(RK_EXIT_SYS, "create directory ", path);
  } else
    runtime();
  parent = own();
  if (parent < 0) strerr_diefusys(RK_EXIT_SYS, "open ", path);
  sweep(parent);
  close(parent);
  if (strlen(path) + sizeof "/rk.XXXXXX" > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE, "path too long for a socket in a directory below it: ", path);
  strcat(path, "/rk.XXXXXX");
  if (!mkdtemp(path)) strerr_diefusys(RK_EXIT_SYS, "create a directory like ", path);
  made = 1;
}

static int given(char const *s)
{
  unsigned int fd;

  if (!uint0_scan(s, &fd) || fd > INT_MAX || fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0) strerr_dieinvalid(RK_EXIT_USAGE, "fd of -d");
  return (int)fd;
}

static void fact(char const *name, char const *value)
{
  char text[PATH_MAX + 1];
  size_t len = strlen(value);

  memcpy(text, value, len);
  text[len++] = '\n';
  if (rk_fact_write(dirfd_, name, text, len, 0600) < 0) die("write ", path, "/", name);
}

static void export(char const *name, char const *value)
{
  char file[64] = "env/";

  strcat(file, name);
  fact(file, value);
  if (setenv(name, value, 1) < 0) die("set ", name);
}

/* Whoever started us may use the directory from now on. */
static void tell(int fd)
{
  size_t len = strlen(path);

  path[len] = '\n';
  if (allwrite(fd, path, len + 1) < len + 1) die("write to fd of -d");
  path[len] = 0;
  close(fd);
}

int main(int argc, char const *const *argv)
{
  char number[UINT_FMT], owner[RK_IDENTITY_MAX], was[16] = "";
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
  if (argc < 2) strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (!*argv[1]) strerr_dief(127, "the program's name is empty");

  if (temp) temporary(argv[0]);
  else {
    if (!argv[0][0]) strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
    absolute(argv[0]);
    make();
  }
  dirfd_ = own();

  /* Held although its owner is gone: rk-outside is clearing up after it, and will let go. */
  for (int tries = LEAVING_MS; lock(dirfd_, O_CREAT, &lockfd) < 0; tries--) {
    static struct timespec const ms = {.tv_nsec = 1000000};
    int alive;

    if (errno == ENOENT && tries) { /* it has just taken the directory away */
      close(dirfd_);
      make();
      dirfd_ = own();
      continue;
    }
    if (errno != EWOULDBLOCK) die("lock ", path);
    alive = rk_fact_read(dirfd_, ".owner", owner, sizeof owner) > 0 && rk_identity_alive(owner) == 1;
    if (alive || !tries) {
      unsigned int n = 0;
      if (alive) uint_scan(owner, &n);
      number[uint_fmt(number, n)] = 0;
      strerr_dief(RK_EXIT_SYS, "state directory ", path, " is in use by the chain of pid ", n ? number : "unknown");
    }
    nanosleep(&ms, 0);
  }
  /* The lock is free, but it dies with rk-outside: somebody may have killed that one alone. */
  if (!temp && rk_fact_read(dirfd_, ".owner", owner, sizeof owner) > 0 && rk_identity_alive(owner) == 1) {
    unsigned int n;
    uint_scan(owner, &n);
    if ((pid_t)n != getpid()) {
      number[uint_fmt(number, n)] = 0;
      strerr_dief(RK_EXIT_SYS, "state directory ", path, " is in use by the chain of pid ", number, ", whose rk-outside was killed");
    }
  }
  if (!temp) rk_fact_read(dirfd_, ".made", was, sizeof was); /* a killed chain's directory keeps its fate */
  if (!temp && rk_state_clear(dirfd_, 0) < 0) die("remove stale files from ", path);

  if (rk_identity(getpid(), owner, sizeof owner) < 0) die("read /proc/self/stat and the boot id");
  fact(".owner", owner);
  if (made || was[0]) fact(".made", temp ? "temporary" : made ? "made" : was);
  if (mkdirat(dirfd_, "env", 0700) < 0) die("create ", path, "/env");
  export("RK_STATE_DIR", path);
  export("ROOTLESSKIT_STATE_DIR", path);
  number[uid_fmt(number, geteuid())] = 0;
  export("ROOTLESSKIT_PARENT_EUID", number);
  number[gid_fmt(number, getegid())] = 0;
  export("ROOTLESSKIT_PARENT_EGID", number);

  lockfd = fcntl(lockfd, F_DUPFD, RK_FD_BASE); /* without close-on-exec; rk-userns hands it to rk-outside */
  if (lockfd < 0 && errno == EINVAL) errno = EMFILE; /* the limit of open files is below RK_FD_BASE */
  if (lockfd < 0) die("duplicate the lock's fd");
  number[uint_fmt(number, (unsigned int)lockfd)] = 0;
  if (setenv("RK_STATE_LOCK_FD", number, 1) < 0) die("set RK_STATE_LOCK_FD");
  if (said >= 0) tell(said);
  exec(argv + 1);
  {
    int e = errno;
    undo();
    errno = e;
    strerr_dieexec(e == ENOENT ? 127 : 126, argv[1]);
  }
}
