/* SPDX-License-Identifier: ISC
   The chain of the state directory, held by its pidfd and its network namespace. */
#ifndef RK_PORTD_CHAIN_H
#define RK_PORTD_CHAIN_H

#include <stdint.h>
#include <sys/types.h>

#include <rk/text.h>

struct chain {
  pid_t pid;    /* 0: none */
  int pidfd;    /* -1: none */
  int netns;    /* -1: none */
  int bypass;   /* a new socket to its rk-bypassd, for the caller to take; -1: none */
  int openerfd; /* pidfd of the child that opens a detached namespace, or has failed to; -1 */
  int64_t slow; /* rk_clock_ms(): before that no socket inside is looked for: one took too long */
};

enum chain_found { CHAIN_FOUND, CHAIN_NONE, CHAIN_ERROR };

/* Is there a chain in the state directory dir, whose absolute path is path? FOUND: it is held from
   now on. NONE: none yet, or none any more. ERROR: *why says why it cannot be served. It waits for
   answers, some seconds at most. */
enum chain_found chain_open(struct chain *chain, int dir, char const *path, struct rk_text *why);

/* Another socket to its rk-bypassd: an fd, or -1: now there is none. */
int chain_bypass(struct chain const *chain, int dir);

/* Hold it no longer. */
void chain_close(struct chain *chain);

/* Has the chain that is held ended? 1 or 0. */
int chain_ended(struct chain const *chain);

/* netns.c: open something that root inside may have made to keep us waiting: open(path, pid of the
   chain's program), in a child, for two seconds at most. *openerfd: chain.openerfd. The fd, or -1
   with open's errno or ETIMEDOUT. */
typedef int chain_open_fn(char const *path, pid_t pid);
int chain_open_inside(chain_open_fn *open, char const *path, int *openerfd, pid_t pid);

/* socket.c: the file of a unix socket inside, whose absolute path is path. O_PATH fd, or -1 with
   errno: ENOTSOCK, EPERM: it belongs to no id of the chain's; EOPNOTSUPP: it is on a file system
   that may keep connect(2) waiting; ETIMEDOUT, or those of openat2. */
int chain_socket(struct chain *chain, char const *path);

/* netns.c: the network namespace of the chain's program. An fd, or -1 with errno; EXDEV: it is of
   this or an outer user namespace, EPERM: of another than the chain's, ESRCH: the chain has ended,
   ETIMEDOUT: something inside keeps it from being opened. */
struct rk_chain;
int chain_netns(int dir, char const *path, int *openerfd, struct rk_chain const *found);

#endif
