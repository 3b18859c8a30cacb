/* SPDX-License-Identifier: ISC
   External programs of network drivers: found as Go's exec.LookPath finds them, asked for their features. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

/* Absolute path of name (searched in PATH unless it has a slash), allocated; dies with the peer's words. */
char const *run_program(char const *name);

/* Run `path arg`, stdin and stderr from /dev/null, at most 5 s. What it writes on stdout goes into out, terminated
   (out may be 0). Returns its wait status, or -1 with errno. */
int run_output(char const *path, char const *arg, char *out, size_t size);

#endif
