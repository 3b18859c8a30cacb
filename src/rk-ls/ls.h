/* SPDX-License-Identifier: ISC
   The parts of rk-ls. */
#ifndef LS_H
#define LS_H

#include <stdint.h>
#include <sys/types.h>

enum { LS_TEXT = 4096, LS_WORD = 128 };

/* What is known of one chain. Texts are as they were read: quote them. */
struct chain {
  char dir[LS_TEXT];
  char error[LS_TEXT];   /* why no program can be named; empty: pid, since and program are so */
  pid_t pid;             /* its program's, 0: unknown */
  int64_t since;         /* seconds since that process began */
  char program[LS_WORD]; /* its command line, arguments separated by blanks, cut off */
  char driver[LS_WORD];  /* of the network, empty: none */
  char net[LS_WORD];     /* how it does: the first word of net/status */
  unsigned int listening, waiting, failed; /* published ports by their state */
  uint64_t in, out;                        /* bytes through them, from and to their clients */
};

/* look.c: fill in all of a chain but its directory, which is dir. Never fails: what cannot be read
   is left empty, and error says why no process can be named. */
void ls_look(char const *dir, struct chain *c);

/* find.c: call each(dir, data) for the state directory of every rk-outside that runs for this user;
   for root, of every user. 0, or -1 with errno. The names come from command lines, which any
   process can set: they are hints, and each must be looked at. */
int ls_find(void (*each)(char const *dir, void *data), void *data);

/* print.c: to stdout, dying if that fails. begin and end once, one between for each chain. */
enum ls_form { LS_TABLE, LS_JSON, LS_METRICS };
void ls_begin(enum ls_form form);
void ls_one(enum ls_form form, struct chain const *c);
void ls_end(void);

#endif
