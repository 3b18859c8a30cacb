/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

/* Errors like ENOMEM, EMFILE or EIO may have passed a moment later, and nobody comes after us. */
enum { TRIES = 3 };

/* The path may lead elsewhere by now. */
static int remove_directory(int dirfd, char const *path)
{
  struct stat ours;
  struct stat there;

  if (fstat(dirfd, &ours) == -1)
    return -1;
  if (lstat(path, &there) == -1)
    return errno == ENOENT ? 0 : -1;
  if (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)
    return 0;
  if (rmdir(path) == 0 || errno == ENOENT || errno == ENOTEMPTY)
    return 0;
  return -1;
}

/* Files of others may still lie there; then the directory is not ours to take away, but known to be
   ours to the next. */
static int try_leave(int dirfd, char const *path, char const *made)
{
  int bare = *made ? rk_state_bare(dirfd) : 1;

  if (bare == -1)
    return errno == ENOENT ? 0 : -1; /* it is gone */
  if (!bare && rk_fact_write(dirfd, ".made", made, strlen(made), 0600) == -1)
    return -1;
  if (unlinkat(dirfd, "lock", 0) == -1 && errno != ENOENT)
    return -1;
  return *made ? remove_directory(dirfd, path) : 0;
}

int rk_state_leave(int dirfd, char const *path, char const *made)
{
  int r = -1;

  for (int i = 0; i < TRIES && r == -1; i++)
    r = try_leave(dirfd, path, made);
  return r;
}
