/* SPDX-License-Identifier: ISC
   The text of a published port: the spec (PARENTIP:PARENTPORT:[CHILDIP:]CHILDPORT/PROTO) and the
   port file around it. Pure: nothing here asks the host. Where RootlessKit has an error text for
   the same fault, ours is the same. */
#ifndef RK_PORTSPEC_H
#define RK_PORTSPEC_H

#include <stddef.h>
#include <stdint.h>
#include <net/if.h>
#include <netinet/in.h>

#include <rk/relay.h>

enum rk_proto {
  RK_PROTO_TCP = 1,
  RK_PROTO_TCP4,
  RK_PROTO_TCP6,
  RK_PROTO_UDP,
  RK_PROTO_UDP4,
  RK_PROTO_UDP6,
  RK_PROTO_SCTP,
  RK_PROTO_SCTP4,
  RK_PROTO_SCTP6 /* known words; nothing serves them */
};

enum { RK_PORTSPEC_IPMAX = INET6_ADDRSTRLEN, RK_PORTSPEC_ERRMAX = 1024, RK_PORTSPEC_PATHMAX = 512 };

/* The parser's extensions: what a port file may say beyond RootlessKit's grammar. */
enum {
  RK_PORTSPEC_ROOTLESSKIT = 0,
  RK_PORTSPEC_RK = 1,   /* ranges A-B:C-D/PROTO; PARENTPORT:CHILDPORT/PROTO without an address */
  RK_PORTSPEC_SHORT = 2 /* with the former: tcp if there is no /PROTO; an empty or missing
                           PARENTPORT is 0; localhost as PARENTIP is 127.0.0.1;
                           unix:/PATH[:MODE]:[CHILDIP:]CHILDPORT[/PROTO] and
                           [PARENTIP:][PARENTPORT]:unix:/PATH */
};
#define RK_PORTSPEC_FORM \
  "[HOSTADDRESS:][HOSTPORT:][ADDRESS:]PORT[/PROTOCOL] or unix:/PATH[:MODE]:[ADDRESS:]PORT or " \
  "[HOSTADDRESS:]HOSTPORT:unix:/PATH"

struct rk_portspec {
  enum rk_proto proto;
  char parentip[RK_PORTSPEC_IPMAX]; /* as written; "": unset */
  char childip[RK_PORTSPEC_IPMAX];
  int64_t parentport; /* first of the range; any number until rk_portspec_check has passed it. In a
                         port file 0: one that is free */
  int64_t childport;
  uint32_t count; /* ports in the range, 1 if it is none */
  /* The host's side is this unix socket with this mode, and no address and port (both empty, 0);
     "": it is none. Absolute, without a colon. */
  char parentpath[RK_PORTSPEC_PATHMAX];
  uint16_t mode;
  char childpath[RK_PORTSPEC_PATHMAX]; /* likewise inside: then no childip, and childport is 0 */
};

/* The protocol's word, or its number: 0 if there is no such word. */
char const *rk_proto_name(enum rk_proto proto);
enum rk_proto rk_proto_named(char const *s, size_t len);
int rk_proto_is_tcp(enum rk_proto proto);
int rk_proto_is_udp(enum rk_proto proto);

/* An address literal as Go's net.ParseIP takes it (no names, zones, leading zeros, short forms).
   Returns AF_INET (*addr is then v4-mapped), AF_INET6, or 0. */
int rk_ip_parse(char const *s, size_t len, struct in6_addr *addr);

/* Parse the text of one spec. flags: RK_PORTSPEC_*. 0, or -1 with one line about it in err
   (RootlessKit's words). Numbers are not checked against 1-65535 here. */
int rk_portspec_parse(char const *text, size_t len, unsigned int flags, struct rk_portspec *spec,
                      char *err, size_t errsize);

/* Is it a port that can be? Protocol, addresses, port numbers, in RootlessKit's order. 0, or -1
   with the line in err. */
