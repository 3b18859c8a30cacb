/* SPDX-License-Identifier: ISC
   rk-portd's policy: what follows from a change of the state directory, the chain, a port file, a
   child or a signal. The files below it know nothing of one another's affairs. */
#ifndef RK_PORTD_H
#define RK_PORTD_H

#include <sys/types.h>

#include <rk/backoff.h>
#include <rk/loop.h>
#include <rk/prog.h>
#include "addresses.h"
#include "dir.h"
#include "forward.h"
#include "links.h"
#include "table.h"

enum { PORTD_TEXT_MAX = 256 };

struct portd {
  struct rk_loop loop;
  struct dir dir;
  struct table table;
  struct chain chain;
  struct forward forward;
  struct rk_watch chainwatch;
  struct rk_watch bypasswatch; /* of forward.bypass.fd */
  struct links links;
  struct rk_watch alarm;        /* the relay's: a unix socket inside may be another */
  struct rk_timer aim;          /* they are looked for once in a while only */
  struct rk_portdefault usual;  /* ports/.default, read before the ports */
  struct addresses addresses;   /* of the host */
  char prog[RK_PROG_MAX];       /* its name in messages */
  char trouble[PORTD_TEXT_MAX]; /* why the chain that is there cannot be served; "": it is */
  unsigned int losses;          /* the relay's, as far as they have been dealt with */
  unsigned int bereft : 1;      /* the relay ended, that was said, and no other runs yet */
  unsigned int dirty : 1;       /* some status file is not what it should be */
  unsigned int unfollowed : 1;  /* ports could not be followed or read, and that was said */

  struct rk_timer chain_again;  /* serving it failed */
  struct rk_timer relay_again;  /* the relay ended */
  struct rk_timer ports_again;  /* some port was refused, or its file not read */
  struct rk_timer scan_again;   /* ports could not be followed or read */
  struct rk_timer status_again; /* a status could not be written or removed */
  struct rk_timer bypass_again; /* the connection to rk-bypassd was closed */
  struct rk_timer look;         /* counters, or whether ports are still attached */
  struct rk_timer status_gone;  /* ports.status was removed */
  struct rk_timer socket;       /* slirp4netns has made its socket */
  struct rk_backoff chain_wait, relay_wait, ports_wait, scan_wait, status_wait, bypass_wait;
};

/* With portd->forward.ops and .bind.given set, the rest zero: take up the state directory, all its
   ports, and its chain. Every file has been tried, and every status written, when it returns; dies
   if ports cannot be followed. */
void portd_start(struct portd *portd, char const *path);

/* Read everything anew; what failed is tried again (SIGHUP). */
void portd_rescan(struct portd *portd);

/* Bring the counters up to date (SIGUSR1). */
void portd_count(struct portd *portd);

/* Children have changed their state (SIGCHLD). */
void portd_children(struct portd *portd);

/* End, gently or not. */
void portd_leave(struct portd *portd, int gently) __attribute__((noreturn));

/* Write at most so many of the status files that are not what they should be: 1 if there are more
   to be written now, else 0. To be called before the loop sleeps. */
int portd_flush(struct portd *portd, unsigned int most);

#endif
