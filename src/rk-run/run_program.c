/* SPDX-License-Identifier: ISC */
#include "run_program.h"
#include "run.h"
#include <compat/go.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <skalibs/allreadwrite.h>

enum { OUTPUT_MS = 5000, PROGRAM_MAX = 8 << 20 };

/* 0 if path can be executed, else an errno. */
static int executable(char const *path)
{
  struct stat st;

  if (stat(path, &st) < 0) return errno;
  if (S_ISDIR(st.st_mode)) return EISDIR;
  return st.st_mode & 0111 ? 0 : EACCES;
}

char const *run_program(char const *name)
{
  char quoted[PATH_MAX];
  char const *path = getenv("PATH");
  int e;

  if (strchr(name, '/')) {
    e = executable(name);
    if (!e) return name;
    go_quote(name, quoted, sizeof quoted);
    if (e == EISDIR || e == EACCES) run_die("exec: %s: %s", quoted, e == EISDIR ? "is a directory" : "permission denied");
    run_die("exec: %s: stat %s: %s", quoted, name, go_errno(e));
  }
  while (*name && path && *path) {
    size_t len = strcspn(path, ":");
    char *full = run_text("%.*s/%s", (int)len, path, name);
    if (*path == '/' && executable(full) == 0) return full; /* never from the working directory */
    free(full);
    path += len + (path[len] == ':');
  }
  run_die("exec: %s: executable file not found in $PATH", go_quote(name, quoted, sizeof quoted));
}

static void drain(int fd, char *out, size_t size, pid_t pid)
{
  struct timespec start, now;
  size_t n = 0;
  char waste[4096];

  clock_gettime(CLOCK_MONOTONIC, &start);
  for (;;) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    long left;
    ssize_t r;
    clock_gettime(CLOCK_MONOTONIC, &now);
    left = OUTPUT_MS - (now.tv_sec - start.tv_sec) * 1000 - (now.tv_nsec - start.tv_nsec) / 1000000;
    if (left <= 0 || poll(&p, 1, (int)left) == 0) {
      kill(pid, SIGKILL);
      break;
    }
    r = out && n < size - 1 ? read(fd, out + n, size - 1 - n) : read(fd, waste, sizeof waste);
    if (r == 0 || (r < 0 && errno != EINTR)) break;
    if (r > 0 && out && n < size - 1) n += (size_t)r;
  }
  if (out) out[n] = 0;
}

int run_output(char const *path, char const *arg, char *out, size_t size)
{
  int fd[2], wstat;
  pid_t pid;

  if (pipe2(fd, O_CLOEXEC) < 0) return -1;
  pid = fork();
  if (pid < 0) {
    int e = errno;
    close(fd[0]);
    close(fd[1]);
    errno = e;
    return -1;
  }
  if (!pid) {
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
      dup2(null, 0);
      dup2(null, 2);
    }
    dup2(fd[1], 1);
    execl(path, path, arg, (char *)0);
    _exit(127);
  }
  close(fd[1]);
  drain(fd[0], out, size, pid);
  close(fd[0]);
  while (waitpid(pid, &wstat, 0) < 0)
    if (errno != EINTR) return -1;
  return wstat;
}

int run_contains(char const *path, char const *const *words)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), all = 0;
  struct stat st;
  char *text;

  if (fd < 0) return 0;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 4 && st.st_size < PROGRAM_MAX && (text = malloc((size_t)st.st_size))) {
    if (allread(fd, text, (size_t)st.st_size) == (size_t)st.st_size && !memcmp(text, "\177ELF", 4))
      for (all = 1; all && *words; words++) all = memmem(text, (size_t)st.st_size, *words, strlen(*words)) != 0;
    free(text);
  }
  close(fd);
  return all;
}
