/* SPDX-License-Identifier: ISC
   A batch of netlink messages, sent in one system call (rtnetlink(7), netlink(7), sock_diag(7)).
   The kernel handles all messages inside sendto, later ones see what earlier ones did, and an error
   does not stop the rest. */
#ifndef RK_NETLINK_H
#define RK_NETLINK_H

#include <stddef.h>
#include <stdint.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

enum { RK_NL_MAX = 32, RK_NL_SIZE = 4096 };
struct rk_nl {
  size_t len, last;            /* bytes used; where the message under construction begins */
  unsigned int n;              /* messages */
  int full;                    /* something did not fit: sending fails with EMSGSIZE */
  char const *what[RK_NL_MAX]; /* what each message is to do, for errors; not copied */
  union {
    struct nlmsghdr head;
    char b[RK_NL_SIZE];
  } buf;
};

/* What became of a batch: the first message that failed. */
struct rk_nl_error {
  int error;        /* errno, 0: none failed */
  int local;        /* boolean: the kernel's answer could not be had, or not be asked for */
  unsigned int n;   /* which message, from 0 */
  char const *what; /* its text from the batch */
  char text[128];   /* the kernel's own explanation (NLMSGERR_ATTR_MSG), or empty */
};

/* May an interface have that name? What dev_valid_name() of the kernel says (1 to 15 bytes, no
   blank, no slash, no colon), without control characters, quotes and percent signs (a template to
   the kernel), what begins with - (an option to a driver's program), and the two names that mean
   something else below /proc/sys/net. At most IF_NAMESIZE (16) bytes are read: the end of the text
   may be missing. */
int rk_ifname_ok(char const *name);

/* A netlink socket of a protocol (NETLINK_ROUTE, NETLINK_SOCK_DIAG), close-on-exec, with extended
   acknowledgements. It belongs to the network namespace in which it was opened, for life. */
int rk_nl_open(int protocol);

void rk_nl_init(struct rk_nl *batch);

/* Begin a message: type (RTM_NEWROUTE), flags beyond NLM_F_REQUEST (NLM_F_CREATE | NLM_F_EXCL), its
   fixed part. */
void rk_nl_msg(struct rk_nl *batch, uint16_t type, uint16_t flags, void const *body, size_t bodylen,
               char const *what);

/* Add an attribute to the message begun last. rk_nl_nest opens one that holds others; give its
   result to rk_nl_end. */
void rk_nl_attr(struct rk_nl *batch, uint16_t type, void const *value, size_t len);
void rk_nl_u32(struct rk_nl *batch, uint16_t type, uint32_t value);
size_t rk_nl_nest(struct rk_nl *batch, uint16_t type);
void rk_nl_end(struct rk_nl *batch, size_t nest);

/* Send the batch and read all acknowledgements, which are known by their sequence numbers: those of
   an earlier batch that were not read are passed over. 0 if every message succeeded; else -1 with
   errno and *error (may be null) for the first that failed. What succeeded stays done. */
int rk_nl_send(int fd, struct rk_nl *batch, struct rk_nl_error *error);

/* Send the batch's only message as a dump and call each() for every answer; each() may stop by
   returning non-zero, which becomes the result (the socket must then be closed). 0, or -1 with
   errno (EINTR: the table changed meanwhile, ask again). */
int rk_nl_dump(int fd, struct rk_nl *batch, int (*each)(struct nlmsghdr const *, void *),
               void *data);

/* The attribute of a type in an answer whose fixed part has bodylen bytes; null if there is none.
   *len: its length. */
void const *rk_nl_find(struct nlmsghdr const *msg, size_t bodylen, uint16_t type, size_t *len);

/* Common messages. family: AF_INET or AF_INET6; addresses in network order, 4 or 16 bytes, null:
   none. */

/* Bring a link up. name or index (name null); mtu and txqlen 0: leave. txqlen must be set before
   the link is up to matter. */
void rk_nl_link_up(struct rk_nl *batch, char const *name, int index, uint32_t mtu, uint32_t txqlen);
/* flags: IFA_F_NODAD or 0. */
void rk_nl_addr(struct rk_nl *batch, int family, int index, void const *addr, unsigned int prefix,
                uint32_t flags);

struct rk_nl_route {
  int family, index; /* index 0: none */
  uint8_t type;      /* RTN_UNICAST, RTN_LOCAL, ... */
  uint32_t table;    /* RT_TABLE_MAIN or any number */
  void const *dst;   /* null: default (dstlen 0) */
  uint8_t dstlen;
  void const *gateway, *prefsrc;
  uint32_t rto_min;    /* least retransmission timeout of TCP over it, milliseconds; 0: the kernel's
                          200 */
  char const *congctl; /* congestion control of TCP over it, one in
                          tcp_available_congestion_control; null: the namespace's */
};
/* type: RTM_NEWROUTE (made, never replaced: EEXIST) or RTM_DELROUTE. */
void rk_nl_route(struct rk_nl *batch, uint16_t type, struct rk_nl_route const *route);

#endif
