/* SPDX-License-Identifier: ISC
   Helpers: collected side by side, with output and status, killed when late or called off. */
#include <rk/spawn.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include "tap.h"

static char text[2][400000];
static size_t len[2];
static struct rk_spawn h[2];

static void take(void *data, char const *s, size_t n)
{
  size_t i = *(size_t *)data;
  if (len[i] + n < sizeof text[i])
    memcpy(text[i] + len[i], s, n);
  len[i] += n;
}

static double sh(char const *a, char const *b, int untilfd, int ms)
{
  static char const *argv[2][4] = {{"sh", "-c"}, {"sh", "-c"}};
  static size_t index[2] = {0, 1};
  struct timespec t, u;

  clock_gettime(CLOCK_MONOTONIC, &t);
  memset(text, 0, sizeof text);
  for (size_t i = 0; i < 2; i++) {
    argv[i][2] = i ? b : a;
    len[i] = 0;
    h[i] = (struct rk_spawn){.path = "/bin/sh", .argv = argv[i], .take = take, .data = &index[i]};
    if (argv[i][2] && rk_spawn_start(&h[i]) == -1)
      perror("start");
  }
  if (rk_spawn_wait(h, 2, untilfd, ms) == -1)
    perror("wait");
  clock_gettime(CLOCK_MONOTONIC, &u);
  return (double)(u.tv_sec - t.tv_sec) + (double)(u.tv_nsec - t.tv_nsec) / 1e9;
}

int main(void)
{
  static char const *const nothing[] = {"x", 0};
  static size_t zero;
  char path[4096];
  int p[2];

  sh("echo out; echo err >&2; exit 3", "kill -TERM $$", -1, 10000);
  ok(!h[0].late && WIFEXITED(h[0].status) && WEXITSTATUS(h[0].status) == 3, "exit status");
  is_str(text[0], "out\nerr\n", "both outputs");
  ok(!h[1].late && WIFSIGNALED(h[1].status) && WTERMSIG(h[1].status) == SIGTERM,
     "death by a signal");
  ok(waitpid(-1, 0, WNOHANG) == -1 && errno == ECHILD, "no child is left");

  sh("exec sleep 60", "echo fast", -1, 200);
  ok(h[0].late && !h[1].late && !strcmp(text[1], "fast\n"),
     "one that hangs is killed, the other's answer stands");
  ok(waitpid(-1, 0, WNOHANG) == -1 && errno == ECHILD, "and it is reaped");

  ok(
    sh("while :; do echo y; done", "sleep 60 & echo $!", -1, 300) < 30 && h[0].late && !h[1].late,
    "one that writes without end is late, one that leaves a child with the pipe is not waited for");
  ok(atoi(text[1]) > 1 && !kill(atoi(text[1]), SIGKILL),
     "that child is left alone, and ours to end");

  if (pipe(p))
    return 111;
  close(p[1]);
  ok(sh("exec sleep 60", 0, p[0], 60000) < 30 && h[0].late, "the wait ends when it is called off");

  sh("head -c 300000 /dev/zero", "ls /proc/self/fd | wc -l", -1, 10000);
  ok(len[0] == 300000, "all of a long output");
  is_num(atoi(text[1]), 4, "no fd but 0 1 2 (and that of ls) reaches a helper");

  signal(SIGPIPE, SIG_IGN);
  sh("kill -PIPE $$; echo survived", 0, -1, 10000);
  is_str(text[0], "", "an ignored SIGPIPE is not passed on");

  len[0] = 0;
  memset(text, 0, sizeof text);
  h[0] = (struct rk_spawn){.path = "/nonexistent", .argv = nothing, .take = take, .data = &zero};
  ok(!rk_spawn_start(&h[0]) && !rk_spawn_wait(h, 1, -1, 10000) && WEXITSTATUS(h[0].status) == 127 &&
       strstr(text[0], "No such"),
     "a missing program");

  setenv("PATH", "/nonexistent:/usr/bin:/bin", 1);
  ok(rk_which("sh", path, sizeof path) > 0 && strstr(path, "/bin/sh"),
     "a program is found in PATH");
  ok(rk_which("sh", path, 6) == -1 && errno == ENAMETOOLONG, "a short buffer");
  ok(rk_which("no-such-program", path, sizeof path) == -1 && errno == ENOENT, "no such program");
  setenv("PATH", "/etc", 1);
  ok(rk_which("passwd", path, sizeof path) == -1 && errno == EACCES && !strcmp(path, "/etc/passwd"),
     "one that is not executable");
  ok(rk_which("/bin/sh", path, sizeof path) == 7, "a path");
  {
    char out[8];
    char const *const shell[] = {"sh", "-c", "echo 0123456789; echo bad >&2; exit 4", NULL};
    char const *const hang[] = {"sh", "-c", "exec sleep 60", NULL};
    int status;
    setenv("PATH", "/usr/bin:/bin", 1);
    status = rk_helper_run("/bin/sh", shell, out, sizeof out, 10000);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 4, "a helper from start to end: its status");
    is_str(out, "0123456", "its stdout, cut, without its stderr");
    is_num(WEXITSTATUS(rk_helper_run("/bin/sh", shell, NULL, 0, 10000)), 4,
           "the output may be left out");
    ok(rk_helper_run("/bin/sh", hang, out, sizeof out, 100) == -1 && errno == ETIMEDOUT,
       "one that hangs is ETIMEDOUT");
    ok(waitpid(-1, 0, WNOHANG) == -1 && errno == ECHILD, "and is not left");
    is_num(WEXITSTATUS(rk_helper_run("/nowhere", shell, NULL, 0, 10000)), 127,
           "one that is not there is 127");
  }
  return tap_done();
}
