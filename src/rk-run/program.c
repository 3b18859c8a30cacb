/* SPDX-License-Identifier: ISC */
#include "program.h"
#include "run.h"
#include <compat/go.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <skalibs/allreadwrite.h>
#include <rk/spawn.h>

enum { OUTPUT_MS = 5000, PROGRAM_MAX = 8 << 20 };

/* 0 if path can be executed, else an errno. */
static int executable(char const *path)
{
  struct stat st;

  if (stat(path, &st) < 0)
    return errno;
  if (S_ISDIR(st.st_mode))
    return EISDIR;
  return st.st_mode & 0111 ? 0 : EACCES;
}

char const *run_program(char const *name)
{
  char quoted[PATH_MAX];
  char const *path = getenv("PATH");
  int e;

  if (strchr(name, '/')) {
    e = executable(name);
    if (!e)
      return name;
    go_quote(name, quoted, sizeof quoted);
    if (e == EISDIR || e == EACCES)
      run_die("exec: %s: %s", quoted, e == EISDIR ? "is a directory" : "permission denied");
    run_die("exec: %s: stat %s: %s", quoted, name, go_errno(e));
  }
  while (*name && path && *path) {
    size_t len = strcspn(path, ":");
    char *full = run_text("%.*s/%s", (int)len, path, name);
    if (*path == '/' && executable(full) == 0)
      return full; /* never from the working directory */
    free(full);
    path += len + (path[len] == ':');
  }
  run_die("exec: %s: executable file not found in $PATH", go_quote(name, quoted, sizeof quoted));
}

int run_output(char const *path, char const *arg, char *out, size_t size)
{
  char const *const argv[] = {path, arg, NULL};

  return rk_helper_run(path, argv, out, size, OUTPUT_MS);
}

int run_contains(char const *path, char const *const *words)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), all = 0;
  struct stat st;
  char *text;

  if (fd < 0)
    return 0;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 4 && st.st_size < PROGRAM_MAX &&
      (text = malloc((size_t)st.st_size))) {
    if (allread(fd, text, (size_t)st.st_size) == (size_t)st.st_size && !memcmp(text, "\177ELF", 4))
      for (all = 1; all && *words; words++)
        all = memmem(text, (size_t)st.st_size, *words, strlen(*words)) != 0;
    free(text);
  }
  close(fd);
  return all;
}
