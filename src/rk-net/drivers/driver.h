/* SPDX-License-Identifier: ISC
   What drivers written in C share. */
#ifndef DRIVER_H
#define DRIVER_H

#include <stddef.h>

enum { NETNS = 3, USERNS = 4, REPORT = 5, LEAVE = 6 };

/* A variable of the plan. Dies (100) if it is not set: then it was not rk-outside that started us. */
char const *driver_plan(char const *name);
int driver_wants(char const *name); /* it is "1" */

/* The program to run: RK_DRIVER_PROGRAM, a name or path that the user chose, else name. */
char const *driver_program(char const *name);

/* Become argv. Dies if it is not there: 102, with that fix. */
void driver_become(char const *const *argv, char const *fix) __attribute__((noreturn));

#endif
