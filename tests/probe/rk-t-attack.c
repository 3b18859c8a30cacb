/* SPDX-License-Identifier: ISC
   rk-t-attack PID: as whoever runs it, try everything that would reach into process PID; one line
   "ATTEMPT ok" or "ATTEMPT errno name" each. It changes nothing even where it gets through (a
   traced process is detached at once). */
#include <dirent.h>
#include "errname.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static void say(char const *what, int ok)
{
  printf("%s %s\n", what, ok ? "ok" : errname(errno));
}

static void file(pid_t pid, char const *name, int flags)
{
  char path[64], what[64], c;
  int fd;
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  snprintf(what, sizeof what, "%s:%s", flags == O_RDONLY ? "read" : "write", name);
  fd = open(path, flags | O_CLOEXEC);
  /* maps and environ check at read */
  say(what, fd >= 0 && (flags != O_RDONLY || read(fd, &c, 1) >= 0 || errno == EIO));
  if (fd >= 0)
    close(fd);
}

static void list(pid_t pid, char const *name)
{
  char path[64], what[64];
  DIR *d;
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  snprintf(what, sizeof what, "list:%s", name);
  d = opendir(path);
  say(what, d && readdir(d));
  if (d)
    closedir(d);
}

static void follow(pid_t pid, char const *name)
{
  char path[64], what[64], to[256];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
  snprintf(what, sizeof what, "readlink:%s", name);
  say(what, readlink(path, to, sizeof to) >= 0);
  snprintf(what, sizeof what, "open:%s", name);
  say(what, open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) >= 0);
}

int main(int argc, char **argv)
{
  pid_t pid;
  int pidfd, got = 0;
  char c;
  struct iovec mine = {&c, 1}, theirs = {(void *)0x400000, 1};

  if (argc < 2)
    return 100;
  pid = atoi(argv[1]);
  pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  say("pidfd_open", pidfd >= 0);
  say("ptrace", ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
  errno = 0;
  for (int fd = 0; fd < 300 && !got; fd++)
    got = syscall(SYS_pidfd_getfd, pidfd, fd, 0) >= 0;
  say("pidfd_getfd", got);
  say("process_vm_readv", process_vm_readv(pid, &mine, 1, &theirs, 1, 0) == 1 || errno == EFAULT);
  say("kcmp", syscall(SYS_kcmp, getpid(), pid, 2 /* KCMP_FILES */, 0, 0) >= 0);
  say("setns", syscall(SYS_setns, pidfd, 0x40000000 /* CLONE_NEWNET */) == 0);
  file(pid, "mem", O_RDWR);
  file(pid, "maps", O_RDONLY);
  file(pid, "environ", O_RDONLY);
  file(pid, "auxv", O_RDONLY);
  file(pid, "syscall", O_RDONLY);
  file(pid, "stack", O_RDONLY);
  file(pid, "oom_score_adj", O_WRONLY);
  file(pid, "coredump_filter", O_WRONLY);
  list(pid, "fd");
  list(pid, "fdinfo");
  list(pid, "map_files");
  list(pid, "ns");
  follow(pid, "fd/3");
  follow(pid, "fd/4");
  follow(pid, "fd/5");
  follow(pid, "ns/net");
  follow(pid, "root");
  follow(pid, "cwd");
  follow(pid, "exe");
  say("kill", kill(pid, 0) == 0);
  return 0;
}