int rk_portspec_check(struct rk_portspec const *spec, char *err, size_t errsize);

/* Would RootlessKit call b a conflict with a: same protocol word, same text of the parent address,
   and a common parent port? */
int rk_portspec_conflict(struct rk_portspec const *a, struct rk_portspec const *b);

/* Write the spec as text, in the form that rk_portspec_parse reads. err-style truncation as
   rk_text. Returns the length. */
size_t rk_portspec_format(struct rk_portspec const *spec, char *buf, size_t size);

/* What to bind for the first port of the spec. no6: the host has no IPv6. sa: the address (its
   family is the socket's); *v6only: value for IPV6_V6ONLY if it is AF_INET6. 0, or -1 with err:
   protocol word and address of different families. */
int rk_portspec_listen(struct rk_portspec const *spec, int no6, struct sockaddr_storage *sa,
                       int *v6only, char *err, size_t errsize);

/* Where to connect inside for the first port. hostip: the host's first address that is not
   loopback, network byte order (0: none or unknown); a port published there is meant for 127.0.0.1
   inside, as in RootlessKit. */
void rk_portspec_target(struct rk_portspec const *spec, in_addr_t hostip,
                        struct sockaddr_storage *sa);

/* A port file: the spec on its first line, then key=value lines. Empty lines and lines beginning
   with # are skipped. */
enum { RK_PORTFILE_MAX = 4096, RK_PORTFILE_NAMEMAX = 64, RK_PORTFILE_SECONDSMAX = 86400 };
struct rk_portfile {
  struct rk_portspec spec;
  enum rk_relay_srcip srcip; /* srcip=prefer|require|no|plain|loopback (rk/relay.h); prefer
                                         if not said */
  uint32_t idle;             /* idle=SECONDS: UDP clients are forgotten after so long; 0:
                                         the default */
  enum rk_relay_wait wait;   /* wait=SECONDS|forever (rk/relay.h): how long clients wait
                                         for a server that does not listen; RK_WAIT_START if not
                                         said */
  uint32_t wait_s;           /* SECONDS */
  int refuse_backend;        /* refuse=backend: the port refuses while nothing listens
                                         inside; refuse=client (default) */
  char ifname[IFNAMSIZ];     /* ifname=NAME: only what arrives by this interface of the
                                         host; "": any */
  struct in6_addr group;     /* group=ADDRESS%NAME: what is sent to this group (of IPv4:
                                         v4-mapped) and arrives by this interface, too;
                                         unspecified: none */
  char groupif[IFNAMSIZ];
  char listenfd[RK_PORTFILE_NAMEMAX]; /* listen-fd=NAME: take this socket instead of binding; "":
                                         bind */
};

/* Parse a whole port file (and rk_portspec_check it), its spec with RK_PORTSPEC_SHORT. 0, or -1:
   err is one line, which ends with the form if the spec is at fault, *line the number of the faulty
   line (from 1; 0: the file as a whole). */
int rk_portfile_parse(char const *text, size_t len, struct rk_portfile *file, unsigned int *line,
                      char *err, size_t errsize);

/* The text of ports/.default: the host address of ports that name none. */
struct rk_portdefault {
  char ip[RK_PORTSPEC_IPMAX]; /* "": all */
  int bad;                    /* it is none: no such port may be opened */
};
void rk_portdefault_parse(char const *text, size_t len, struct rk_portdefault *usual);

/* Give a port that names no host address (nor interface, nor socket) this one. 0, or -1 with err,
   one line. */
int rk_portdefault_apply(struct rk_portdefault const *usual, struct rk_portfile *file, char *err,
                         size_t errsize);

/* The interface without which it cannot be opened, "": it needs none. */
char const *rk_portfile_link(struct rk_portfile const *file);

/* Does it have a key that only rk-relay can serve (listen-fd= not counted)? 1 or 0. */
int rk_portfile_needs_relay(struct rk_portfile const *file);

#endif
