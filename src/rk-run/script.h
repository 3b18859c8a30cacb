/* SPDX-License-Identifier: ISC
   Chains as scripts: for --print and --service. */
#ifndef RUN_SCRIPT_H
#define RUN_SCRIPT_H

#include "run.h"
#include <stdio.h>

enum script_language { SCRIPT_EXECLINE, SCRIPT_SH };

/* One word, quoted if the language needs it. */
void script_word(int fd, enum script_language lang, char const *s);
/* The state directory, as one word. */
void script_dir(int fd, enum script_language lang, struct run const *r);
/* The chain alone, one link a line. state_dir as in run_chain. */
void script_chain(int fd, enum script_language lang, struct run const *r, char const *state_dir);
/* A whole script: port files and daemons, then the chain. */
void script_print(int fd, enum script_language lang, struct run const *r);

/* Lines that write the port files of -p into the state directory, which is made if need be. */
void script_ports(int fd, enum script_language lang, struct run const *r);

/* rk-portd's name for RootlessKit's port driver. */
char const *portd_driver(struct run const *r);
/* The option of every port: what the service sees of a client, as in RootlessKit. */
char const *portd_srcip(struct run const *r);

#endif
