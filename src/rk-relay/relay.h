/* SPDX-License-Identifier: ISC
   rk-relay's own rooms. One process, one epoll, no lock: everything here runs between two
   epoll_waits. */
#ifndef RELAY_H
#define RELAY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <rk/relay.h>

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
  uint8_t which; /* KIND_SIDE: 0 the client's, 1 the backend's */
  uint16_t bits;
};

union address {
  struct sockaddr sa;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
};

struct client;  /* srcip.c */
struct session; /* udp.c */
struct conn;

/* UDP sessions by last use. */
struct ages {
  struct session *oldest, *newest;
};

/* One id of rk-portd's. */
struct port {
  struct port *next;
  struct target *targets;
  struct conn *conns;
  struct ages ages; /* UDP */
  uint32_t idle;
  uint8_t proto, srcip, refuse, changed;
  unsigned int paused, refusing; /* listeners in that state */
  struct rk_relay_stat stat;
};

/* One message of rk-portd's: where a run of sockets leads to. */
struct target {
  struct target *next;
  struct port *port;
  struct listener *listeners;
  union address dest; /* with the first one's port */
  uint16_t n;         /* sockets */
  uint8_t routed;     /* the destination is no address of this namespace */
  uint8_t ruled;      /* a rule for the answers' source port is set */
};

enum {
  LISTENER_PAUSED = 1,
  LISTENER_REFUSING = 2,
  LISTENER_WAITING = 4 /* for its backend, refuse.c */
};
struct listener {
  struct source src;
  uint16_t port;  /* destination, host byte order */
  uint16_t batch; /* UDP: datagrams to ask for at once */
  uint32_t unused;
  struct target *target;
  struct listener *next;  /* of the target */
  struct listener *queue; /* paused or refusing ones */
};

/* slab.c: equal-sized objects, zeroed, never given back to the kernel. */
struct slab {
  size_t size;
  void *free;
  char *next, *end;
};
void *slab_get(struct slab *s); /* 0 with errno ENOMEM */
void slab_put(struct slab *s, void *object);

/* pipes.c: pipes of up to 1 MiB, lent only while bytes are in them. */
int pool_ready(void);        /* is there one to lend? */
int pool_get(void);          /* its number; -1: none */
void pool_put(int number);   /* an empty one */
void pool_break(int number); /* one that still holds bytes */
int pool_reader(int number);
int pool_writer(int number);
size_t pool_size(int number);

/* timer.c */
enum timer { TIMER_RESUME, TIMER_REFUSE, TIMER_SECOND, TIMERS };
/* milliseconds, CLOCK_MONOTONIC_COARSE, as of the last epoll_wait */
extern uint64_t relay_now_ms;
void timer_arm(enum timer which);
int timer_wait(void);    /* milliseconds for epoll_wait, -1: for ever */
void clock_update(void); /* set relay_now_ms */
void timer_run(void);

/* rk-relay.c */
extern int relay_epoll;
int relay_watch(struct source *src, uint32_t events); /* EPOLL_CTL_ADD */
void relay_rewatch(struct source *src, uint32_t events);
/* needed before each close: rk-portd holds the same open file, so closing ours removes nothing */
void relay_unwatch(struct source *src);
void relay_say(char const *text, char const *why); /* one warning */
void relay_leave_when_idle(void);
extern unsigned long relay_conns; /* TCP connections in all ports */
extern int relay_draining;
/* destinations of IPv6 may be served (rk/relay.h) */
extern int relay_six;

/* sandbox.c: become a process of the namespace that nothing there can touch. 0, or -1 with errno
   and what failed. */
int relay_join(char const **what);
int relay_sandbox(int six, char const **what);
/* seccomp.c. six: addresses of IPv6 may be connected to and bound, too. 0, or -1 with errno. */
int seccomp_install(int six);

/* control.c */
void control_start(void);
void control_event(uint32_t events);

/* port.c */
struct port *port_find(uint32_t id);
/* 0, or -1 with errno; owns the fds either way */
int port_add(struct rk_relay_add const *add, int const *fds, size_t n);
int port_del(uint32_t id);
void port_close_listeners(void); /* all: rk-portd is gone */
size_t port_stats(struct rk_relay_stat *stat, size_t max, int *more);
int port_tick(void);             /* timer */
void port_touch(struct port *p); /* its counters have changed */

