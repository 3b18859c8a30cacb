/* SPDX-License-Identifier: ISC
   Facts of a state directory, and identities. */
#include <rk/state.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

static int dir;

static int entries(void)
{
  int n = 0;
  struct dirent *e;
  DIR *d = opendir(".");

  while (d && (e = readdir(d))) n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  if (d) closedir(d);
  return n;
}

static void facts(void)
{
  char buf[16], big[5000];
  struct stat st;

  is_num(rk_fact_write(dir, "a", "one\n", 4, 0640), 0, "a fact is written");
  is_num(rk_fact_read(dir, "a", buf, sizeof buf), 3, "and read, without its newline");
  is_str(buf, "one", "as it was");
  ok(!fstatat(dir, "a", &st, 0) && (st.st_mode & 07777) == 0640, "with its mode");
  is_num(rk_fact_write(dir, "a", "two\n\n", 5, 0600), 0, "another one replaces it");
  is_num(rk_fact_read(dir, "a", buf, sizeof buf), 4, "only one newline goes");
  is_num(rk_fact_write(dir, "a", "", 0, 0600), 0, "an empty one");
  is_num(rk_fact_read(dir, "a", buf, sizeof buf), 0, "is empty");
  is_num(rk_fact_read(dir, "b", buf, sizeof buf), -1, "one that is not there");
  is_num(errno, ENOENT, "is ENOENT");
  is_num(rk_fact_write(dir, "none/b", "x", 1, 0600), -1, "a directory that is not there");
  is_num(errno, ENOENT, "is ENOENT");
  mkdirat(dir, "d", 0700);
  is_num(rk_fact_write(dir, "d", "x", 1, 0600), -1, "a directory is not replaced");
  is_num(rk_fact_write(dir, "d/b", "x\n", 2, 0600), 0, "a fact in a directory");
  ok(symlinkat("a", dir, "l") == 0 && rk_fact_write(dir, "l", "x\n", 2, 0600) == 0, "a link is replaced,");
  is_num(rk_fact_read(dir, "a", buf, sizeof buf), 0, "not followed");
  memset(big, 'x', sizeof big);
  is_num(rk_fact_write(dir, "big", big, sizeof big, 0600), 0, "a long one");
  ok(rk_fact_read(dir, "big", buf, sizeof buf) <= (ssize_t)sizeof buf - 1, "is read no further than the buffer");
  is_num(entries(), 4, "and no temporary file is left (a d l big)");
}

static void identities(void)
{
  char me[RK_IDENTITY_MAX], child[RK_IDENTITY_MAX], other[RK_IDENTITY_MAX + 8];
  int p[2];
  pid_t pid;

  ok(rk_identity(getpid(), me, sizeof me) > 0, "who I am");
  is_num(rk_identity_alive(me), 1, "I am alive");
  me[strlen(me) - 1] = (char)(me[strlen(me) - 1] == '0' ? '1' : '0');
  is_num(rk_identity_alive(me), 0, "not in another boot");
  is_num(rk_identity_alive(""), -1, "nobody");
  is_num(rk_identity_alive("x 1 2"), -1, "no number");
  is_num(rk_identity_alive("0 1 2"), -1, "pid 0 is nobody");
  is_num(rk_identity_alive("99999999999999999999 1 2"), -1, "a number too large");
  is_num(rk_identity(getpid(), me, 4), -1, "a buffer too small");
  if (pipe(p) < 0) exit(99);
  pid = fork();
  if (!pid) {
    char c;
    close(p[1]);
    _exit(read(p[0], &c, 1) < 0);
  }
  close(p[0]);
  ok(rk_identity(pid, child, sizeof child) > 0, "who a child is");
  is_num(rk_identity_alive(child), 1, "it is alive");
  snprintf(other, sizeof other, "%d 1%s", (int)pid, strchr(child, ' ') + 1);
  is_num(rk_identity_alive(other), 0, "the same number with another start time is a stranger");
  close(p[1]);
  waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WEXITED | WNOWAIT);
  is_num(rk_identity_alive(child), 0, "a zombie is not alive");
  waitpid(pid, 0, 0);
  is_num(rk_identity_alive(child), 0, "nor is one that is gone");
  is_num(rk_identity(pid, child, sizeof child), -1, "which nobody can name");
  is_num(errno, ESRCH, "(ESRCH)");
}

int main(void)
{
  char path[] = "/tmp/t-fact.XXXXXX";

  if (!mkdtemp(path) || chdir(path) < 0 || (dir = open(".", O_RDONLY | O_DIRECTORY)) < 0) return 99;
  facts();
  identities();
  unlink("d/b"); rmdir("d"); unlink("a"); unlink("l"); unlink("big");
  if (chdir("/") < 0 || rmdir(path) < 0) return 99;
  return tap_done();
}
