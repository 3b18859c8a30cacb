/* SPDX-License-Identifier: ISC
   External programs of network drivers: found as Go's exec.LookPath finds them, asked for their
   features. */
#ifndef RUN_PROGRAM_H
#define RUN_PROGRAM_H

#include <stddef.h>
#include <sys/types.h>

/* Absolute path of name (searched in PATH unless it has a slash), allocated; dies with
   RootlessKit's words. */
char const *run_program(char const *name);

/* Run `path arg`, stdin and stderr from /dev/null, at most 5 s. What it writes on stdout goes into
   out, terminated (out may be 0). Returns its wait status, or -1 with errno (ETIMEDOUT: it was
   killed). */
int run_output(char const *path, char const *arg, char *out, size_t size);

/* 1: path is an ELF program in whose file all these words are (terminated by 0), as what its help
   prints would be; 0: not, or it is a script, or unreadable. To run it for its help takes as long
   as a third of a chain's start. */
int run_contains(char const *path, char const *const *words);

#endif
