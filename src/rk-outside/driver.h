/* SPDX-License-Identifier: ISC
   The parts of rk-outside's network service. */
#ifndef OUTSIDE_NET_H
#define OUTSIDE_NET_H

#include <stddef.h>
#include <stdint.h>
#include <rk/outside.h>
#include "outside.h"

struct netup {
  struct rk_ask_net ask;  /* the plan; after a report, what is so */
  pid_t pid;              /* a process of the namespaces that asked: the chain's, or behind rk-pidns its descendant */
  int configured, resident; /* the driver's report */
  int dnsfixed;           /* the driver read the host's resolver at its start and goes on asking it */
  int ready;              /* it has been ready, once at least */
};
extern struct netup netup;

/* driver.c: say in net/status (and on stderr) how the driver does. */
void netup_status(char const *state, char const *why);

/* Start the driver anew, at once: it holds something stale. */
void netup_again(void);

/* driver_exec.c. Find the executable of netup.ask.driver: 0, or -1 with errno. Become it, in a fresh child of parent:
   fds are those that it gets as 2 (stderr), 3, 4, 5, 6, all above these. */
int netup_find(void);
void netup_become(int const *fds, pid_t parent) __attribute__((noreturn));

/* report.c: fold what the driver writes to fd 5 into netup. netup_report takes a piece and returns 1 if a report
   ended in it, 0 if more must come, -1 if it is nonsense, with the offending line in *line. netup_facts writes net/: 0, or not with errno. */
void netup_report_begin(void);
int netup_report(char const *s, size_t n, char const **line);
int netup_facts(void);
/* Write one fact of net/ (n bytes, the newline among them), if there is a state directory: 0, or -1 with errno. */
int netup_fact(char const *name, char const *text, size_t n);

/* etc.c: resolv.conf and hosts. start: mode is enum rk_etc; 0, or -1 with errno and *what. It writes both. */
int netup_etc_start(uint32_t mode, char const **what);
/* From now on, follow the host's files. Not before the program may start: it costs a third of a millisecond. */
void netup_etc_follow(void);
/* The driver's resolver address changed. */
void netup_etc_again(void);

/* leaktest_listen.c: the listeners of the loopback test. open makes them and a nonce, tell fills these in. judge says where a nonce arrived, or null. */
void netup_probe_open(void);
void netup_probe_tell(struct rk_say_net *say);
char const *netup_probe_judge(void);

/* leaktest_child.c: that test for a driver started again, its nonces sent by a child that enters the namespaces. then is called a second
   later with where a nonce arrived, or null; cut: the child could not do it all. 0, or -1 with errno. stop: forget a test under way. */
int netup_retest(int userns, int netns, void (*then)(char const *where, int cut));
void netup_retest_stop(void);

#endif
