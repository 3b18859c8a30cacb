/* SPDX-License-Identifier: ISC
   Short-lived helper programs (newuidmap, getsubids): started together, waited for together, never
   for ever. */
#ifndef RK_HELPER_H
#define RK_HELPER_H

#include <stddef.h>
#include <sys/types.h>

/* One helper. The caller sets the first group to start it; the rest is ours until rk_spawn_wait
   returns. */
struct rk_spawn {
  char const *path;        /* what to execute; */
  char const *const *argv; /* argv[0] is free to be the short name */
  int quiet;               /* its stderr goes to /dev/null, else where its stdout goes: to take() */
  void (*take)(void *data, char const *text, size_t len); /* what it writes, in pieces cut
                                                             anywhere */
  void *data;

  pid_t pid; /* 0: not running */
  int outfd, pidfd;
  int status; /* of waitpid(2); meaningless if late */
  int late;   /* it did not end in time, or the wait was called off: it was killed */
};

/* Start it: stdin is /dev/null, no other fd, LC_ALL=C, no signal blocked, SIGPIPE not ignored; it
   is killed with its parent if it is neither setuid nor has file capabilities
   (PR_SET_PDEATHSIG(2const)). If the program cannot be executed it ends with 127 (not found) or 126
   and the reason as its output. The caller's SIGCHLD must not be ignored. 0, or -1 with errno and
   nothing is left. */
int rk_spawn_start(struct rk_spawn *h);

enum { RK_HELPERS_MAX = 4 };

/* Wait for all of the n (at most RK_HELPERS_MAX) that run (pid not 0), for at most ms milliseconds
   and only while `untilfd` (-1: none) does not become readable: what still runs then is killed and
   marked late. 0, or -1 with errno (poll failed; all are killed and late). */
int rk_spawn_wait(struct rk_spawn *h, size_t n, int untilfd, int ms);

/* One helper, from start to end, in at most ms milliseconds: what it writes to stdout is kept in
   out, cut to size and terminated (out may be NULL), its stderr goes to /dev/null. Returns its
   status as of waitpid(2), or -1 with errno: ETIMEDOUT (it was killed), or that of rk_spawn_start
   and rk_spawn_wait. */
int rk_helper_run(char const *path, char const *const *argv, char *out, size_t size, int ms);

/* How long helpers may take, in milliseconds: RK_HELPER_TIMEOUT (seconds) or 10 seconds; -1: it is
   no number from 1 to 3600. */
int rk_spawn_time(void);

/* Search PATH for an executable file, as execvp(3) does. Returns the length of path, or -1 with
   errno: ENOENT, EACCES (a file is there that we may not execute; path then names it),
   ENAMETOOLONG; another one of stat(2) or access(2): none was found, but there one may be. */
ssize_t rk_which(char const *name, char *path, size_t size);

/* The same among those files only for which is_good says 1. */
ssize_t rk_which_good(char const *name, char *path, size_t size,
                      int (*is_good)(void const *data, char const *path), void const *data);

#endif
