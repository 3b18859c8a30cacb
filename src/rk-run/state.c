/* SPDX-License-Identifier: ISC */
#include <compat/go.h>
#include "state.h"
#include "run.h"
#include <rk/clock.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/text.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

enum {
  LET_GO_MS = 5000,
  DYING_MS = 500,
  STEP_NS = 250000,
  LINKS_MAX = 40 /* path_resolution(7) */
};

/* Lexical cleaning, as Go's filepath.Abs: the directory need not exist. In fresh memory. */
static char *clean(char const *dir)
{
  char *path = run_alloc(2 * PATH_MAX), *out;
  size_t n = 0;

  if (*dir != '/' && !getcwd(path, PATH_MAX))
    run_die("getwd: %s", go_errno(errno));
  if (*dir != '/')
    n = strlen(path);
  if (n + strlen(dir) + 2 > 2 * PATH_MAX)
    run_die("--state-dir is too long");
  path[n++] = '/';
  strcpy(path + n, dir);
  out = path;
  for (char *in = path; *in;) {
    size_t len;
    while (*in == '/')
      in++;
    len = strcspn(in, "/");
    if (len == 2 && in[0] == '.' && in[1] == '.')
      while (out > path && *--out != '/')
        ;
    else if (len && !(len == 1 && *in == '.')) {
      *out++ = '/';
      memmove(out, in, len);
      out += len;
    }
    in += len;
  }
  if (out == path)
    *out++ = '/';
  *out = 0;
  return path;
}

/* Where the link leads, which need not exist: from its directory, as the kernel sees that. NULL: it
   is no link, or not this user's or root's, whose links alone are followed. */
static char *follow(char const *path)
{
  char to[PATH_MAX], parent[PATH_MAX];
  struct stat st;
  ssize_t n = readlink(path, to, sizeof to - 1);

  if (n == -1 || lstat(path, &st) == -1)
    return NULL;
  if (st.st_uid != 0 && st.st_uid != geteuid())
    return NULL;
  to[n] = 0;
  if (to[0] == '/')
    return clean(to);
  if (!realpath(run_text("%.*s", (int)(strrchr(path, '/') - path + 1), path), parent))
    return NULL;
  return clean(run_text("%s/%s", parent, to));
}

char *run_state_path(char const *dir)
{
  char *path = clean(dir), *to;
  int links = 0;

  while ((to = follow(path))) {
    if (links == LINKS_MAX)
      run_die("the state directory %s: too many levels of symbolic links", path);
    path = to;
    links++;
  }
  return path;
}

/* Look again in a moment, until the time is over: 0. Nobody is told of a lock's end but who sleeps
   in flock(2), which has no time limit; and inotify(7) takes long to close (ARCHITECTURE.md). */
static int wait_moment(int64_t until)
{
  struct timespec const step = {.tv_nsec = STEP_NS};

  if (rk_clock_ms() >= until)
    return 0;
  nanosleep(&step, NULL);
  return 1;
}

/* Only a state directory is emptied: of this user, and one that a chain of ours has used, or in
   which nothing lies but what rk or RootlessKit makes. A file "lock" alone says nothing: many
   projects have one. */
