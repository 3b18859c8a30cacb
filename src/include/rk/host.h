/* SPDX-License-Identifier: ISC */
#ifndef RK_HOST_H
#define RK_HOST_H

#include <stddef.h>

/* Die because a known setting of the host prevents the work: one line "PROG: fatal: TEXT", a second
   "PROG: info: ID: FIX", exit 102. id: a catalogue number of rk-host-settings(7) (U1, I13, D2...).
   fix: what to do, exactly. The rest: the pieces of the first line. */
#define rk_die_host(id, fix, ...) \
  rk_die_hostv((id), (fix), (char const *const[]){__VA_ARGS__}, \
               sizeof((char const *const[]){__VA_ARGS__}) / sizeof(char const *))
void rk_die_hostv(char const *id, char const *fix, char const *const *text, size_t n)
  __attribute__((noreturn));

/* A reason that travels: from the place where it is found to the one that decides what follows from
   it. id "": none. */
struct rk_cause {
  char id[8];
  char text[360]; /* what is wrong, without the "unable to" */
  char fix[360];
};

/* Set it. form: the text, a newline, the fix; every % in it stands for the next argument, a string.
   What does not fit is cut off. */
void rk_cause_set(struct rk_cause *why, char const *id, char const *form, ...);

/* A fix that more than one program names. */
#define RK_FIX_NNP \
  "start the chain without no_new_privs (systemd: NoNewPrivileges=no, Kubernetes: " \
  "allowPrivilegeEscalation: true)"

#endif
