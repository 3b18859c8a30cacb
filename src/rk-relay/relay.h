/* SPDX-License-Identifier: ISC
   What the files of rk-relay share. One process, one epoll, no lock: everything here runs between
   two epoll_waits. All that changes is in one struct relay, which is passed. */
#ifndef RELAY_H
#define RELAY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>

#include <rk/relay.h>

#include "listener_next.h"

struct client;  /* srcip.c */
struct session; /* udp.h */
struct sender;  /* udp_share.c */
struct conn;    /* tcp.c */
struct relay;

/* What epoll names: always the first member of what it belongs to. */
enum kind {
  KIND_CONTROL,
  KIND_CHAIN,
  KIND_LISTENER,
  KIND_SIDE,
  KIND_DGRAM,
  KIND_SESSION,
  KIND_NFT
};
struct source {
  int fd;
  uint8_t kind;
  uint8_t which; /* KIND_SIDE: 0 the client's, 1 the backend's; KIND_NFT: nft.c */
  uint16_t bits;
};

union address {
  struct sockaddr sa;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

/* An IPv4 address as ::ffff:a.b.c.d. */
static inline struct in6_addr mapped(union address const *a)
{
  struct in6_addr m = {{{[10] = 0xff, [11] = 0xff}}};

  if (a->sa.sa_family == AF_INET6)
    return a->v6.sin6_addr;
  memcpy(m.s6_addr + 12, &a->v4.sin_addr, sizeof a->v4.sin_addr);
  return m;
}

/* Of an address, for a table: take the upper bits. */
static inline uint32_t hash_of(struct in6_addr const *a)
{
  uint32_t w[4];

  memcpy(w, a, sizeof w);
  w[0] ^= w[1] * 0x9e3779b1U;
  w[0] ^= w[2] * 0x85ebca6bU;
  w[0] ^= w[3] * 0xc2b2ae35U;
  return w[0] * 0x9e3779b1U;
}

/* UDP sessions by last use. */
struct ages {
  struct session *oldest;
  struct session *newest;
};

/* One id of rk-portd's. */
struct port {
  struct port *next;
  struct target *targets;
  struct conn *conns;
  struct ages ages; /* UDP */
  uint32_t idle;
  uint32_t wait_s;
  uint8_t wait; /* enum rk_relay_wait */
  uint8_t proto;
  uint8_t srcip;
  uint8_t refuse;
  uint8_t changed;       /* its counters have, since they were last told */
  unsigned int paused;   /* listeners in that state */
  unsigned int refusing; /* likewise */
  unsigned int waiting;  /* likewise */
  uint8_t stray;         /* RK_RELAY_STRAY */
  struct rk_relay_stat stat;
};

/* One message of rk-portd's: where a run of sockets leads to. */
struct target {
  struct target *next;
  struct port *port;
  struct listener *listeners;
  union address dest; /* with the first one's port */
  uint16_t n;         /* sockets */
  int file;           /* AF_UNIX: the socket's file (O_PATH), -1: none yet */
  int ready;          /* AF_UNIX: connected already, for the next client; -1: none */
  uint8_t routed;     /* the destination is no address of this namespace */
  uint8_t ruled;      /* a rule for the answers' source port is set */
  uint8_t loopback;   /* dest is that, instead of an address that the chain has not got */
};

struct listener {
  struct source src;
  uint16_t port;   /* destination, host byte order */
  uint16_t batch;  /* UDP: datagrams to ask for at once */
  uint8_t state;   /* enum listener_state; only listener.c changes it */
  uint8_t suspect; /* its backend may have stopped listening */
  uint64_t until;  /* its clients wait for the backend so long; 0: they did not have to */
  struct target *target;
  struct listener *next;         /* of the target */
  struct listener *queued;       /* the next one in the queue of its state */
  struct listener *next_suspect; /* of those that are */
};
struct listener_queue {
  struct listener *first;
  struct listener **last;
};

/* slab.c: equal-sized objects, zeroed, never given back to the kernel. A zeroed slab is empty. */
struct slab {
  void *free;
  char *next;
  char *end;
};
void *slab_get(struct slab *s, size_t size); /* the same size each time; NULL with errno ENOMEM */
void slab_put(struct slab *s, void *object);

/* pipes.c: pipes of up to 1 MiB, lent only while bytes are in them. */
enum { PIPES = 32 };
struct pool {
  struct {
    int rd;
    int wr;
    size_t size; /* 0: there is none of this number */
  } pipe[PIPES];
  int8_t idle[PIPES]; /* numbers of those that are not lent, the last one is lent first */
  int nidle;
  int made;
  unsigned int holdoff; /* so often none is asked of the kernel, which has just given none */
};
int pool_ready(struct pool *pool);              /* is there one to lend? */
int pool_get(struct pool *pool);                /* its number; -1: none */
void pool_put(struct pool *pool, int number);   /* an empty one */
void pool_break(struct pool *pool, int number); /* one that still holds bytes */

/* timer.c: periodic timers, each armed only while somebody needs it: an idle relay never wakes. The
   table of what they do is in rk-relay.c. */
enum timer { TIMER_RESUME, TIMER_REFUSE, TIMER_SECOND, TIMERS };
struct timer_kind {
  unsigned int period;             /* ms */
  int (*run)(struct relay *relay); /* 0: it is not needed any more */
};
uint64_t clock_now(void); /* ms, CLOCK_MONOTONIC_COARSE: as precise as a tick, and cheaper */
void timer_arm(struct relay *r, enum timer which);
int timer_wait(struct relay const *r); /* milliseconds for epoll_wait, -1: for ever */
void timer_run(struct relay *r);

/* udp.c: what one call receives. */
enum { DATAGRAMS = 64, DATAGRAM_SLOT = 1 << 16, DATAGRAM_CONTROL = 128 };
struct datagrams {
  char slot[DATAGRAMS][DATAGRAM_SLOT] __attribute__((aligned(4096)));
  char control[DATAGRAMS][DATAGRAM_CONTROL] __attribute__((aligned(16)));
  union address name[DATAGRAMS];
  struct iovec vector[DATAGRAMS];
  struct mmsghdr message[DATAGRAMS];
};

enum {
  SESSION_BUCKETS = 4096,
  SENDER_BUCKETS = 1024,
  CLIENT_BUCKETS = 1024,
  RULE_SECTIONS = 128, /* route.c */
  TCP_BUFFER = 1 << 15
};

/* The state of the relay, by the files that change it. Zeroed at the start, but for fds. */
struct relay {
  int epoll;
  uint64_t now; /* clock_now() as of the last epoll_wait */
  int six;      /* destinations of IPv6 may be served (rk/relay.h) */
  int sockets;  /* unix sockets may */
  int alarm;    /* eventfd of rk-portd's, -1: none */
  int deaf;     /* waits that have failed in a row */
  int draining; /* rk-portd is gone: leave with the last connection */
  struct source chain;

