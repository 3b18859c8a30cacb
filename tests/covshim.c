/* SPDX-License-Identifier: ISC
   MODE=cov: a link ends by becoming another program, so gcov's exit handler never runs. Linked with
   -Wl,--wrap=execve,--wrap=_exit, this writes the counts first. */
#include <unistd.h>

void __gcov_dump(void);
int __real_execve(char const *path, char *const argv[], char *const envp[]);
void __real__exit(int code) __attribute__((noreturn));
int __wrap_execve(char const *path, char *const argv[], char *const envp[]);
void __wrap__exit(int code) __attribute__((noreturn));

int __wrap_execve(char const *path, char *const argv[], char *const envp[])
{
  __gcov_dump();
  return __real_execve(path, argv, envp);
}

void __wrap__exit(int code)
{
  __gcov_dump();
  __real__exit(code);
}
