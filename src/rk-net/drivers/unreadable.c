/* SPDX-License-Identifier: ISC
   Execute a program so that it is non-dumpable from its first instruction on. What enters the
   chain's user namespace while dumpable, root inside may trace, and take its fds and its root
   directory, which are the host's (ptrace(2)). prctl(2) PR_SET_DUMPABLE does not survive an exec;
   but a program that its user cannot read is non-dumpable (would_dump() in fs/exec.c). So what is
   executed is a copy of mode 0111 in memory (memfd_create(2)): it has no name, so nobody can put
   another file in its place. The kernel takes a process's name from the path that is executed; so
   that path is an installed symlink, libexec/rk/self/NAME, to /proc/self/fd/20. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <skalibs/strerr.h>

#include <rk/caps.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/proc.h>
#include <rk/spawn.h>
#include <rk/text.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

enum { SELF = 20 }; /* to where the links in libexec/rk/self lead (package/targets) */

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

/* The copy, ready to be executed: open for reading or writing it could not be (ETXTBSY, EACCES). */
static int copy_file(int from, char const *path)
{
  char place[RK_PROCPATH_MAX];
  ssize_t r;
  int copy;
  int to = memfd_create("driver", MFD_CLOEXEC | MFD_EXEC);

  if (to == -1 && errno == EINVAL) /* Linux before 6.3 */
    to = memfd_create("driver", MFD_CLOEXEC);
  if (to == -1 && errno == EACCES)
    rk_die_host("D12", "sysctl vm.memfd_noexec=1", "unable to make a copy of ", path,
                ": vm.memfd_noexec forbids programs in memory");
  if (to == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a copy of ", path);
  while ((r = sendfile(to, from, NULL, SSIZE_MAX / 2)) > 0)
    ;
  if (r == -1 || fchmod(to, 0111) == -1)
    strerr_diefusys(RK_EXIT_SYS, "copy ", path);
  copy = open(rk_procpath_fd(place, "fd", to), O_PATH | O_CLOEXEC);
  if (copy == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a copy of ", path);
  close(to);
  return copy;
}

static void exec_copy(int fd, char const *path, char const *const *argv)
{
  static int const readers[] = {CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH};
  char name[NAME_MAX];
  char self[PATH_MAX];
  struct rk_text t = rk_text_in(name, sizeof name);

  rk_text_add(&t, "self/", argv[0]);
  if (rk_libexec(name, self, sizeof self) == -1)
    strerr_diefusys(RK_EXIT_SYS, "find ", name);
  if (dup3(copy_file(fd, path), SELF, O_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_SYS, "arrange fds");
  /* To root every file is readable by these. The exec gives them back. */
  if (rk_caps_lower(readers, sizeof readers / sizeof *readers) == -1)
    strerr_diefusys(RK_EXIT_SYS, "lower capabilities");
  execve(self, (char **)(uintptr_t)argv, environ);
  strerr_dieexec(126, path);
}

void driver_become(char const *const *argv, char const *fix)
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
    exec_copy(fd, path, argv);
  if (fd != -1)
    close(fd);
  execve(path, (char **)(uintptr_t)argv, environ);
  strerr_dieexec(errno == ENOENT ? 127 : 126, path);
}
