/* SPDX-License-Identifier: ISC
   Which process is the program of a chain? The chain's rk-outside knows, and is asked at the socket
   .child of the state directory.

   Root inside can write that directory, and has the user's own id to the kernel: it can put another
   socket there and answer itself. So the answer counts only if the process that gives it, told by
   SCM_CREDENTIALS (unix(7)) and held by a pidfd, is the directory's owner's and is in a user
   namespace above that of the process it names. Whoever is that, and is the owner of the chain's
   user namespace, has every capability in it anyway (user_namespaces(7)). Root inside can name its
   own processes and those of namespaces that it made; it is above no other. */
#ifndef RK_CHAIN_H
#define RK_CHAIN_H

#include <sys/stat.h>
#include <sys/types.h>

#include <rk/text.h>

struct rk_chain {
  int pidfd;         /* the program's process; close-on-exec, the caller's */
  pid_t pid;         /* its number here */
  struct stat outer; /* the user namespace rk-outside is in */
  int userns;        /* the chain's own, a child of it, in which (or below which) the program is;
                        close-on-exec, the caller's */
  int ruleset;       /* rk_chain_enter: the Landlock ruleset that rk-confine put the program under,
                        -1: none; close-on-exec, the caller's */
  int bypass;        /* rk_chain_enter, rk_chain_bypass: a new socket to its rk-bypassd
                        (rk/bypass.h), -1: none, or outer is not our own user namespace;
                        close-on-exec, the caller's */
};

/* Ask, for ms milliseconds at most. 0, or -1 with the reason in *why, and errno: ECONNREFUSED:
   nobody listens there; EAGAIN: the chain is not ready yet; ETIMEDOUT; EPERM: the answer is not to
   be believed; else what failed. */
int rk_chain_find(int dirfd, int ms, struct rk_chain *chain, struct rk_text *why);

/* The same for somebody who will execute a program in the chain: with chain->ruleset and
   chain->bypass. */
int rk_chain_enter(int dirfd, int ms, struct rk_chain *chain, struct rk_text *why);

/* The same for who publishes ports: with chain->bypass. */
int rk_chain_bypass(int dirfd, int ms, struct rk_chain *chain, struct rk_text *why);

/* Is the user namespace that owns the namespace nsfd the chain's, or one below it? 1 or 0, or -1
   with errno (ENOTTY: it is no namespace). */
int rk_chain_owns(struct rk_chain const *chain, int nsfd);

/* Why the directory cannot be this user's state directory, or null: it is another user's, or others
   can write to it. */
char const *rk_chain_foreign(int dirfd);

/* What to do then (T7 of rk-host-settings(7)). */
#define RK_CHAIN_OWN \
  "name a directory that belongs to the user who runs this, and take the others' right to write " \
  "away: chmod go-w DIRECTORY"

#endif
