/* SPDX-License-Identifier: ISC */
#ifndef RK_PROC_H
#define RK_PROC_H

#include <stddef.h>
#include <sys/types.h>

/* Field of /proc/PID/stat, counted from 1 as in proc_pid_stat(5); the command name may hold
   anything. pid 0: self. Only numeric fields after the name (3 is the state letter). -1 with errno,
   ESRCH if there is no such process. */
int rk_proc_stat(pid_t pid, unsigned int field, unsigned long long *value);

/* The path /proc/PID/WHAT (pid 0: /proc/self/WHAT; an empty what: the directory itself), written
   into buf. what has at most 40 bytes. Returns buf. */
enum { RK_PROCPATH_MAX = 64 };
char *rk_procpath(char buf[RK_PROCPATH_MAX], pid_t pid, char const *what);

/* Likewise /proc/self/WHAT/FD: what is "fd" or "fdinfo". */
char *rk_procpath_fd(char buf[RK_PROCPATH_MAX], char const *what, int fd);

/* Is pid root, or a descendant of it (through at most depth parents)? Both numbers of this pid
   namespace. 1 or 0, -1 with errno: that cannot be read. */
int rk_descends(pid_t pid, pid_t root, unsigned int depth);

/* The number, here, of the process that pidfd refers to; 0: it has ended, or has no number in this
   pid namespace. -1 with errno; EBADF: it is no pidfd (pidfd_open(2)). */
pid_t rk_pidfd_pid(int pidfd);

/* How the process ended that pidfd refers to and whose number was pid, as a status of waitpid(2),
   although it is not ours to wait for. -1: it has not, or the kernel does not say: before Linux
   6.15 (PIDFD_INFO_EXIT) only its parent knows, once that has waited for it. */
int rk_pidfd_status(int pidfd, pid_t pid);

/* Value of "KEY:" in /proc/self/status (proc_pid_status(5)), as text without blanks in front.
   Length or -1 with errno (ENOENT: no such key). */
ssize_t rk_proc_status(char const *key, char *buf, size_t size);

/* Whole small file into buf (at most size - 1 bytes), terminated, one final newline stripped.
   Length or -1 with errno. */
ssize_t rk_slurp(char const *path, char *buf, size_t size);

#endif
