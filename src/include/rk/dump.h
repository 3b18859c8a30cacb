/* SPDX-License-Identifier: ISC
   Memory that leaves a process without being asked for. */
#ifndef RK_DUMP_H
#define RK_DUMP_H

/* For a process outside that root inside can send signals to: not dumpable
   (PR_SET_DUMPABLE(2const)), so that nobody of the same uid reads its memory or fds (ptrace(2)),
   and a hard limit of 1 byte for core files, which only CAP_SYS_RESOURCE of the first user
   namespace raises again, though anybody of the same uid may call prlimit(2) on it. No core file
   fits; and 1, unlike 0, also keeps the core from a program that core_pattern pipes it to
   (core(5)). The limit is for its children: a program of others that it executes is dumpable again.
   0, or -1 with errno. */
int rk_no_dump(void);

/* The same, or die with 111. */
void rk_no_dump_or_die(void);

#endif
