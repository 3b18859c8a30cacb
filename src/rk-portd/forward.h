/* SPDX-License-Identifier: ISC
   A forwarder leads published ports to the chain, one port at a time. It knows neither the table of
   ports nor how the chain is found, and says what came of each call. */
#ifndef RK_PORTD_FORWARD_H
#define RK_PORTD_FORWARD_H

#include <sys/stat.h>

#include <rk/text.h>
#include "bind.h"
#include "bypass.h"
#include "chain.h"
#include "published.h"
#include "relay_process.h"

enum forwarded {
  FORWARD_LISTENING, /* done; the host's side is open */
  FORWARD_WAITING,   /* nothing is open yet, and nothing is wrong */
  FORWARD_REFUSED,   /* this port cannot be had, *why */
  FORWARD_LOST /* no port can be served now: *why; why empty: its end is on its way as SIGCHLD */
};

struct forwarder;
struct forward {
  struct forwarder const *ops;
  char const *path; /* the state directory, and an fd of it */
  int dir;
  struct chain *chain; /* the one to serve; NULL: none */
  struct bind bind;
  struct relay relay; /* relay */
  struct bypass bypass;
  int six;            /* relay: one that can do IPv6 is needed */
  int sockets;        /* relay: one that can connect to unix sockets is needed */
  int pace;           /* relay: ms between two looks at the counters */
  struct stat socket; /* slirp4netns, gvproxy: the API socket of the one that was asked */
  int diag;           /* implicit: a socket of sock_diag(7); -1 */
};

/* The operations; those that are NULL have nothing to do. */
struct forwarder {
  char const *name;
  char const *socket;  /* of the driver that is asked, in the state directory; NULL: none is */
  char const *waiting; /* why a port may wait though there is a chain; NULL: it does not */
  int half_closes;     /* the driver reads up to our end; gvproxy takes that for the end of all */
  int ours;            /* the host's sockets are rk-portd's own, the counters rk-relay's */
  int look_ms;         /* attach again so often, to see whether it is still so; 0: never */

  /* Can the file be served at all, be there a chain or not? LISTENING or REFUSED. */
  enum forwarded (*check)(struct published const *p, struct rk_text *why);
  /* Open the host's side. LISTENING, WAITING or REFUSED. */
  enum forwarded (*open)(struct forward *f, struct published *p, struct rk_text *why);
  /* Undo open, of a port that is not attached. */
  void (*close)(struct forward *f, struct published *p);

  /* p is open, and will be attached: note what it needs of up. */
  void (*prepare)(struct forward *f, struct published const *p);
  /* Get ready to attach ports. Called again without harm. LISTENING or LOST. */
  enum forwarded (*up)(struct forward *f, struct rk_text *why);
  /* The chain has ended, or its network driver is another: all that is attached is lost. */
  void (*down)(struct forward *f);
  /* Lead an open port to the chain. */
  enum forwarded (*attach)(struct forward *f, struct published *p, struct rk_text *why);
  /* Undo attach; if f->chain is NULL, by forgetting only. */
  void (*detach)(struct forward *f, struct published *p);

  /* The program under rk-bypass binds an attached port: p->bypass if it has its socket then. */
  void (*take)(struct forward *f, struct published *p, struct rk_bypass_say const *take);

  /* Give the counters that have changed to each; most: as many ports as there are. */
  void (*count)(struct forward *f, size_t most,
                void (*each)(void *ctx, struct rk_relay_stat const *stat), void *ctx);
  /* Somebody inside has perhaps made again what an attached port leads to: look. 1: something is to
     be told. */
  int (*aim)(struct forward *f, struct published *p);
  /* Is another network driver there than the one that was asked? 1 or 0. */
  int (*stale)(struct forward *f);
  /* A child has ended: LOST if it takes all that was attached along, *what is how; else
     LISTENING. */
  enum forwarded (*reaped)(struct forward *f, pid_t pid, int wstat, struct rk_text *what);
  /* rk-portd ends: cut the connections, or, gently, let them end. */
  void (*leave)(struct forward *f, int gently);
};
extern struct forwarder const forward_relay, forward_slirp, forward_pasta, forward_gvproxy,
  forward_pesto;

#endif
