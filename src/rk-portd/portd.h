/* SPDX-License-Identifier: ISC
   rk-portd's own files share this: the loop, the ports, the chain that is followed, and the three
   ways to forward. */
#ifndef RK_PORTD_H
#define RK_PORTD_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <sys/types.h>

#include <rk/portspec.h>
#include <rk/relay.h>

/* Longest name of a port: the status file's temporary name (".new-" before it) must fit
   NAME_MAX. */
enum { PORTD_NAME_MAX = 250 };

enum portd_state { PORTD_ERROR = 0, PORTD_WAITING, PORTD_LISTENING };

struct published {
  struct published *next;  /* in the table, oldest first */
  struct rk_portfile file; /* all zero if the file could not be read or parsed */
  struct timespec mtime;   /* of the file that the status is about */
  uint32_t id;             /* shown as id=, and the relay's number for it */
  enum portd_state state;
  unsigned int retry : 1;     /* in error for a reason that may pass */
  unsigned int dirty : 1;     /* the status file is behind */
  unsigned int forwarded : 1; /* the relay (or driver) has it */
  unsigned int borrowed : 1;  /* its one socket was given to rk-portd: never closed */
  unsigned int seen : 1;      /* by the scan under way */
  uint32_t nfds;
  int *fds;                  /* bound sockets, in the range's order; slirp4netns: its ids */
  char *error;               /* owned; null: none */
  struct rk_relay_stat stat; /* this relay's counters */
  struct rk_relay_stat sum;  /* those of relays before it */
  size_t namelen;
  char name[];
};

/* How ports are forwarded. open: make the port ready to be connected to; the state it then has, or
   -1 with err. close: undo open. up: a chain is there, forward what is not forwarded yet. down: it
   is gone. change: options but not the listening side have changed. tick: every now and then while
   a chain is there; returns ms to the next, -1: no need. */
struct forwarder {
  char const *name;
  char const *waiting; /* why a port may wait though there is a chain; null: it does not */
  int (*open)(struct published *p, char *err, size_t errsize);
  void (*close)(struct published *p);
  void (*change)(struct published *p);
  int (*up)(char *err, size_t errsize);
  void (*down)(void);
  int (*tick)(void);
};
extern struct forwarder const forward_relay, forward_slirp, forward_pasta;

struct portd {
  struct forwarder const *driver;
  char const *path; /* absolute, of the state directory */
  int dir;          /* the state directory */
  int portsdir;     /* DIR/ports, -1: there is none now */
  int statusdir;    /* DIR/ports.status, locked for life */
  struct published *ports;
  pid_t chain;       /* 0: none */
  int chainfd;       /* its pidfd, -1: none */
  int netns;         /* its network namespace, -1: none */
  int openerfd;      /* pidfd of the child that opens a detached one, or has failed to, -1: none */
  char trouble[256]; /* why the chain that is there cannot be served; "": it is */
};
extern struct portd portd;

/* rk-portd.c */
/* call ready() when fd is readable or hung up */
void portd_watch(int fd, void (*ready)(void));
void portd_unwatch(int fd);
void portd_after(int ms, void (*due)(void)); /* once; again: a new time; ms < 0: never */

/* dir.c: the state directory */
/* makes what is missing, locks, watches; dies if it cannot */
void portd_dir_open(char const *path);
/* read everything anew; what failed is tried again */
void portd_dir_scan(void);

/* table.c: the table */
struct published *portd_port_find(char const *name);
struct published *portd_port_id(uint32_t id);
void portd_port_load(char const *name);   /* the file was written, or may have been */
void portd_port_remove(char const *name); /* the file is gone */
void portd_port_sweep(void);              /* remove those not seen by this scan */
void portd_port_retry(void);              /* try again what may have become possible */
void portd_port_fail(struct published *p, char const *text, int retry);
void portd_port_close_all(void);

/* status.c: DIR/ports.status */
void portd_status_dirty(struct published *p); /* to be written before the loop sleeps */
void portd_status_all(void);                  /* every port's status has changed (chain) */
/* write so many of those that are behind; are there more? */
int portd_status_flush(unsigned int most);
void portd_status_remove(struct published *p);
/* how many files an rk-portd that was killed had left */
int portd_status_clear(void);

/* bind.c: sockets */
/* for so long a port in use is tried again: its holder is ending */
void portd_bind_patiently(int ms);
int portd_bind(struct published *p, char *err, size_t errsize); /* fills fds; 0 or -1 */
void portd_unbind(struct published *p);
/* what its first socket is bound to: 0; -1: it has none */
int portd_bound(struct published const *p, struct sockaddr_storage *sa);
/* a relay that died may have left the sockets shut */
void portd_listen_again(struct published *p);
/* where inside its first port leads */
void portd_target(struct published const *p, struct sockaddr_storage *sa);
char const *portd_errtext(int e); /* the peer's words for an errno */
/* "listen tcp 127.0.0.1:80" */
size_t portd_listen_text(struct published const *p, int64_t port, char *buf, size_t size);

/* listenfds.c: sockets that rk-portd was started with */
void listenfds_init(void);
int listenfds(char const *name); /* the fd, -1: no such name */

/* chain.c: the chain of the state directory */
/* something in DIR changed: is there a chain to serve? */
void portd_chain_check(void);
/* its network driver was started anew: forward everything again */
void portd_chain_reforward(void);
void portd_chain_failed(char const *text); /* serving it failed; tried again soon */

/* netns.c: the network namespace of the chain's program. An fd, or -1 with errno; EXDEV: it is of
   this or an outer user namespace, EPERM: of another than the chain's, ESRCH: the chain has ended,
   ETIMEDOUT: something inside keeps it from being opened. */
struct rk_chain;
int portd_netns_open(struct rk_chain const *chain);

/* forward_slirp.c */
/* there is an API socket, perhaps of another slirp4netns */
void portd_slirp_socket(void);

/* relay_process.c: the relay as a process. */
/* why clients' addresses cannot be kept (errno), 0: they can */
extern int portd_relay_srcip4, portd_relay_srcip6;
int portd_relay_start(char *err, size_t errsize); /* unless there is one. 0, or -1 with err */
void portd_relay_end(void);                       /* SIGKILL, and gone when this returns */
int portd_relay_there(void);
/* A port needs IPv6, which this relay's filter forbids: let it go, to finish its connections. 1: so
   it is, start another; 0: no need. */
int portd_relay_renew(void);
void portd_relay_go_on(void); /* continue it, if it was stopped */
/* Send, with fds, and wait for the one answer. -1 with errno: the relay is of no use any more, its
   end is on the way. */
int portd_relay_ask(void const *request, size_t len, int const *fds, size_t nfds, void *reply,
                    size_t replylen);
void portd_relay_replace(void);                     /* end it; portd_relay_reaped starts another */
int portd_relay_more(void *reply, size_t replylen); /* a further answer; -1 as above */
void portd_relay_reaped(pid_t pid, int wstat);      /* a child ended */
/* rk-portd ends: kill the relay, or let it finish its connections */
void portd_relay_leave(int gently);

/* forward_relay.c: the ports that it has. */
int portd_forward_six(void);  /* does one need IPv6 (rk/relay.h)? */
void portd_relay_lost(void);  /* it is gone: none */
void portd_relay_stats(void); /* ask for counters now */
struct rk_text;
/* what backends see of clients, for the status */
void portd_relay_srcip(struct published const *p, struct rk_text *t);

#endif
