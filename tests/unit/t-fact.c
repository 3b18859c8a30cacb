/* SPDX-License-Identifier: ISC
   Facts of a state directory, and identities. */
#include <rk/state.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
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

  while (d && (e = readdir(d)))
    n += strcmp(e->d_name, ".") && strcmp(e->d_name, "..");
  if (d)
    closedir(d);
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
  ok(symlinkat("a", dir, "l") == 0 && rk_fact_write(dir, "l", "x\n", 2, 0600) == 0,
     "a link is replaced,");
  is_num(rk_fact_read(dir, "a", buf, sizeof buf), 0, "not followed");
  memset(big, 'x', sizeof big);
  is_num(rk_fact_write(dir, "big", big, sizeof big, 0600), 0, "a long one");
  ok(rk_fact_read(dir, "big", buf, sizeof buf) <= (ssize_t)sizeof buf - 1,
     "is read no further than the buffer");
  is_num(entries(), 4, "and no temporary file is left (a d l big)");
}

/* What root inside may put in a fact's place. */
static void hostile(void)
{
  char buf[16], temp[RK_TEMP_MAX], other[RK_TEMP_MAX];
  struct stat st;
  int fd;

  mkdirat(dir, "real", 0700);
  is_num(symlinkat("real", dir, "way"), 0, "a link in the place of a directory");
  is_num(rk_fact_write(dir, "way/x", "x\n", 2, 0600), -1, "is not written through");
  is_num(errno, ENOTDIR, "(ENOTDIR)");
  is_num(rk_fact_write(dir, "real/x", "x\n", 2, 0600), 0, "the directory itself is");
  is_num(rk_fact_read(dir, "way/x", buf, sizeof buf), -1, "nor is it read through");
  is_num(rk_state_sub(dir, "way", 1), -1, "nor opened as one");
  mkfifoat(dir, "pipe", 0600);
  is_num(rk_fact_read(dir, "pipe", buf, sizeof buf), -1, "a FIFO is not read");
  is_num(errno, EINVAL, "(EINVAL)");
  is_num(rk_fact_write(dir, "pipe", "x\n", 2, 0600), 0, "but replaced");
  is_num(rk_regular_open(dir, "real", O_RDONLY), -1, "a directory is no regular file");
  is_num(errno, EISDIR, "(EISDIR)");
  fd = rk_temp_open(dir, "x", temp);
  ok(fd != -1 && !strncmp(temp, ".new-x-", 7) && strlen(temp) == 7 + 16,
     "a temporary file bears the name and a number");
  close(fd);
  rk_temp_name(".new-", "x", other);
  ok(strcmp(temp, other), "another one each time");
  memset(other, 'n', sizeof other - 1);
  other[250] = 0;
  is_num(rk_fact_write(dir, other, "x\n", 2, 0600), 0, "a long name has room for that");
  is_num(rk_state_remove(dir, other), 0, "a file is removed");
  is_num(rk_state_remove(dir, temp), 0, "whatever it is");
  is_num(rk_state_remove(dir, "none"), 0, "and what is not there is gone");
  is_num(rk_state_remove(dir, "way"), 0, "a link");
  ok(fstatat(dir, "real/x", &st, 0) == 0, "is not followed");
}

/* depth directories, each in the one before it, some without permissions. */
static void nest(int depth)
{
  int at = openat(dir, ".", O_RDONLY | O_DIRECTORY);

  for (int i = 0; i < depth; i++) {
    int next;
    mkdirat(at, "n", 0700);
    close(openat(at, "file", O_CREAT | O_WRONLY, 0));
    next = openat(at, "n", O_RDONLY | O_DIRECTORY);
    if (i % 7 == 3)
      fchmod(at, 0);
    close(at);
    at = next;
  }
  close(at);
}

static void clearing(void)
{
  struct rlimit few, was;
  struct stat st;

  getrlimit(RLIMIT_NOFILE, &was);
  few = was;
  few.rlim_cur = 32;
  nest(3000);
  setrlimit(RLIMIT_NOFILE, &few);
  is_num(rk_state_remove(dir, "n"), 0, "3000 levels are removed with 32 files open");
  setrlimit(RLIMIT_NOFILE, &was);
  unlinkat(dir, "file", 0);
  mkdirat(dir, "lock", 0700);
  mkdirat(dir, "child_pid", 0700);
  mkdirat(dir, ".owner", 0);
  mkdirat(dir, "ports", 0700);
  is_num(symlinkat("real", dir, "net"), 0, "a symlink among them");
  close(openat(dir, "env", O_CREAT | O_WRONLY, 0));
  close(openat(dir, ".new-child_pid-0123456789abcdef", O_CREAT | O_WRONLY, 0));
  close(openat(dir, ".new-theirs-0123456789abcdef", O_CREAT | O_WRONLY, 0));
  fchmod(dir, 0777);
  is_num(rk_state_clear(dir, 0), 0, "a chain's own names are cleared whatever lies there");
  is_num(entries(), 9, "and nothing else (left: a d l big pipe real lock ports .new-theirs)");
  ok(fstat(dir, &st) == 0 && (st.st_mode & 0777) == 0755, "others cannot write any more");
  mkdirat(dir, "net", 0700);
  is_num(rk_state_aside(dir, 0), 0, "what cannot be cleared is set aside");
  ok(fstatat(dir, "net", &st, AT_SYMLINK_NOFOLLOW) == -1, "and its name is free");
  is_num(rk_state_clear(dir, 1), 0, "everything");
  is_num(entries(), 1, "is all but the lock");
  rmdir("lock");
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
  if (pipe(p) < 0)
    exit(99);
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

  if (!mkdtemp(path) || chdir(path) < 0 || (dir = open(".", O_RDONLY | O_DIRECTORY)) < 0)
    return 99;
  facts();
  hostile();
  clearing();
  identities();
  if (chdir("/") < 0 || rmdir(path) < 0)
    return 99;
  return tap_done();
}
