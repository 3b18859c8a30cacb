/* SPDX-License-Identifier: ISC
   rk-t-reap FILE CMD...: run CMD as a subreaper (prctl(2)), so that whatever it leaves behind comes
   to us. What still runs a second after CMD has ended is named in FILE (made only then) and killed.
   Exits as CMD, 128+n for a signal. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static int children(char const *left)
{
  char path[64], line[4096], name[64];
  int n = 0, pid;
  FILE *list, *to = 0;

  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  list = fopen(path, "re");
  while (list && fscanf(list, "%d", &pid) == 1) {
    FILE *f;
    char state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    f = fopen(path, "re");
    if (!f)
      continue;
    if (fscanf(f, "%*d %63[^)]) %c", name, &state) != 2)
      state = 0;
    fclose(f);
    if (state == 'Z')
      continue;
    n++;
    if (!left)
      continue;
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    f = fopen(path, "re");
    size_t len = f ? fread(line, 1, sizeof line - 1, f) : 0;
    if (f)
      fclose(f);
    for (size_t i = 0; i < len; i++)
      if (!line[i] || line[i] == '\n')
        line[i] = ' ';
    line[len] = 0;
    if (!to)
      to = fopen(left, "we");
    if (to)
      fprintf(to, "%d %s) %.160s\n", pid, name, line);
    kill(pid, SIGKILL);
  }
  if (list)
    fclose(list);
  if (to)
    fclose(to);
  return n;
}

int main(int argc, char **argv)
{
  struct timespec const ms = {.tv_nsec = 10000000};
  int status = 0, code = 111;
  pid_t pid, r;

  if (argc < 3 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == -1)
    return 100;
  pid = fork();
  if (!pid) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  while ((r = wait(&status)) != pid)
    if (r == -1 && errno != EINTR)
      return 111;
  code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  for (int i = 0; i < 100; i++) {
    while ((r = waitpid(-1, 0, WNOHANG)) > 0)
      ;
    if (!children(0))
      break;
    nanosleep(&ms, 0);
  }
  for (int i = 0; i < 20 && children(argv[1]); i++) { /* what they leave in turn */
    nanosleep(&ms, 0);
    while (waitpid(-1, 0, WNOHANG) > 0)
      ;
  }
  return code;
}
