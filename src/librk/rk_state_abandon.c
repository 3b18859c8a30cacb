/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rk/fail.h>
#include <rk/text.h>

enum { TRIES = 3 };

/* What rk-state and the start of rk-outside have written, the fate of the directory last. */
static char const *const FILES[] = {
  ".child",
  ".owner",
  "env/RK_STATE_DIR",
  "env/ROOTLESSKIT_STATE_DIR",
  "env/ROOTLESSKIT_PARENT_EUID",
  "env/ROOTLESSKIT_PARENT_EGID",
};

struct place {
  char path[RK_STATE_PATH_MAX + 64];
  size_t dirlen;
};

static char const *in(struct place *p, char const *name)
{
  struct rk_text t = rk_text_in(p->path + p->dirlen, sizeof p->path - p->dirlen);

  if (*name)
    rk_text_add(&t, "/", name);
  else
    p->path[p->dirlen] = 0;
  return p->path;
}

/* 0 also if it was not there. */
static int gone(int r)
{
  return r == 0 || errno == ENOENT ? 0 : -1;
}

static int is_lock(struct place *p, int lockfd)
{
  struct stat mine;
  struct stat there;

  if (fstat(lockfd, &mine) == -1)
    return -1;
  if (lstat(in(p, "lock"), &there) == -1)
    return errno == ENOENT ? 0 : -1;
  return there.st_ino == mine.st_ino && there.st_dev == mine.st_dev;
}

/* Files of others may lie there, and then it stays, but not as one that a chain has made: whoever
   comes next lets it lie. */
static int remove_directory(struct place *p)
{
  struct stat st;

  if (lstat(in(p, ".made"), &st) == -1)
    return errno == ENOENT ? gone(unlink(in(p, "lock"))) : -1;
  if (gone(unlink(in(p, ".made"))) == -1 || gone(unlink(in(p, "lock"))) == -1)
    return -1;
  if (rmdir(in(p, "")) == -1 && errno != ENOENT && errno != ENOTEMPTY)
    return -1;
  return 0;
}

static int remove_all(struct place *p, int *e)
{
  int r = 0;

  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
    r |= gone(unlink(in(p, FILES[i])));
  r |= gone(rmdir(in(p, "env")));
  if (r == 0)
    r = remove_directory(p);
  *e = errno;
  return r;
}

int rk_state_abandon(char const *path, int lockfd)
{
  struct place p;
  struct rk_text t = rk_text_in(p.path, sizeof p.path);
  int e = 0;
  int ours;

  rk_text_str(&t, path);
  p.dirlen = t.len;
  if (t.len > RK_STATE_PATH_MAX)
    return rk_fail(ENAMETOOLONG);
  ours = is_lock(&p, lockfd);
  if (ours == -1) /* that may have passed */
    ours = is_lock(&p, lockfd);
  if (ours != 1)
    return ours;
  for (int i = 0; i < TRIES; i++) {
    if (remove_all(&p, &e) == 0)
      return 0;
  }
  return rk_fail(e);
}
