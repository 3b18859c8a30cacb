/* SPDX-License-Identifier: ISC */
#include <rk/portid.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/djbunix.h>

#include <rk/fail.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

#ifndef RENAME_NOREPLACE /* musl 1.2.3; linux/fs.h clashes with glibc's mount.h */
#define RENAME_NOREPLACE 1
#endif

#define DIRECTORY ".port-ids"
#define LAST "last-"
enum { LAST_LEN = sizeof LAST - 1, LAST_SIZE = 24, ATTEMPTS = 1000 };

uint32_t rk_portid_number(char const *name)
{
  uint32_t n = 0;

  if (*name < '1' || *name > '9')
    return 0;
  for (; *name; name++) {
    if (*name < '0' || *name > '9' || n > RK_PORTID_MAX / 10)
      return 0;
    n = n * 10 + (uint32_t)(*name - '0');
  }
  return n <= RK_PORTID_MAX ? n : 0;
}

/* What is there and is no directory of the user's is renamed: it must keep nobody from
   publishing. */
static int subdirectory(int dirfd, char const *name)
{
  int fd = rk_state_sub(dirfd, name, 1);
  int e = errno;

  if (fd != -1)
    return fd;
  if (rk_state_foreign(dirfd, name) && rk_state_away(dirfd, name) == 0)
    return rk_state_sub(dirfd, name, 1);
  return rk_fail(e);
}

static int make_names(int dirfd)
{
  int ids = subdirectory(dirfd, DIRECTORY);
  int fd;

  if (ids == -1)
    return -1;
  fd = subdirectory(ids, "names");
  fd_close(ids); /* keeps errno */
  return fd;
}

int rk_portid_names(int dirfd)
{
  int ids = rk_state_sub(dirfd, DIRECTORY, 0);
  int fd;

  if (ids == -1)
    return -1;
  fd = rk_state_sub(ids, "names", 0);
  fd_close(ids);
  return fd;
}

static char const *last_name(char buf[LAST_SIZE], uint32_t n)
{
  struct rk_text t = rk_text_in(buf, LAST_SIZE);

  rk_text_str(&t, LAST);
  rk_text_num(&t, n);
  return buf;
}

/* The N of last-N, the largest if there are several. 0; -1 with errno, ENOENT: there is none. */
static int find_last(int ids, uint32_t *n)
{
  int fd = openat(ids, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *e;
  int found = 0;
  int error;

  *n = 0;
  if (!d) {
    if (fd != -1)
      fd_close(fd);
    return -1;
  }
  for (;;) {
    uint32_t x;
    errno = 0; /* readdir(3): else its end and an error cannot be told apart */
    e = readdir(d);
    if (!e)
      break;
    if (strncmp(e->d_name, LAST, LAST_LEN) != 0)
      continue;
    x = rk_portid_number(e->d_name + LAST_LEN);
    if (x > *n)
      *n = x;
    if (x || !strcmp(e->d_name, LAST "0"))
      found = 1;
  }
  error = errno;
  closedir(d);
  if (error || !found)
    return rk_fail(error ? error : ENOENT);
  return 0;
}

/* Another name for the last one; -1 with errno: ENOENT, EEXIST: somebody else was faster. */
static int move(int ids, uint32_t from, uint32_t to)
{
  char old[LAST_SIZE];
  char new[LAST_SIZE];

  return rk_renameat2(ids, last_name(old, from), ids, last_name(new, to), RENAME_NOREPLACE);
}

/* Two who begin at once may both make last-0; the larger number counts. O_NONBLOCK: root inside may
   have put a FIFO there since it was looked for. */
static int begin(int ids)
{
  int const flags = O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW;
  int fd = openat(ids, LAST "0", flags, 0600);

  if (fd == -1)
    return -1;
  return close(fd);
}

/* Make the last id at least `least`, or, if that is 0, one more than it is. */
static int advance(int ids, uint32_t least, uint32_t *id)
{
  for (int i = 0; i < ATTEMPTS; i++) {
    uint32_t n;
    if (find_last(ids, &n) == -1 && (errno != ENOENT || begin(ids) == -1))
      return -1;
    *id = least ? least : n + 1;
    if (n >= RK_PORTID_MAX && !least)
      return rk_fail(EOVERFLOW);
    if (n >= *id)
      return 0;
    if (move(ids, n, *id) == 0)
      return 0;
    if (errno != ENOENT && errno != EEXIST)
      return -1;
  }
  return rk_fail(EAGAIN);
}

static int advance_in(int dirfd, uint32_t least, uint32_t *id)
{
  int ids = subdirectory(dirfd, DIRECTORY);
  int r;

  if (ids == -1)
    return -1;
  r = advance(ids, least, id);
  fd_close(ids);
  return r;
}

int rk_portid_next(int dirfd, uint32_t *id)
{
  return advance_in(dirfd, 0, id);
}

int rk_portid_raise(int dirfd, uint32_t id)
{
  return advance_in(dirfd, id, &id);
}

void rk_portid_undo(int dirfd, uint32_t id)
{
  int ids = rk_state_sub(dirfd, DIRECTORY, 0);

  if (ids == -1)
    return;
  move(ids, id, id - 1);
  close(ids);
}

/* 0: none is known. */
static uint32_t known(int names, char const *name)
{
  char text[LAST_SIZE];
  ssize_t n = readlinkat(names, name, text, sizeof text);

  if (n <= 0 || n == sizeof text)
    return 0;
  text[n] = 0;
  return rk_portid_number(text);
}

static int remember(int names, char const *name, uint32_t id)
{
  char text[LAST_SIZE];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_num(&t, id);
  if (symlinkat(text, names, name) == 0)
    return 0;
  if (errno != EEXIST || rk_state_free(names, name) == -1)
    return -1;
  return symlinkat(text, names, name);
}

int rk_portid_named(int dirfd, char const *name, uint32_t *id)
{
  int names = make_names(dirfd);
  int r = 0;

  if (names == -1)
    return -1;
  *id = known(names, name);
  if (!*id) {
    r = rk_portid_next(dirfd, id);
    if (r == 0)
      r = remember(names, name, *id);
  }
  fd_close(names);
  return r;
}

void rk_portid_forget(int dirfd, char const *name)
{
  int names = rk_portid_names(dirfd);

  if (names == -1)
    return;
  unlinkat(names, name, 0);
  close(names);
}
