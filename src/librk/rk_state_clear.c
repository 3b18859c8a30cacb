/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <rk/clock.h>
#include <rk/fail.h>
#include <rk/sys.h>
#include <rk/text.h>

/* What a chain writes. Whatever else lies there belongs to somebody else. */
static char const *const OWN[] = {"child_pid", "netns",  "resolv.conf", "hosts",
                                  ".child",    ".owner", ".made",       ".s4nn.sock",
                                  ".gvp.sock", ".pesto", "net",         "env"};
enum { NOWN = sizeof OWN / sizeof *OWN };

static char const NEW[] = ".new-", OLD[] = ".old-";

/* A chain that is still there may fill a directory faster than it is emptied. AGAIN: what failed
   may have failed for a moment only. */
enum { PATIENCE_MS = 10000, AGAIN = 2 };

struct sweep {
  int top;             /* the directory to which everything nested is lifted */
  unsigned int lifted; /* directories lifted by the pass under way */
  int error;           /* the first failure of the pass under way, 0: none */
  int64_t until;
};

static int begins(char const *s, char const *prefix)
{
  return !strncmp(s, prefix, strlen(prefix));
}

/* The names of a directory without a heap: rk-state has one that never gives back. */
struct names {
  int fd;
  long n, at;
  _Alignas(uint64_t) char buf[4096];
};

/* linux_dirent64 of getdents64(2): inode and offset of 8 bytes, record length of 2, type of 1, the
   name. */
enum { RECLEN_AT = 16, NAME_AT = 19 };

