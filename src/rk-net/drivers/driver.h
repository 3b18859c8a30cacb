/* SPDX-License-Identifier: ISC
   What drivers written in C share. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stddef.h>

/* PROGRAM: only for a driver that makes its own interface, and with RK_NET_WALL=1. */
enum { NETNS = 3, USERNS = 4, REPORT = 5, LEAVE = 6, PROGRAM = 7 };

/* First of all: PROG is name, and this process is not dumpable until it executes something else:
   root inside has the user's id, and could list the numbers of its fds. */
void driver_begin(char const *name);

/* A variable of the plan. Dies (100) if it is not set: then it was not rk-outside that started
   us. */
char const *driver_plan(char const *name);
int driver_wants(char const *name); /* it is "1" */

/* The program to run: RK_DRIVER_PROGRAM, a name or path that the user chose, else name. */
char const *driver_program(char const *name);

/* Block the signals that service managers and terminals send to every process at once (SIGTERM,
   SIGINT, SIGHUP): the program may have something left to do with its network. The mask survives
   execve(2). The end comes by fd LEAVE, or by SIGKILL. */
void driver_outlive(void);

/* A directory that only this process can name: a tmpfs that is mounted nowhere, of mode 0700, gone
   with the last fd below it. The chain's root has the user's rights on every directory that has a
   name, and could put another file in the place of what a driver is about to open or to execute.
   Returns a close-on-exec fd. Dies if it cannot be made: 102 (limits), 111. */
int driver_private(void);

/* Become argv: driver_program(argv[0]), looked up in PATH, as a copy in memory that its user cannot
   read, and so non-dumpable from the start on (where fs.suid_dumpable is not 1). Its process is
   called argv[0]. As it is, if it is a script, set-user-id, has file capabilities, or cannot be
   read. Dies if it is not there: 102, with that fix; 126 if it cannot be executed. */
void driver_become(char const *const *argv, char const *fix) __attribute__((noreturn));

/* The chain's tap, opened and attached to, non-blocking; the driver itself enters nothing. A
   close-on-exec fd. Dies if it cannot be opened: 111. */
int driver_tap(void);

#endif
