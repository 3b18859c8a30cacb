/* SPDX-License-Identifier: ISC
   Execute a program so that it is non-dumpable from its first instruction on. What enters the
   chain's user namespace while dumpable, root inside may trace, and take its fds and its root
   directory, which are the host's (ptrace(2)). prctl(2) PR_SET_DUMPABLE does not survive an exec;
   but a program that its user cannot read is non-dumpable (would_dump() in fs/exec.c). So what is
   executed is a copy of mode 0111, in the driver's private directory: no name leads there, so
   nobody can put another file in its place. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/spawn.h>
#include <rk/host.h>

/* passt of x86-64 executes its twin with AVX2 by the name of its own file, which a copy has not:
   take that one at once. */
static void take_twin(char *path)
{
#ifdef __x86_64__
  char real[PATH_MAX];
  size_t n;

  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !realpath(path, real))
    return;
  n = strlen(real);
  if (n + 6 > sizeof real)
    return;
  memcpy(real + n, ".avx2", 6);
  if (access(real, X_OK) == 0)
    memcpy(path, real, n + 6);
#else
  (void)path;
#endif
}

/* Is there no need for a copy, or no use in one? Whoever cannot read the file is protected by that;
   so is what gains capabilities or ids by being executed, which a copy would lose. A script is read
   by its interpreter: to that no copy that cannot be read is of use. */
static int copies(int fd)
{
  char magic[4];
  struct stat st;

  if (fd == -1)
    return 0;
  if (fstat(fd, &st) == -1 || (st.st_mode & (S_ISUID | S_ISGID)))
    return 0;
  if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
    return 0;
  return pread(fd, magic, sizeof magic, 0) == (ssize_t)sizeof magic &&
         !memcmp(magic, "\177ELF", sizeof magic);
}

static void copy(int from, int dir, char const *name)
{
  int to = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
  ssize_t r;

  if (to == -1)
    strerr_diefusys(RK_EXIT_SYS, "create a copy of ", name);
  while ((r = sendfile(to, from, NULL, SSIZE_MAX / 2)) > 0)
    ;
  if (r == -1 || fchmod(to, 0111) == -1)
    strerr_diefusys(RK_EXIT_SYS, "copy ", name);
  close(to); /* what is open for writing cannot be executed */
}

void driver_become(int dir, char const *const *argv, char const *fix)
{
  char path[PATH_MAX], place[64 + NAME_MAX] = "/proc/self/fd/";
  char const *file = driver_program(argv[0]), *name;
  size_t n = strlen(place);
  int fd;

  if (rk_which(file, path, sizeof path) == -1) {
    if (errno == ENOENT)
      rk_die_host("I13", fix, "unable to find ", file, " in PATH");
    strerr_dieexec(126, file);
  }
  take_twin(path);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (copies(fd)) {
    name = strrchr(path, '/');
    name = name ? name + 1 : path;
    copy(fd, dir, name);
    n += uint_fmt(place + n, (unsigned int)dir);
    place[n++] = '/';
    strcpy(place + n, name);
    /* To root every file is readable by these. The exec gives them back. */
    if (rk_caps_lower((int const[]){CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH}, 2) == -1)
      strerr_diefusys(RK_EXIT_SYS, "lower capabilities");
    execve(place, (char **)(uintptr_t)argv, environ);
    strerr_dieexec(126, path);
  }
  if (fd != -1)
    close(fd);
  execve(path, (char **)(uintptr_t)argv, environ);
  strerr_dieexec(errno == ENOENT ? 127 : 126, path);
}
