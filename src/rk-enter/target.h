/* SPDX-License-Identifier: ISC
   What rk-enter is to join: found, made sure of, compared with what it has already. Every function
   dies with a clear line. */
#ifndef ENTER_TARGET_H
#define ENTER_TARGET_H

#include <skalibs/types.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* What is known of rk-confine in the chain. */
enum enter_confined {
  ENTER_ASKED,   /* rk-outside has said it */
  ENTER_FOREIGN, /* somebody has who is in another user namespace than ours */
  ENTER_UNASKED  /* -p */
};

struct target {
  unsigned int pid;
  char name[UINT_FMT];
  int pidfd;    /* the process itself, whatever becomes of its number */
  int proc;     /* its /proc directory */
  int children; /* the pid namespace of its children if that is another one, else -1 */
  int drop;     /* supplementary groups must not come along */
  int flags;    /* the namespaces that differ from ours */
  int ruleset;  /* Landlock ruleset of the chain's rk-confine, -1: none is known */
  int bypass;   /* socket to the chain's rk-bypassd, -1: there is none */
  enum enter_confined confined;
};

/* t->pid's process, as it is now. */
void enter_process(struct target *t);

/* The program of the chain in the state directory dir: sets t->pid too. */
void enter_state(struct target *t, char const *dir);

/* Which namespaces differ, and may they be joined? */
void enter_compare(struct target *t);

/* If the user namespace does: are its ids mapped, and must supplementary groups be dropped? */
void enter_check_ids(struct target *t);

/* Can prog be confined as the process is? Warns or dies if that is not known. */
void enter_check_confined(struct target const *t);

/* Dies if the process has ended meanwhile. */
void enter_alive(struct target const *t);

#endif