  struct timer_kind const *timers; /* [TIMERS] */
  uint64_t due[TIMERS];            /* 0: not armed */

  /* Set by those below, settled by listener_settle() when the batch of events is over. */
  unsigned int freed;        /* fds have become free */
  struct listener *suspects; /* listeners whose backend has refused */

  struct {
    struct source src;
    union {
      struct rk_relay_head head;
      struct rk_relay_say say;
      struct rk_relay_stats stats;
    } reply;
    size_t pending; /* bytes of it to send */
    int more;       /* STATS: some are left */
  } control;

  struct {
    struct slab ports;
    struct slab targets;
    struct slab listeners;
    struct port *first;
    struct port *last;
    struct port *told; /* STATS: the next one to tell of */
  } table;

  struct {
    int spare[2];  /* sockets for backends, v4 and v6; -1: none */
    uint64_t said; /* when the last warning was given; 0: never */
  } accept;

  struct {
    struct listener_queue paused; /* longest first */
    struct listener_queue absent; /* refusing or waiting */
    uint64_t patient_until;
    int diag;     /* rk_diag */
    int works[2]; /* TCP, UDP: can this kernel say who listens? */
  } listeners;

  struct {
    struct slab conns;
    struct conn *ready;
    struct conn *dead;
    unsigned long n; /* in all ports */
    struct pool pool;
    char buffer[TCP_BUFFER];
  } tcp;

  struct {
    struct slab sessions;
    struct session *buckets[SESSION_BUCKETS];
    struct session *dead;
    unsigned int n;
    int dirty;     /* the slots for datagrams hold pages */
    int was_dirty; /* ... did, a second ago */
  } udp;

