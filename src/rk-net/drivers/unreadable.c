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

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <rk/text.h>

/* passt of x86-64 executes its twin with AVX2 by the name of its own file, which a copy has not:
   take that one at once. */
static void prefer_twin(char path[PATH_MAX])
{
#ifdef __x86_64__
  char twin[PATH_MAX];
  struct rk_text t = {.s = twin, .size = sizeof twin};

  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !realpath(path, twin))
    return;
  t.len = strlen(twin);
  rk_text_str(&t, ".avx2");
  if (!t.cut && access(twin, X_OK) == 0)
    memcpy(path, twin, t.len + 1);
#else
  (void)path;
#endif
}

/* Not if there is no need for a copy, or no use in one. Whoever cannot read the file is protected
   by that; so is what gains capabilities or ids by being executed, which a copy would lose. A
   script is read by its interpreter: to that no copy that cannot be read is of use. */
static int is_to_copy(int fd)
{
  char magic[4];
  struct stat st;

  if (fd == -1)
    return 0;
  if (fstat(fd, &st) == -1 || (st.st_mode & (S_ISUID | S_ISGID)))
    return 0;
  if (fgetxattr(fd, "security.capability", NULL, 0) > 0)
    return 0;
  if (pread(fd, magic, sizeof magic, 0) != (ssize_t)sizeof magic)
    return 0;
  return !memcmp(magic, "\177ELF", sizeof magic);
}

static void copy_file(int from, int dir, char const *name)
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

static void exec_copy(int fd, int dir, char const *path, char const *const *argv)
{
  static int const readers[] = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH};
  char place[RK_PROCPATH_MAX + NAME_MAX];
  struct rk_text t = {.s = place, .size = sizeof place};
  char const *slash = strrchr(path, '/');
  char const *name = slash ? slash + 1 : path;

  copy_file(fd, dir, name);
  t.len = strlen(rk_procpath_fd(place, "fd", dir));
  rk_text_add(&t, "/", name);
  /* To root every file is readable by these. The exec gives them back. */
  if (rk_caps_lower(readers, sizeof readers / sizeof *readers) == -1)
    strerr_diefusys(RK_EXIT_SYS, "lower capabilities");
  execve(place, (char **)(uintptr_t)argv, environ);
  strerr_dieexec(126, path);
}

void driver_become(int dir, char const *const *argv, char const *fix)
{
  char path[PATH_MAX];
  char const *file = driver_program(argv[0]);
  int fd;

  if (rk_which(file, path, sizeof path) == -1) {
    if (errno == ENOENT)
      rk_die_host("I13", fix, "unable to find ", file, " in PATH");
    strerr_dieexec(126, file);
  }
  prefer_twin(path);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (is_to_copy(fd))
    exec_copy(fd, dir, path, argv);
  if (fd != -1)
    close(fd);
  execve(path, (char **)(uintptr_t)argv, environ);
  strerr_dieexec(errno == ENOENT ? 127 : 126, path);
}
