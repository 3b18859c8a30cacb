/* SPDX-License-Identifier: ISC
   rk-t-visitor ARGS OF slirp4netns OR pasta: stands for either. It enters the user namespace that
   it is told, as they do for a moment, and stays there, with the network and the mounts of outside.
   RK_T_VISITOR: a directory: writes its pid to DIR/visitor, then waits until there is DIR/go,
   before it says that it is ready. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char const *value_of(char **argv, char const *option)
{
  size_t len = strlen(option);

  for (; *argv; argv++) {
    if (!strcmp(*argv, option) && argv[1])
      return argv[1];
    if (!strncmp(*argv, option, len) && (*argv)[len] == '=')
      return *argv + len + 1;
  }
  return NULL;
}

static void here(char const *dir)
{
  char text[32];
  int fd, len = snprintf(text, sizeof text, "%d\n", (int)getpid());

  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int file = openat(fd, "visitor.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file == -1 || write(file, text, (size_t)len) != len ||
      renameat(fd, "visitor.new", fd, "visitor") == -1)
    exit(112);
  close(file);
  while (faccessat(fd, "go", F_OK, 0) == -1)
    usleep(5000);
  close(fd);
}

int main(int argc, char **argv)
{
  char const *userns = value_of(argv, "--userns-path"), *ready = value_of(argv, "--ready-fd"),
             *pidfile = value_of(argv, "--pid");
  char const *dir = getenv("RK_T_VISITOR");
  int fd;

  (void)argc;
  if (!userns)
    userns = value_of(argv, "--userns");
  if (!userns)
    return 0; /* --version */
  fd = open(userns, O_RDONLY | O_CLOEXEC);
  if (fd == -1 || setns(fd, CLONE_NEWUSER) == -1)
    return 113;
  if (dir)
    here(dir);
  fd = ready ? atoi(ready) : open(pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (write(fd, ready ? "1" : "1\n", ready ? 1 : 2) <= 0)
    return 114;
  for (;;)
    pause();
}