/* An fd of its own, at the beginning of the directory. */
static int open_again(int dirfd)
{
  return openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* The next name but "." and "..", or NULL: there is none, or the directory cannot be read (n is -1
   then). */
static char const *next_name(struct names *d)
{
  for (;;) {
    unsigned short len;
    char const *name;
    if (d->at >= d->n) {
      d->n = syscall(SYS_getdents64, d->fd, d->buf, sizeof d->buf);
      d->at = 0;
      if (d->n == -1 && errno == ENOENT)
        d->n = 0; /* the directory itself has been removed */
      if (d->n <= 0)
        return NULL;
    }
    memcpy(&len, d->buf + d->at + RECLEN_AT, sizeof len);
    name = d->buf + d->at + NAME_AT;
    d->at += len;
    if (strcmp(name, ".") && strcmp(name, ".."))
      return name;
  }
}

/* Open a directory to empty it: never through a link and never across a mount (RESOLVE_NO_XDEV sees
   a bind mount as well). Root inside owns what the user owns, and may have taken our permissions
   away. */
static int open_to_empty(int dirfd, char const *name)
{
  struct open_how const how = {
    .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
    .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
  };
  struct stat st;
  int fd = rk_openat2(dirfd, name, &how);

  if (fd == -1 && errno == EACCES && fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
    fd = rk_openat2(dirfd, name, &how);
  if (fd != -1 && fstat(fd, &st) == 0 && (st.st_mode & 0700) != 0700)
    fchmod(fd, 0700);
  return fd;
}

/* Move a directory to the top, so that no depth of nesting needs as many fds or as much stack. */
static int lift(struct sweep *s, int dirfd, char const *name)
{
  char to[RK_TEMP_MAX];

  rk_temp_name(OLD, "", to);
  if (renameat(dirfd, name, s->top, to) == -1) {
    /* rename(2): a directory that gets a new ".." must be writable itself */
    if (errno != EACCES || fchmodat(dirfd, name, 0700, AT_SYMLINK_NOFOLLOW) == -1)
      return -1;
    if (renameat(dirfd, name, s->top, to) == -1)
      return -1;
  }
  s->lifted++;
  return 0;
}

static void note_error(struct sweep *s, int e)
{
  if (!s->error)
    s->error = e;
}

static int late(struct sweep const *s)
{
  return rk_clock_ms() > s->until;
}

/* Is a file, or with AT_REMOVEDIR an empty directory, gone now? */
static int gone(int dirfd, char const *name, int flags)
{
  return unlinkat(dirfd, name, flags) == 0 || errno == ENOENT;
}

static void empty_dir(struct sweep *s, int fd)
{
  struct names d = {.fd = fd};
  char const *name;

  while ((name = next_name(&d))) {
    if (late(s)) {
      note_error(s, ETIMEDOUT);
      return;
    }
    if (gone(fd, name, 0))
      continue;
    if (errno == EISDIR) {
      if (gone(fd, name, AT_REMOVEDIR))
        continue;
      if (lift(s, fd, name) == 0)
        continue;
    }
    note_error(s, errno);
  }
  if (d.n == -1)
    note_error(s, errno);
}

/* One entry of the top directory: gone, or emptied by what is lifted out of it. */
static void remove_entry(struct sweep *s, char const *name)
{
  int fd;

  if (gone(s->top, name, 0))
    return;
  if (errno == EISDIR) {
    if (gone(s->top, name, AT_REMOVEDIR))
      return;
    fd = open_to_empty(s->top, name);
    if (fd != -1) {
      empty_dir(s, fd);
      close(fd);
      if (gone(s->top, name, AT_REMOVEDIR))
        return;
    }
  }
  note_error(s, errno);
}

/* What is to be removed: what lift() has moved up, the chain's own files as well, or all but the
   lock. */
enum { LIFTED, OWNED, EVERYTHING };

/* own, or what rk_fact_write was killed over: ".new-OWN-" and 16 digits? */
static int is_own(char const *name, char const *own)
{
  if (!strcmp(name, own))
    return 1;
  if (!begins(name, NEW))
    return 0;
  name += sizeof NEW - 1;
  return begins(name, own) && name[strlen(own)] == '-';
}

static int wanted(char const *name, int level)
{
  if (begins(name, OLD))
    return 1;
  if (level == LIFTED)
    return 0;
  if (level == EVERYTHING)
    return strcmp(name, "lock") != 0;
  for (size_t i = 0; i < NOWN; i++)
    if (is_own(name, OWN[i]))
      return 1;
  return 0;
}

static void pass(struct sweep *s, int level)
{
  struct names d = {.fd = open_again(s->top)};
  char const *name;

  s->lifted = 0;
  s->error = 0;
  if (d.fd == -1) {
    if (errno != ENOENT) /* the directory itself is gone, and all with it */
      note_error(s, errno);
    return;
  }
  while (!late(s) && (name = next_name(&d)))
    if (wanted(name, level))
      remove_entry(s, name);
  if (d.n == -1)
    note_error(s, errno);
  close(d.fd);
}

/* Passes over the top directory until one lifts nothing: each takes one level of nesting away. */
static int sweep(struct sweep *s, int level)
{
  int again = AGAIN;

  pass(s, level);
  while ((s->lifted || (s->error && again)) && !late(s)) {
    if (!s->lifted)
      again--;
    pass(s, level);
  }
  if (late(s))
    note_error(s, ETIMEDOUT);
  return s->error ? rk_fail(s->error) : 0;
}

int rk_state_remove(int dirfd, char const *name)
{
  struct sweep s = {.top = dirfd, .until = rk_clock_ms() + PATIENCE_MS};
  int e;

  remove_entry(&s, name);
  e = s.error;
  if (s.lifted && sweep(&s, LIFTED) == -1 && !e)
    e = errno;
  return e ? rk_fail(e) : 0;
}

int rk_state_clear(int dirfd, int everything)
{
  struct sweep s = {.top = dirfd, .until = rk_clock_ms() + PATIENCE_MS};
  struct stat st;

  if (fstat(dirfd, &st) == 0 && (st.st_mode & 0722) != 0700)
    fchmod(dirfd, (st.st_mode & 07755) | 0700);
  return sweep(&s, everything ? EVERYTHING : OWNED);
}

/* Does rk, or RootlessKit, make an entry of that name? */
static int known(char const *name)
{
  static char const *const more[] = {
    "lock",           "ports",    "ports.status",         "api.sock",      ".port-ids",
    ".bp-ready.pipe", ".bp.sock", "vpnkit-ethernet.sock", "gvisortapvsock"};

  if (wanted(name, OWNED) || begins(name, NEW))
    return 1;
  for (size_t i = 0; i < sizeof more / sizeof *more; i++)
    if (!strcmp(name, more[i]))
      return 1;
  return 0;
}

int rk_state_known(int dirfd)
{
  struct names d = {.fd = open_again(dirfd)};
  char const *name;

  if (d.fd == -1)
    return 0;
  while ((name = next_name(&d)) && known(name))
    ;
  close(d.fd);
  return !name;
}

int rk_state_aside(int dirfd, int everything)
{
  struct names d = {.fd = open_again(dirfd)};
  char const *name;
  int e = 0;

  if (d.fd == -1)
    return -1;
  while ((name = next_name(&d))) {
    char to[RK_TEMP_MAX];
    if (begins(name, OLD) || !wanted(name, everything ? EVERYTHING : OWNED))
      continue;
    rk_temp_name(OLD, "", to);
    /* a directory that stays in its parent needs no permission of its own for that */
    if (renameat(dirfd, name, dirfd, to) == -1 && errno != ENOENT && known(name))
      e = errno;
  }
  close(d.fd);
  return e ? rk_fail(e) : 0;
}

int rk_state_bare(int dirfd)
{
  struct names d = {.fd = open_again(dirfd)};
  char const *name;
  int e;

  if (d.fd == -1)
    return -1;
  while ((name = next_name(&d)) && !strcmp(name, "lock"))
    ;
  e = errno;
  close(d.fd);
  if (d.n == -1)
    return rk_fail(e);
  return !name;
}

int rk_state_away(int dirfd, char const *name)
{
  char to[RK_TEMP_MAX];

  rk_temp_name(OLD, "", to);
  return renameat(dirfd, name, dirfd, to);
}

int rk_state_free(int dirfd, char const *name)
{
  return rk_state_remove(dirfd, name) == 0 ? 0 : rk_state_away(dirfd, name);
}

void rk_state_left(struct rk_text *t, char const *path, char const *rest, int e)
{
  rk_text_str(t, "unable to remove what a chain left in ");
  rk_text_shell(t, path);
  rk_text_add(t, ": ", strerror(e));
  /* files of subordinate ids: root of a user namespace that has these ids may remove them */
  if (e != EACCES && e != EPERM && e != ENOTEMPTY)
    return;
  rk_text_str(t, "; run: rk-userns rk-idmap rm -rf ");
  rk_text_shell(t, path);
  rk_text_str(t, rest);
}