  struct {
    struct slab senders;
    struct sender *buckets[SENDER_BUCKETS];
    struct ages all;
    unsigned int n;    /* sessions */
    unsigned int most; /* at most */
    unsigned int kept; /* so many are left alone when TCP needs more */
  } share;

  struct {
    struct slab slab;
    struct client *buckets[CLIENT_BUCKETS];
    struct client *oldest; /* of those nobody uses */
    struct client *newest;
    unsigned int n;
    union address gateway[2]; /* v4, v6 */
    union address resolver[2];
    int error[2];
    int marks_work;
  } clients;

  struct {
    struct source events;
    struct source list;
    int command;
    int legacy[2];
    uint32_t mark;
    int active;
    int said;
    int listing;        /* a list is being read */
    int changed;        /* ... and has changed meanwhile */
    int again;          /* at the next tick: read the list */
    int wanted;         /* at the next tick: install */
    uint64_t installed; /* when, 0: never */
  } nft;

  struct {
    int rtnl;
    uint32_t device;
    uint32_t metric;
    unsigned int sessions[2][RULE_SECTIONS]; /* v4, v6: rules in each section */
  } route;

  struct datagrams datagrams;
};

/* The counters of a port have changed. */
static inline void port_touch(struct port *p)
{
  p->changed = 1;
}

/* watch.c: the epoll. Zero events: errors and hang-ups only. */
int relay_watch(struct relay *r, struct source *src, uint32_t events); /* EPOLL_CTL_ADD */
void relay_rewatch(struct relay *r, struct source *src, uint32_t events);
/* needed before each close: rk-portd holds the same open file, so closing ours removes nothing */
void relay_unwatch(struct relay *r, struct source *src);

/* sandbox.c: become a process of the namespace that nothing there can touch. 0, or -1 with errno
   and what failed. */
int relay_join(char const **what);
int relay_sandbox(int six, int sockets, char const **what);
/* seccomp.c. six: addresses of IPv6 may be connected to and bound, too; sockets: unix sockets may
   be made. 0, or -1 with errno. */
int seccomp_install(int six, int sockets);

/* unix.c. A socket that is connected to the target, AF_UNIX: its fd, or -1 with errno; EAGAIN: the
   backend's queue is full. */
int unix_connect(struct target *t);
void unix_aim(struct target *t, int file); /* owns file */
void unix_close(struct target *t);
void unix_ask(struct relay const *r); /* let rk-portd look for the files again */

/* control.c */
void control_start(struct relay *r);
void control_event(struct relay *r, uint32_t events);

/* port.c */
/* 0, or -1 with errno; owns the fds either way */
int port_add(struct relay *r, struct rk_relay_add const *add, int const *fds, size_t n);
/* did what was added last to this port get the loopback address (rk_relay_add, host)? */
int port_on_loopback(struct relay const *r, uint32_t id);
int port_del(struct relay *r, uint32_t id);
int port_aim(struct relay *r, uint32_t id, int file); /* owns file either way */
void port_close_listeners(struct relay *r);           /* all: rk-portd is gone */
size_t port_stats(struct relay *r, struct rk_relay_stat *stat, size_t max, int *more);
int port_tick(struct relay *r); /* every second; 0: it is not needed any more */

/* accept.c */
void accept_start(struct relay *r);
void accept_event(struct relay *r, struct listener *l, uint32_t events);

/* listener.c: whether a listener takes clients. */
int listener_start(struct relay *r); /* before the filter. 0, or -1 with errno */
/* So many ms from now on, clients of a backend that does not listen yet wait for it. */
void listener_patience(struct relay *r, uint32_t ms);
int listener_can_ask(struct relay const *r, uint8_t proto); /* can this kernel say who listens? */
void listener_begin(struct relay *r, struct listener *l);   /* a new one, watched already */
void listener_pause(struct relay *r, struct listener *l);   /* there is no fd or no memory */
void listener_close(struct relay *r, struct listener *l);
/* May a client be taken now? 0: it waits for the backend, and so does the listener from now on. */
int listener_takes(struct relay *r, struct listener *l);
/* Its backend does not listen. 1: clients are refused now; 0: they wait, as listener_takes. */
int listener_absent(struct relay *r, struct listener *l);
/* Its backend may have stopped listening: to be asked when the batch is over. */
void listener_suspect(struct relay *r, struct listener *l);
void listener_settle(struct relay *r); /* the batch is over */
int listener_resume(struct relay *r);  /* timer: all that are paused; 0 */
int listener_poll(struct relay *r);    /* timer: ask again; 0: none is left to ask for */
/* Its backend's address and port; *len: what connect(2) wants. */
union address listener_backend(struct listener const *l, socklen_t *len);

/* tcp.c */
struct conn *tcp_new(struct relay *r);
void tcp_free(struct relay *r, struct conn *c); /* one that never began */
/* 0, or -1 with errno: then the fds are still the caller's */
int tcp_begin(struct relay *r, struct conn *c, struct listener *from, int const fds[2],
              struct client *client);
void tcp_event(struct relay *r, struct source *side, uint32_t events);
void tcp_reset_all(struct relay *r, struct port *p);
int tcp_ready(struct relay *r);      /* run those whose budget was used up; 1: some are left */
void tcp_free_dead(struct relay *r); /* free what ended in this batch of events */

/* udp.c */
void udp_prepare(int fd);
void udp_event(struct relay *r, struct listener *l, uint32_t events);
void udp_session_event(struct relay *r, struct source *session);
void udp_end_all(struct relay *r, struct port *p);
/* A session ends, for TCP needs its file descriptor: 1; 0: UDP has few enough. */
int udp_give_way(struct relay *r);
void udp_free_dead(struct relay *r);
int udp_tick(struct relay *r, struct port *first); /* every second; 0: it is not needed any more */
void share_start(struct relay *r);                 /* udp_share.c; before the filter */

/* srcip.c: what a backend sees of a client. */
void srcip_start(struct relay *r, struct rk_relay_start const *start, struct rk_relay_say *say);
/* add 0: it is going away. 0, or -1 with errno: what failed may pass. */
int srcip_target(struct relay *r, struct target *t, int add);
/* Make an unbound socket for the backend look like the client (whose address loses a v4-mapped
   form). ephemeral: with another port. *ref: to be dropped with the socket, set even on error.
   *kept: it has the client's own address. 0, or -1 with errno. */
int srcip_bind(struct relay *r, struct target const *t, int fd, union address *client,
               int ephemeral, struct client **ref, int *kept);
void client_drop(struct relay *r, struct client *client);
/* UDP: what is sent to the client that is shown, from the target's port, is an answer for the
   relay. 0, or -1 with errno. */
int srcip_answers(struct relay *r, int add, struct target const *t, uint16_t port,
                  union address const *shown);
int srcip_tick(struct relay *r); /* every second; 0: it is not needed any more */

/* nft.c: answers from behind DNAT. */
void nft_start(struct relay *r, uint32_t mark);
void nft_event(struct relay *r, struct source const *src);
int nft_tick(struct relay *r); /* every second; 0: it is not needed any more */
/* is there DNAT in this namespace? Then marks are kept across it. */
int nft_active(struct relay *r);

/* route.c. 0, or -1 with errno. */
int route_start(struct relay *r, char const *ifname);
/* Where what this namespace sends to an address goes: nowhere, to itself, out by the interface to
   the outside (or by a default route), or by another interface or to several: then it is none that
   a client from outside can have. */
enum route_kind { ROUTE_NONE, ROUTE_LOCAL, ROUTE_OUTSIDE, ROUTE_ELSEWHERE };
enum route_kind route_kind(struct relay const *r, union address const *a);
int route_client(struct relay const *r, int type, uint32_t table, union address const *client,
                 union address const *src);
int route_mark_rule(struct relay const *r, int family, uint32_t table, uint32_t mark);
/* Ports in host order. */
struct ports {
  uint16_t from;
  uint16_t to;
};
/* Answers of a backend; by_src: only those with its address as their source. TCP: */
int route_port_rule(struct relay const *r, int add, uint32_t table, union address const *src,
                    int by_src, struct ports ports);
/* UDP: answers may come from these ports. */
int route_answer_port(struct relay const *r, int add, union address const *src, int by_src,
                      struct ports ports);
/* One UDP session's answers: from the backend's port (by_src: and address) to this client and its
   port, and nothing else. */
struct answers {
  uint32_t table;
  uint16_t port;
  uint8_t by_src;
  union address const *backend;
  union address const *client;
};
int route_answer(struct relay *r, int add, struct answers const *a);

#endif
