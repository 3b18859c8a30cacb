/* SPDX-License-Identifier: ISC
   The parts of rk-outside's network service. */
#ifndef OUTSIDE_NET_H
#define OUTSIDE_NET_H

#include <stddef.h>
#include <stdint.h>
#include <rk/ctl.h>
#include "outside.h"

struct netup {
  struct rk_net_plan ask; /* the plan; after a report, what is so */
  pid_t pid;              /* a process of the namespaces that asked: the chain's, or behind rk-pidns
                             its descendant */
  int configured, resident; /* the driver's report */
  int dnsfixed;             /* the driver read the host's resolver at its start and goes on asking
                               it */
  int ready;                /* it has been ready, once at least */
};
extern struct netup netdriver;

/* driver.c: say in net/status (and on stderr) how the driver does. */
void driver_status(char const *state, char const *why);

/* Start the driver anew, at once: it holds something stale. */
void driver_restart(void);

/* driver_exec.c. Find the executable of netup.ask.driver: 0, or -1 with errno. Become it, in a
   fresh child of parent: fds are those that it gets as 2 (stderr), 3, 4, 5, 6, all above these. */
int driver_find(void);
void driver_exec(int const *fds, pid_t parent) __attribute__((noreturn));

/* report.c: fold what the driver writes to fd 5 into netup. report_take takes a piece and returns 1
   if a report ended in it, 0 if more must come, -1 if it is nonsense, with the offending line in
   *line. report_facts writes net/: 0, or not with errno. */
void report_begin(void);
int report_take(char const *s, size_t n, char const **line);
int report_facts(void);
/* Write one fact of net/ (n bytes, the newline among them), if there is a state directory: 0, or -1
   with errno. */
int netup_fact(char const *name, char const *text, size_t n);

/* etc.c: resolv.conf and hosts. start: mode is enum rk_etc; 0, or -1 with errno and *what. It
   writes both. */
int etc_start(uint32_t mode, char const **what);
/* From now on, follow the host's files. Not before the program may start: it costs a third of a
   millisecond. */
void etc_follow(void);
/* The driver's resolver address changed. */
void etc_dns_changed(void);

/* leaktest_listen.c: the listeners of the loopback test. open makes them and a nonce, tell fills
   these in. judge says where a nonce arrived, or null. */
void leaktest_open(void);
void leaktest_fill(struct rk_reply_net *say);
char const *leaktest_judge(void);

/* leaktest_child.c: that test for a driver started again, its nonces sent by a child that enters
   the namespaces. then is called a second later with where a nonce arrived, or null; cut: the child
   could not do it all. 0, or -1 with errno. stop: forget a test under way. */
int leaktest_repeat(int userns, int netns, void (*then)(char const *where, int cut));
void leaktest_stop(void);

#endif
