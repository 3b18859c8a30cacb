/* SPDX-License-Identifier: ISC
   The parts of rk-outside. One process, no threads, no heap. */
#ifndef OUTSIDE_H
#define OUTSIDE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <rk/ctl.h>

/* What rk-outside holds. */
struct outside {
  pid_t pid;        /* the chain's process, the only one it acts for */
  pid_t sender;     /* who made the request being served, by the kernel's word: pid or, behind
                       rk-pidns, a descendant; it waits for the answer */
  int chain;        /* pidfd of it */
  int control;      /* socket to the chain, -1: closed */
  int lock;         /* flock of the state directory, -1: none */
  int state;        /* fd of the state directory, -1: none */
  char const *path; /* its absolute path */
  int program;      /* pidfd of the program's process (behind rk-pidns not the chain's), -1: it has
                       not been started */
  int questions;    /* listening socket .child of the state directory, -1: none */
  pid_t teller;     /* the child that answers there, 0: none */
  int tellerfd;     /* pidfd of it */
  char made[16];    /* "temporary" or "made": rk-state made it; "": it was there */
};
extern struct outside outside;

/* Answer a request. */
void outside_say(void const *reply, size_t len);
/* Answer with head alone (struct rk_reply) or a longer reply that begins with one: error as errno,
   text for people. */
void outside_refuse(struct rk_reply *reply, size_t len, int error, char const *text);

/* Call ready(revents) whenever poll(2) reports one of events on fd; until outside_unwatch. At most
   16. */
void outside_watch(int fd, short events, void (*ready)(int fd, short revents));
void outside_unwatch(int fd);
/* Call due() once, when ms milliseconds from now have passed (monotonic clock); again replaces the
   earlier deadline of the same due. ms < 0: never. */
void outside_after(int ms, void (*due)(void));
/* Something is left to do (a driver): do not leave when the control socket is closed. Each hold
   needs its release. */
void outside_job_begin(void);
void outside_job_end(void);

/* Requests: the message has the exact size of its struct. fd is -1, or an fd that travelled with
   it, owned by the callee. */
void req_idmap(struct rk_req_idmap const *ask, int fd);
void req_net(struct rk_req_net const *ask, int fd);
int req_await(void); /* -1: for nothing */
void req_net_verify(struct rk_req_net_verify const *ask);

/* child.c: answer at the socket .child of the state directory which process is the chain's (struct
   rk_reply_child). 0, or -1 with errno. */
int outside_child_listen(void);

/* The chain is gone: tell the driver to leave. 1: it can be left to that, having neither files in
   the state directory nor ports of the host; 0: its end must be awaited before the state directory
   is let go. */
int driver_terminate(void);
/* Then wait for its end, a third of a second at most; returns whether there was one. */
int driver_end(void);

#endif
