/* SPDX-License-Identifier: ISC */
#include <rk/spawn.h>

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <rk/fail.h>

static int is_file(char const *path)
{
  struct stat st;

  return stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
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
    if (is_file(try) && (!is_good || is_good(data, try))) {
      int good = access(try, X_OK) == 0;
      if (good || !denied)
        memcpy(path, try, len + 1);
      if (good)
        return (ssize_t)len;
      denied = 1;
    }
    dir = end;
    if (!*dir)
      return rk_fail(denied ? EACCES : ENOENT);
  }
}
