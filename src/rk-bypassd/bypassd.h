/* SPDX-License-Identifier: ISC
   What the parts of rk-bypassd share. One process, no threads; nothing here is kept between two
   lives but the page (rk/bypass.h). calls.c decides; task.c, ports.c, options.c and holder.c are
   below it and know nothing of one another. */
#ifndef BYPASSD_H
#define BYPASSD_H

#include <stdint.h>
#include <netinet/in.h>
#include <sys/types.h>

#include <rk/bypass.h>

#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

/* An address of a call, copied once: the program may change its memory at any time. */
struct address {
  union {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } u;
  socklen_t len;
};

enum work_state {
  WORK_NONE,       /* it is being handled, or there is none */
  WORK_CONNECTING, /* a blocking connect: its socket becomes writable */
  WORK_WAITING,    /* a bind, until rk-portd has said what is published */
  WORK_ASKED       /* a bind: rk-portd is to give a socket */
};

/* What is known of the call of a slot. */
struct work {
  enum work_state state;
  int fd;    /* the program's socket; -1 */
  int pidfd; /* of the task; -1 */
  unsigned int port;
  int64_t until; /* rk_clock_ms(), 0: for ever */
  struct address address;
};

/* A port that is published. */
struct offer {
  int used;
  unsigned int client;
  uint32_t id;
  struct rk_relay_dest dest;
  int socket; /* that the program has; -1: it has none */
  int holder; /* pidfd of a process that has it; -1 */
};

struct client {
  int fd;    /* -1: none */
  int ready; /* boolean: it has offered all */
};

/* A network namespace that sockets of the chain were made in. */
struct netns {
  uint64_t cookie;
  int inner; /* boolean: it is owned by the chain's user namespace or one below */
  dev_t dev; /* of that owner */
  ino_t ino;
};

enum {
  CLIENTS = 8,
  NOBODY =
    CLIENTS, /* the client of what a lost one has offered, while the program has its socket */
  OFFERS = 256,
  NETNS = 16
};

struct bypassd {
  int epoll;
  int proc;  /* /proc */
  int state; /* the state directory */
  dev_t dev; /* the user namespace of the chain's program */
  ino_t ino;
  uint64_t cookie; /* of our network namespace */
  struct rk_bypass_page *page;
  unsigned int waiting; /* works with a time limit, at most */
  int full;             /* boolean: no slot is free, and no call is received */
  int impatient;        /* boolean: rk-portd did not come in time */
  unsigned int oldest;  /* of netns, to be forgotten next */
  struct work work[RK_BYPASS_SLOTS];
  int listener[1 + RK_BYPASS_MORE]; /* -1: none */
  struct client client[CLIENTS + 1];
  struct offer offer[OFFERS];
  struct netns netns[NETNS];
};

/* Of an event of epoll. */
enum event_kind { EVENT_CALL, EVENT_HUB, EVENT_CHAIN, EVENT_CLIENT, EVENT_CONNECTED, EVENT_HOLDER };

/* event.c. Wait for events (EPOLLIN, ...) of fd. 0, or -1 with errno. */
int event_add(struct bypassd *b, enum event_kind kind, unsigned int index, int fd, uint32_t events);

/* calls.c */
void calls_receive(struct bypassd *b, unsigned int listener);
void calls_unused(struct bypassd *b, unsigned int listener); /* it has no filter any more */
int calls_listen(struct bypassd *b, unsigned int listener);  /* receive its calls: 0, or -1 */
void calls_redo(struct bypassd *b); /* at the start: those of a predecessor */
void calls_connected(struct bypassd *b, unsigned int at);
void calls_client(struct bypassd *b, unsigned int index); /* a client says something */
int calls_wait_ms(struct bypassd const *b);               /* until a limit is over; -1 */
void calls_limits(struct bypassd *b);                     /* which are over */

/* Before such an fd is closed that others have open, too: epoll(7) goes on to tell of it else. */
void event_remove(struct bypassd *b, int fd);

/* ioctl(2) of the listener: the libraries disagree about the type of a request. */
int notify(int listener, unsigned long request, void *argument);

/* task.c: the task that made a call. Each returns -1 with errno if it is gone or hides. */
int task_open(struct bypassd const *b, uint32_t tid); /* a pidfd of it */
int task_fd(int pidfd, uint64_t number);              /* a duplicate of its fd */
int task_address(struct seccomp_notif const *call, struct address *address);
int task_may_bind(struct bypassd const *b, uint32_t tid, struct netns const *netns);
int task_cloexec(struct bypassd const *b, uint32_t tid, uint64_t number); /* 1 or 0 */
int task_process(struct bypassd const *b, uint32_t tid); /* a pidfd of its process */
int task_is_listener(struct bypassd const *b, int fd);   /* is our own fd a seccomp filter's? */

/* socket.c: is fd a TCP socket (or MPTCP, which a server takes in its place)? Its namespace, NULL:
   unknown. What is set on one socket is set on another, too. */
int socket_is_stream(int fd);
int socket_option(int fd, int level, int name); /* 0 if it cannot be read */
uint64_t socket_cookie(int fd, int name);
struct netns const *socket_netns(struct bypassd *b, int fd);
int socket_is_hosts(struct bypassd const *b, int fd);     /* of TCP, in our own network namespace */
int userns_is_inner(struct bypassd const *b, int userns); /* the chain's or below it; closes it */
void socket_copy(int from, int to);
/* A socket of the host, of the kind of fd, non-blocking, that connects to the listener of ours. A
   new fd, with *error 0 or EINPROGRESS, or -1 with errno; EAFNOSUPPORT: none of that kind does. */
int socket_to_listener(struct bypassd const *b, int fd, int listener, int *error);

/* holder.c: a process of the chain that has the socket. A new pidfd, or -1: nobody has it. */
int holder_find(struct bypassd const *b, int socket);

/* ports.c: what is published. */
void ports_hub(struct bypassd *b);
enum ports_news {
  PORTS_NOTHING,
  PORTS_READY,  /* rk-portd has offered all */
  PORTS_GIVEN,  /* the answer to ports_ask: say, offer, fd */
  PORTS_LISTEN, /* fd is a listener */
  PORTS_LOST    /* the client is gone */
};
struct ports_heard {
  struct rk_bypass_say say;
  struct offer *offer;
  int fd; /* the caller's; -1: none */
};
enum ports_news ports_client(struct bypassd *b, unsigned int index, struct ports_heard *heard);
void ports_holder_ended(struct bypassd *b, unsigned int index);
int ports_expected(struct bypassd const *b); /* boolean: rk-portd runs, and has not said it all */
struct offer *ports_bound(struct bypassd *b, struct address const *address, int family, int v6only);
/* The one that has this port inside, and whose socket the program has. */
struct offer *ports_reached(struct bypassd *b, struct address const *address);
int ports_ask(struct bypassd *b, struct offer const *offer, struct rk_bypass_say *say);
void ports_taken(struct bypassd *b, struct offer *offer, int socket, int holder);
void ports_keep(int listener);                          /* rk-outside is to have it, too */
int ports_held(struct bypassd *b, struct offer *offer); /* boolean: somebody has its socket */

/* address.c: the address with ::ffff:a.b.c.d as the IPv4 address that it is. */
struct address address_plain(struct address const *address);
unsigned int address_port(struct address const *address);
int address_is_any(struct address const *plain);
int address_is_loopback(struct address const *plain);
int address_is(struct address const *plain, struct rk_relay_dest const *dest);

/* seccomp.c: from now on nothing but what this program does. 0, or -1 with errno. */
int seccomp_install(void);

#endif