/* accept.c */
void accept_event(struct listener *l, uint32_t events);
void accept_forget(struct listener *l); /* it is going away */
int accept_resume(void);                /* timer; 1: still somebody waiting */
void accept_resume_one(void);           /* an fd has become free */

/* tcp.c */
struct conn *tcp_new(void);
void tcp_free(struct conn *c); /* one that never began */
int tcp_begin(struct conn *c, struct listener *from, int clientfd, int backendfd,
              struct client *client);
void tcp_event(struct source *side, uint32_t events);
void tcp_reset_all(struct port *p);
int tcp_ready(void);      /* run those whose budget was used up; 1: some are left */
void tcp_free_dead(void); /* free what ended in this batch of events */

/* udp.c */
void udp_prepare(struct listener *l);
void udp_event(struct listener *l, uint32_t events);
void udp_session_event(struct source *session);
void udp_end_all(struct port *p);
/* A session ends, for TCP needs its file descriptor: 1; 0: UDP has few enough. */
int udp_give_way(void);
void share_start(void); /* udp_share.c; before the filter */
void udp_free_dead(void);
int udp_tick(struct port *first); /* timer */

/* srcip.c: what a backend sees of a client. */
void srcip_start(struct rk_relay_start const *start, struct rk_relay_say *say);
void srcip_target(struct target *t, int add); /* 0: it is going away */
/* Make an unbound socket for the backend look like the client (whose address loses a v4-mapped
   form). ephemeral: with another port. *ref: to be dropped with the socket, set even on error.
   *kept: it has the client's own address. 0, or -1 with errno. */
int srcip_bind(struct target const *t, int fd, union address *client, int ephemeral,
               struct client **ref, int *kept);
void client_drop(struct client *client);
/* UDP: what is sent to the client that is shown, from the target's port, is an answer for the
   relay. 0, or -1 with errno. */
int srcip_answers(int add, struct target const *t, uint16_t port, union address const *shown);
int srcip_tick(void);

/* nft.c: answers from behind DNAT. */
void nft_start(uint32_t mark);
void nft_event(struct source const *src);
int nft_tick(void); /* timer */
/* is there DNAT in this namespace? Then marks are kept across it. */
int nft_active(void);

/* route.c */
int route_start(char const *ifname);
/* Where what this namespace sends to an address goes: nowhere, to itself, out by the interface to
   the outside (or by a default route), or by another interface or to several: then it is none that
   a client from outside can have. */
enum route_kind { ROUTE_NONE, ROUTE_LOCAL, ROUTE_OUTSIDE, ROUTE_ELSEWHERE };
enum route_kind route_kind(union address const *a);
int route_is_local(union address const *a);
int route_client(int type, uint32_t table, union address const *client, union address const *src);
int route_mark_rule(int family, uint32_t table, uint32_t mark);
/* Ports in host order. by_src: the packet's source must be src. 0, or -1 with errno. */
int route_port_rule(int add, uint32_t table, union address const *src, int by_src, uint16_t from,
                    uint16_t to); /* TCP */
/* UDP: answers may come from these ports. */
int route_answer_port(int add, union address const *src, int by_src, uint16_t from, uint16_t to);
/* One UDP session's answers: from the backend's port (by_src: and address) to this client and its
   port, and nothing else. */
int route_answer(int add, uint32_t table, union address const *backend, int by_src, uint16_t port,
                 union address const *client);

/* refuse.c: refuse=backend, and the patience of a chain's start. */
void refuse_patience(uint32_t ms); /* from now on */
/* a new one: if its backend does not listen yet, its clients wait */
void refuse_wait(struct listener *l);
int refuse_start(void);                /* before the filter */
int refuse_works(uint8_t proto);       /* can this kernel say who listens? */
void refuse_check(struct listener *l); /* its backend may have stopped listening */
void refuse_forget(struct listener *l);
int refuse_poll(void); /* timer */

#endif
