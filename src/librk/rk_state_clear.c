/* SPDX-License-Identifier: ISC */
#include <rk/state.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* What a chain writes. Whatever else lies there belongs to somebody else. */
static char const *const OWN[] = {"child_pid", "netns", "resolv.conf", "hosts", ".child", ".owner", ".made", ".s4nn.sock"};
static char const *const OWNDIR[] = {"net", "env"};

static int empty(int dirfd, char const *name)
{
  int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct dirent *d;
  DIR *dir;
  int e = 0;

  if (fd < 0) return errno == ENOENT ? 0 : -1;
  dir = fdopendir(fd);
  if (!dir) {
    close(fd);
    return -1;
  }
  while ((d = readdir(dir))) {
    if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, "..") || (!strcmp(name, ".") && !strcmp(d->d_name, "lock"))) continue;
    if (unlinkat(fd, d->d_name, 0) == 0 || errno == ENOENT) continue;
    if (errno == EISDIR || errno == EPERM) {
      if (empty(fd, d->d_name) == 0 && unlinkat(fd, d->d_name, AT_REMOVEDIR) == 0) continue;
    }
    if (!e) e = errno;
  }
  closedir(dir);
  return e ? (errno = e, -1) : 0;
}

/* A fact, and the file that rk_fact_write was killed over. */
static int forget(int dirfd, char const *name)
{
  char tmp[32] = ".new-";

  strcpy(tmp + 5, name);
  if (unlinkat(dirfd, tmp, 0) < 0 && errno != ENOENT) return -1;
  return unlinkat(dirfd, name, 0) < 0 && errno != ENOENT ? -1 : 0;
}

int rk_state_clear(int dirfd, int everything)
{
  int e = 0;

  if (everything && empty(dirfd, ".") < 0) e = errno;
  for (size_t i = 0; i < sizeof OWN / sizeof *OWN; i++)
    if (forget(dirfd, OWN[i]) < 0 && !e) e = errno;
  for (size_t i = 0; i < sizeof OWNDIR / sizeof *OWNDIR; i++)
    if ((empty(dirfd, OWNDIR[i]) < 0 || (unlinkat(dirfd, OWNDIR[i], AT_REMOVEDIR) < 0 && errno != ENOENT)) && !e) e = errno;
  return e ? (errno = e, -1) : 0;
}
