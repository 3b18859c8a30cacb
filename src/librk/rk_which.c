/* SPDX-License-Identifier: ISC */
#include <rk/spawn.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rk/fail.h>

/* What execvp(3) goes on after; with any other error the file may be there. */
static int is_absence(int e)
{
  return e == ENOENT || e == ENOTDIR || e == EACCES;
}

static void note_error(int *error)
{
  if (!is_absence(errno))
    *error = errno;
}

static int is_file(char const *path, int *error)
{
  struct stat st;

  if (stat(path, &st) == 0)
    return !S_ISDIR(st.st_mode);
  note_error(error);
  return 0;
}

ssize_t rk_which(char const *name, char *path, size_t size)
{
  return rk_which_good(name, path, size, NULL, NULL);
}

ssize_t rk_which_good(char const *name, char *path, size_t size,
                      int (*is_good)(void const *data, char const *path), void const *data)
{
  char const *dir = getenv("PATH");
  size_t nlen = strlen(name);
  char try[PATH_MAX];
  int denied = 0;
  int error = 0;

  if (!dir || !*dir)
    dir = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  if (strchr(name, '/'))
    dir = ""; /* a path: no search */
  for (;; dir++) {
    char const *end = strchrnul(dir, ':');
    size_t len = (size_t)(end - dir);

    if (len + 1 + nlen >= sizeof try || len + 1 + nlen >= size)
      return rk_fail(ENAMETOOLONG);
    memcpy(try, dir, len);
    if (len)
      try[len++] = '/';
    memcpy(try + len, name, nlen + 1);
    len += nlen;
    if (is_file(try, &error) && (!is_good || is_good(data, try))) {
      int good = access(try, X_OK) == 0;
      if (good || !denied)
        memcpy(path, try, len + 1);
      if (good)
        return (ssize_t)len;
      note_error(&error);
      denied = 1;
    }
    dir = end;
    if (*dir)
      continue;
    if (error)
      return rk_fail(error);
    return rk_fail(denied ? EACCES : ENOENT);
  }
}
