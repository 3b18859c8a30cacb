/* SPDX-License-Identifier: ISC
   The loopback test, outside: can the chain reach what listens on the host's loopback only? */
#ifndef OUTSIDE_LEAKTEST_H
#define OUTSIDE_LEAKTEST_H

#include <stdint.h>
#include <sys/types.h>

#include <rk/ctl.h>
#include <rk/loop.h>

enum { LEAKTEST_SOCKETS = 4 };

struct leaktest {
  struct rk_loop *loop;
  int fd[LEAKTEST_SOCKETS]; /* listeners, -1: none */
  uint16_t port[LEAKTEST_SOCKETS];
  uint8_t nonce[RK_NONCE];
  struct rk_watch visit; /* pidfd of the child that sends the nonces; leaktest_repeat */
  pid_t visitor;         /* that child, 0: none */
  void (*judged)(void *ctx, char const *where, int cut);
  void *ctx;
};

/* leaktest_listen.c: the listeners. init: there are none. open makes them and a nonce, fill tells
   the chain of them. judge closes them and says where a nonce arrived, or NULL. */
void leaktest_init(struct leaktest *test, struct rk_loop *loop);
void leaktest_open(struct leaktest *test);
void leaktest_fill(struct leaktest const *test, struct rk_reply_net *say);
char const *leaktest_judge(struct leaktest *test);

/* leaktest_child.c: that test for a driver started again, its nonces sent by a child that enters
   the namespaces: those of the driver if the plan has a wall, else the program's. judged is
   called a second later with where a nonce arrived, or NULL; cut: the child could not do it all.
   0, or -1 with errno. stop: forget a test under way. */
int leaktest_repeat(struct leaktest *test, struct rk_net_plan const *plan, int userns, int netns);
void leaktest_stop(struct leaktest *test);

#endif
