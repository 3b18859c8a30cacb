/* SPDX-License-Identifier: ISC
   rk-t-floor PROG...: the least that mapping all subordinate ids can cost: one fork, newuidmap and
   newgidmap side by side, new user and mount namespaces, PROG. No check that a real tool needs;
   only `make bench` uses it. Subordinate ids: the first line of each file that names the user. */
#include <errno.h>
#include <pwd.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

extern char **environ;

static void die(char const *what)
{
  fprintf(stderr, "rk-t-floor: fatal: unable to %s: %s\n", what, strerror(errno));
  _exit(111);
}

static void first(char const *file, char const *user, char start[32], char count[32])
{
  char line[256], name[64];
  FILE *f = fopen(file, "re");
  if (!f)
    die("open a subordinate id file");
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "%63[^:]:%31[0-9]:%31[0-9]", name, start, count) == 3 && !strcmp(name, user)) {
      fclose(f);
      return;
    }
  errno = ENOENT;
  die("find subordinate ids");
}

int main(int argc, char **argv)
{
  int go[2], done[2];
  char pid[16], uid[16], gid[16], us[32], uc[32], gs[32], gc[32], byte;
  struct passwd *pw = getpwuid(getuid());

  if (argc < 2 || !pw)
    return 100;
  snprintf(pid, sizeof pid, "%d", getpid());
  snprintf(uid, sizeof uid, "%u", (unsigned)getuid());
  snprintf(gid, sizeof gid, "%u", (unsigned)getgid());
  first("/etc/subuid", pw->pw_name, us, uc);
  first("/etc/subgid", pw->pw_name, gs, gc);
  if (pipe(go) == -1 || pipe(done) == -1)
    die("make pipes");
  pid_t child = fork();
  if (child == -1)
    die("fork");
  if (!child) {
    char *u[] = {"newuidmap", pid, "0", uid, "1", "1", us, uc, 0},
         *g[] = {"newgidmap", pid, "0", gid, "1", "1", gs, gc, 0};
    pid_t a, b = 0;
    int sa, sb;
    close(go[1]);
    close(done[0]);
    if (read(go[0], &byte, 1) != 1)
      _exit(1);
    if (posix_spawnp(&a, u[0], 0, 0, u, environ) || posix_spawnp(&b, g[0], 0, 0, g, environ))
      die("spawn the helpers");
    waitpid(a, &sa, 0);
    waitpid(b, &sb, 0);
    if (sa || sb || write(done[1], "", 1) != 1)
      _exit(1);
    _exit(0);
  }
  close(go[0]);
  close(done[1]);
  if (unshare(CLONE_NEWUSER) == -1)
    die("create a user namespace");
  if (write(go[1], "", 1) != 1 || read(done[0], &byte, 1) != 1)
    die("have ids mapped");
  waitpid(child, 0, 0);
  if (setresgid(0, 0, 0) == -1 || setresuid(0, 0, 0) == -1)
    die("become 0:0");
  if (unshare(CLONE_NEWNS) == -1)
    die("create a mount namespace");
  close(go[1]);
  close(done[0]);
  execvp(argv[1], argv + 1);
  die("exec");
}
