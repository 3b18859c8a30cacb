/* SPDX-License-Identifier: ISC
   A published port: one file of DIR/ports, and what has become of it. */
#ifndef RK_PORTD_PUBLISHED_H
#define RK_PORTD_PUBLISHED_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/types.h>

#include <rk/portspec.h>
#include <rk/relay.h>

/* Longest name of a port: the status file's temporary name (".new-" before it) must fit
   NAME_MAX. */
enum { PORT_NAME_MAX = 250 };

/* The life of a port. port.txt has the whole table. */
enum port_state {
  PORT_CLOSED,    /* its file is known, nothing is open; only while that file is being handled */
  PORT_BAD,       /* its file cannot be used: a new one is awaited */
  PORT_REFUSED,   /* it cannot be had now, and is tried again */
  PORT_WAITING,   /* nothing of the host is taken before a chain is there that can serve it */
  PORT_LISTENING, /* the host's side is open here; nobody serves it yet: clients wait */
  PORT_LENT,      /* the network driver listens on the host, and leads to the chain */
  PORT_SERVED,    /* the host's side is open here, and leads to the chain */
  PORT_STATES
};
enum port_event {
  PORT_FILE_BAD, /* the file cannot be used */
  PORT_CLOSE,    /* what it has is given back, before it is opened anew */
  PORT_BOUND,    /* its sockets are bound here */
  PORT_ACCEPTED, /* it can be had; no socket of ours is needed */
  PORT_ATTACHED, /* it leads to the chain */
  PORT_DETACHED, /* it does so no longer, or not yet */
  PORT_REFUSE,   /* it cannot be had, for a reason that may pass */
  PORT_EVENTS
};
enum { PORT_NEVER = -1 };

/* The state after the event: an enum port_state, or PORT_NEVER if it cannot happen in this one. */
int port_next(enum port_state state, enum port_event event);

/* Does it lead to the chain? Is it open: bound, or accepted? */
int port_attached(enum port_state state);
int port_open(enum port_state state);

struct published {
  /* what a walk through thousands of them reads comes first */
  struct published *next; /* in the table, oldest first */
  size_t namelen;
  struct timespec mtime; /* of the file that the status is about */
  uint32_t id;           /* shown as id=, and the relay's number for it */
  enum port_state state;
  unsigned int dirty : 1;    /* the status file is not what it should be */
  unsigned int late : 1;     /* and could not be written */
  unsigned int unread : 1;   /* the port file could not be read yet; tried again */
  unsigned int borrowed : 1; /* its one socket was given to rk-portd: never closed */
  unsigned int seen : 1;     /* by the scan under way */
  unsigned int loopback : 1; /* the chain has not got the address: it leads to the loopback one */
  unsigned int bypass : 1;   /* the program has its socket (bypass.h) */
  unsigned int bypassed : 1; /* it had: who knows what it did with it */
  uint32_t nfds;
  int *fds;     /* bound sockets, in the range's order */
  int aimerror; /* childpath: why the relay has no file of it, errno; 0: it has this one: */
  dev_t aimdev;
  ino_t aimino;
  unsigned int ifindex; /* ifname=: the interface's when they were bound */
  int socketdir; /* of a unix socket that is bound: its directory (O_PATH), and what was made */
  dev_t socketdev;
  ino_t socketino;
  uint32_t nremote;
  unsigned int *remote;      /* slirp4netns' numbers for its ports */
  char *error;               /* owned; NULL: none */
  struct rk_relay_stat stat; /* this relay's counters */
  struct rk_relay_stat sum;  /* those of relays before it */
  char const *apart;         /* why the program was not given its socket; NULL: it was, or did
                                not bind it */
  struct rk_portfile file;   /* all zero if the file could not be read or parsed */
  char name[];
};

#endif