static int is_ours(int dirfd)
{
  static char const *const marks[] = {".made", ".owner"};
  struct stat st;

  for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
    if (fstatat(dirfd, marks[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        st.st_uid == geteuid())
      return 1;
  return rk_state_known(dirfd);
}

/* rk-state says the rest, before it makes anything. */
static void check_owner(char const *dir, int fd)
{
  struct stat st;

  if (fstat(fd, &st) == -1)
    run_die("stat %s: %s", dir, go_errno(errno));
  if (st.st_uid != geteuid())
    run_die("the state directory %s belongs to another user, and would be emptied", dir);
  if (!is_ours(fd))
    run_die("the state directory %s has content that no chain made: it is not a state directory, "
            "and would be emptied",
            dir);
}

static void warn_left(char const *dir, char const *rest, int e)
{
  char text[8 * PATH_MAX];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_state_left(&t, dir, rest, e);
  run_warn("%s", text);
}

/* One look at the directory. 1: it is ours to use; 0: somebody is there, *live: whose chain's
   process still runs. */
static int claim(char const *dir, int fd, int *live)
{
  int lock, e;

  *live = rk_state_owner(fd, 0);
  /* before a look at what lies there: a rk-outside that tidies up has taken the marks away, and
     puts them back before it lets go of the lock, if anything is left */
  if (rk_state_alive(fd, NULL) == 1)
    return 0;
  check_owner(dir, fd);
  if (rk_state_lock(fd, O_CREAT, &lock) == -1)
    return 0;
  if (rk_state_clear(fd, 1) == -1) {
    e = errno;
    if (rk_state_aside(fd, 1) == -1)
      run_die("remove stale files from %s: %s", dir, go_errno(errno));
    warn_left(dir, "/.old-*", e);
  }
  /* As with RootlessKit it goes at the end even if it was there before: whoever comes after us may
     know that. */
  rk_fact_write(fd, ".made", "made\n", 5, 0600);
  close(lock);
  return 1;
}

/* open(2) with O_DIRECTORY and O_NOFOLLOW fails at a link with ENOTDIR, which readlink(2) tells
   from a file. e: its errno. */
static void refuse_link(char const *dir, int e)
{
  char to;

  if ((e == ELOOP || e == ENOTDIR) && readlink(dir, &to, 1) != -1)
    run_die("the state directory %s is a symbolic link of another user", dir);
  errno = e;
}

void run_state_claim(char const *dir)
{
  int64_t begun = rk_clock_ms();

  /* A chain that was killed a moment ago is still dying, or being tidied up by its rk-outside: wait
     for that, but not for a live one. The directory may go meanwhile, or be made anew: it is opened
     each time. */
  for (;;) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), live = 0, claimed;
    if (fd == -1 && errno == ENOENT)
      return; /* rk-state makes it */
    if (fd == -1)
      refuse_link(dir, errno);
    if (fd == -1)
      run_die("creating a state directory %s: mkdir %s: %s", dir, dir,
              errno == ENOTDIR || errno == ELOOP ? "not a directory" : go_errno(errno));
    claimed = claim(dir, fd, &live);
    close(fd);
    if (claimed)
      return;
    if (!wait_moment(begun + (live ? DYING_MS : LET_GO_MS)))
      run_die(
        "failed to lock %s/lock, another RootlessKit is running with the same state directory?",
        dir);
  }
}

/* Empty and remove the directory, if nobody holds its lock. 1: that is done or somebody else's, 0:
   not yet, for the reason *e. */
static int try_remove(char const *dir, int fd, int *e)
{
  int lock = -1, done = 0;

  *e = 0;
  if (rk_state_lock(fd, 0, &lock) == -1 && errno != ENOENT) {
    *e = errno;
    return rk_state_owner(fd, 0); /* another chain has it already */
  }
  if (!is_ours(fd)) {
    run_warn("the state directory %s has been replaced by another one; it is left alone", dir);
    done = 1;
  } else {
    if (rk_state_clear(fd, 1) == -1)
      *e = errno;
    unlinkat(fd, "lock", 0);
    done = rmdir(dir) == 0 || errno == ENOENT;
  }
  if (lock != -1)
    close(lock);
  return done;
}

/* The chain's rk-outside does this, and holds the lock meanwhile; if it was killed, it is ours to
   do. Never make the lock file here: rk-outside may be just between taking it away and taking the
   directory away. */
void run_state_remove(char const *dir)
{
  int64_t until = rk_clock_ms() + LET_GO_MS;
  int fd, e;
  int again = 2;

  for (;;) {
    int done = 0;
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd == -1 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
      return; /* it is gone, or another thing is there */
    e = errno;
    if (fd != -1) {
      done = try_remove(dir, fd, &e);
      close(fd);
    }
    if (done)
      return;
    /* what is of another id stays so */
    if (e == EACCES || e == EPERM)
      again--;
    if (again && wait_moment(until))
      continue;
    if (e == EWOULDBLOCK)
      run_warn("the state directory %s is still locked; it is left alone", dir);
    else
      warn_left(dir, "", e ? e : ENOTEMPTY);
    return;
  }
}
