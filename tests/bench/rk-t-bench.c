/* SPDX-License-Identifier: ISC
   rk-t-bench [-n ROUNDS] { -- NAME CMD... } ...: how long each command takes from posix_spawn to
   its end, the commands taken in turn (so that load falls on all alike). Prints NAME, median, 5th
   and 95th percentile in microseconds, tab-separated. A command that fails ends it. */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/wait.h>

extern char **environ;

enum { COMMANDS = 32, ROUNDS = 100000 };

static int order(void const *a, void const *b)
{
  double x = *(double const *)a, y = *(double const *)b;
  return (x > y) - (x < y);
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

int main(int argc, char **argv)
{
  static char **command[COMMANDS];
  static double *us[COMMANDS];
  size_t n = 0, rounds = 200;
  int i = 1;
  posix_spawn_file_actions_t null;

  if (i + 1 < argc && !strcmp(argv[i], "-n")) {
    rounds = (size_t)atol(argv[i + 1]);
    i += 2;
  }
  for (; i < argc; i++)
    if (!strcmp(argv[i], "--")) {
      if (n == COMMANDS || i + 2 >= argc)
        break;
      argv[i] = 0;
      command[n++] = argv + i + 1;
    }
  if (!n || i < argc || !rounds || rounds > ROUNDS) {
    fprintf(stderr, "rk-t-bench: usage: rk-t-bench [-n ROUNDS] { -- NAME CMD... } ...\n");
    return 100;
  }
  posix_spawn_file_actions_init(&null);
  posix_spawn_file_actions_addopen(&null, 0, "/dev/null", O_RDONLY, 0);
  for (size_t c = 0; c < n; c++)
    if (!(us[c] = malloc(rounds * sizeof **us)))
      return 111;

  for (size_t r = 0; r < rounds + 3; r++) /* the first three only warm the caches */
    for (size_t c = 0; c < n; c++) {
      pid_t pid;
      int status, e;
      double start = now();
      if ((e = posix_spawnp(&pid, command[c][1], &null, 0, command[c] + 1, environ))) {
        fprintf(stderr, "rk-t-bench: fatal: unable to spawn %s: %s\n", command[c][1], strerror(e));
        return 111;
      }
      while (waitpid(pid, &status, 0) == -1)
        if (errno != EINTR)
          return 111;
      double took = now() - start;
      if (status) {
        fprintf(stderr, "rk-t-bench: fatal: %s failed (status %x)\n", command[c][0],
                (unsigned)status);
        return 1;
      }
      if (r >= 3)
        us[c][r - 3] = took;
    }
  for (size_t c = 0; c < n; c++) {
    qsort(us[c], rounds, sizeof **us, order);
    printf("%s\t%.0f\t%.0f\t%.0f\n", command[c][0], us[c][rounds / 2], us[c][rounds / 20],
           us[c][rounds - 1 - rounds / 20]);
  }
  return 0;
}
