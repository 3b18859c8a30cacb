/* SPDX-License-Identifier: ISC */
#include <compat/go.h>
#include "run_state.h"
#include "run.h"
#include <rk/proc.h>
#include <rk/state.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>

enum { LET_GO_MS = 5000, DYING_MS = 500, STEP_MS = 1 };

/* Lexical cleaning, as Go's filepath.Abs: the directory need not exist. */
char *run_state_path(char const *dir)
{
  char *path = run_alloc(2 * PATH_MAX), *out;
  size_t n = 0;

  if (*dir != '/' && !getcwd(path, PATH_MAX)) run_die("getwd: %s", go_errno(errno));
  if (*dir != '/') n = strlen(path);
  if (n + strlen(dir) + 2 > 2 * PATH_MAX) run_die("--state-dir is too long");
  path[n++] = '/';
  strcpy(path + n, dir);
  out = path;
  for (char *in = path; *in;) {
    size_t len;
    while (*in == '/') in++;
    len = strcspn(in, "/");
    if (len == 2 && in[0] == '.' && in[1] == '.')
      while (out > path && *--out != '/');
    else if (len && !(len == 1 && *in == '.')) {
      *out++ = '/';
      memmove(out, in, len);
      out += len;
    }
    in += len;
  }
  if (out == path) *out++ = '/';
  *out = 0;
  return path;
}

/* Look again in a moment, at most until nothing of *left (milliseconds) is left. Not by inotify(7): closing an instance waits for the
   kernel's readers (SRCU), some 10 ms, which is longer than the tidying of most chains takes. */
static int wait_removal(int *left)
{
  if (*left <= 0) return 0;
  *left -= STEP_MS;
  poll(0, 0, STEP_MS);
  return 1;
}

/* Take the lock file's lock, with create = O_CREAT make it: -1, with errno EWOULDBLOCK if somebody holds it, ENOENT if there is none. */
static int take_lock(int dirfd, int create)
{
  int fd = openat(dirfd, "lock", O_RDWR | create | O_CLOEXEC | O_NOFOLLOW, 0600), e;

  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  e = errno;
  if (fd >= 0) close(fd);
  return errno = e, -1;
}

static int is_empty(int dirfd)
{
  int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), n = 0;
  DIR *dir = fd < 0 ? 0 : fdopendir(fd);

  if (!dir) return 0;
  for (struct dirent *d; n < 3 && (d = readdir(dir));) n++;
  closedir(dir);
  return n < 3;
}

/* Only a state directory may be emptied: one that is locked, or that has files which nobody else makes (a chain that was
   killed leaves no lock behind, but the socket of an API whose server was killed with it). */
static int is_state(int dirfd)
{
  static char const *const marks[] = {"lock", ".made", "api.sock", "ports.status"};
  struct stat st;

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (fstatat(dirfd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == 0) return 1;
  return 0;
}

static int owner_lives(int dirfd)
{
  char owner[RK_IDENTITY_MAX];

  return rk_fact_read(dirfd, ".owner", owner, sizeof owner) > 0 && rk_identity_alive(owner) == 1;
}

/* One look at the directory. 1: it is ours to use; 0: somebody is there, *live: whose chain's process still runs. */
static int claim(char const *dir, int fd, int *live)
{
  int lock;

  if (!is_state(fd)) {
    if (is_empty(fd)) return 1;
    run_die("the state directory %s has content but no lock file: it is not a state directory, and would be emptied", dir);
  }
  *live = owner_lives(fd);
  lock = *live ? -1 : take_lock(fd, O_CREAT);
  if (lock < 0) return 0;
  rk_state_clear(fd, 1);
  close(lock);
  return 1;
}

void run_state_claim(char const *dir)
{
  /* A chain that was killed a moment ago is still dying, or being tidied up by its rk-outside: wait for that, but not for a live
     one. The directory may go meanwhile, or be made anew: it is opened each time. */
  for (int left = LET_GO_MS;;) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), live = 0;
    if (fd < 0 && errno == ENOENT) return; /* rk-state makes it */
    if (fd < 0)
      run_die("creating a state directory %s: mkdir %s: %s", dir, dir, errno == ENOTDIR || errno == ELOOP ? "not a directory" : go_errno(errno));
    if (claim(dir, fd, &live)) {
      close(fd);
      return;
    }
    if ((live && left < LET_GO_MS - DYING_MS) || !wait_removal(&left))
      run_die("failed to lock %s/lock, another RootlessKit is running with the same state directory?", dir);
    close(fd);
  }
}

static void woken(int sig)
{
  (void)sig;
}

/* Sleep until nobody holds the lock of the lock file. Nobody is told of a lock's end but who waits for it in flock(2), where only a signal
   ends the patience. */
static void wait_unlocked(int dirfd, int ms)
{
  static struct sigaction const wake = {.sa_handler = woken};
  struct itimerval const when = {.it_value = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000}, .it_interval = {.tv_usec = 100000}};
  static struct itimerval const never;
  sigset_t alarm;
  int fd = openat(dirfd, "lock", O_RDWR | O_CLOEXEC | O_NOFOLLOW);

  if (fd < 0) return;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  sigaction(SIGALRM, &wake, 0);
  sigprocmask(SIG_UNBLOCK, &alarm, 0);
  setitimer(ITIMER_REAL, &when, 0); /* again and again: the first may come before flock(2) */
  flock(fd, LOCK_EX);
  setitimer(ITIMER_REAL, &never, 0);
  sigprocmask(SIG_BLOCK, &alarm, 0);
  close(fd);
}

/* The chain's rk-outside does this, and holds the lock meanwhile; if it was killed, it is ours to do. Never make the lock file
   here: rk-outside may be just between taking it away and taking the directory away. */
void run_state_remove(char const *dir)
{
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), left = LET_GO_MS;

  if (fd >= 0 && !owner_lives(fd)) wait_unlocked(fd, LET_GO_MS);
  if (fd >= 0) close(fd);
  while ((fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)) >= 0) {
    int lock = take_lock(fd, 0), held = lock < 0 && errno != ENOENT;
    int done = held && owner_lives(fd); /* another chain has it already */
    if (!held) {
      rk_state_clear(fd, 1);
      unlinkat(fd, "lock", 0);
      done = rmdir(dir) == 0 || errno == ENOENT;
    }
    if (lock >= 0) close(lock);
    close(fd);
    if (done) return;
    if (wait_removal(&left)) continue;
    if (held) run_warn("the state directory %s is still locked; it is left alone", dir);
    else run_warn("unable to remove the state directory %s", dir);
    return;
  }
}
