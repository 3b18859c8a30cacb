/* SPDX-License-Identifier: ISC
   Answers from behind DNAT (docker, CNI: the destination is this namespace's own address, the
   server sits behind a bridge). They arrive from outside the namespace, without the mark, so
   connection tracking has to keep it:

     table inet rk-relay {
       chain save    { type filter hook output     priority -160; meta mark 0x106b ct mark set meta
                     mark }
       chain restore { type filter hook prerouting priority -160; ct direction reply ct mark 0x106b
       meta mark set ct mark }
     }

   -160: after connection tracking (-200), before DNAT (-100). This is made only when the namespace
   has a chain of type nat, since it turns on tracking, which costs every packet; the kernel tells
   when one is made (nfnetlink's group for nftables). iptables-legacy tells nobody: its list of
   tables is read again with each new client. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <skalibs/strerr.h>
#include <rk/fail.h>
#include <rk/netlink.h>

#include "relay.h"

enum {
  PAUSE = 1000, /* ms between two installations */
  AT_ONCE = 64  /* answers read in a row */
};

/* The two sockets that are watched. */
enum { EVENTS, LIST };

static void scan_later(struct relay *r)
{
  r->nft.again = 1;
  timer_arm(r, TIMER_SECOND);
}

static uint16_t type(int message)
{
  return (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message);
}
static void text(struct rk_nl *nl, uint16_t attr, char const *s)
{
  rk_nl_attr(nl, attr, s, strlen(s) + 1);
}
static void number(struct rk_nl *nl, uint16_t attr, uint32_t n)
{
  rk_nl_u32(nl, attr, htonl(n));
}

static void message(struct rk_nl *nl, int what, uint16_t flags)
{
  struct nfgenmsg head = {
    .nfgen_family = NFPROTO_INET,
    .version = NFNETLINK_V0,
  };

  rk_nl_msg(nl, type(what), flags, &head, sizeof head, "keep marks");
}

static void edge(struct rk_nl *nl, uint16_t what)
{
  struct nfgenmsg head = {
    .nfgen_family = AF_UNSPEC,
    .version = NFNETLINK_V0,
    .res_id = htons(NFNL_SUBSYS_NFTABLES),
  };

  rk_nl_msg(nl, what, 0, &head, sizeof head, "keep marks");
}

static void chain(struct rk_nl *nl, char const *name, uint32_t hook)
{
  message(nl, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  text(nl, NFTA_CHAIN_TABLE, "rk-relay");
  text(nl, NFTA_CHAIN_NAME, name);
  size_t h = rk_nl_nest(nl, NFTA_CHAIN_HOOK);
  number(nl, NFTA_HOOK_HOOKNUM, hook);
  number(nl, NFTA_HOOK_PRIORITY, (uint32_t)-160);
  rk_nl_end(nl, h);
  text(nl, NFTA_CHAIN_TYPE, "filter");
}

/* Expressions: everything goes through register 1. */
static void load(struct rk_nl *nl, char const *name, uint16_t reg, uint16_t key, uint32_t what)
{
  size_t e = rk_nl_nest(nl, NFTA_LIST_ELEM);

  text(nl, NFTA_EXPR_NAME, name);
  size_t d = rk_nl_nest(nl, NFTA_EXPR_DATA);
  number(nl, reg, NFT_REG_1);
  number(nl, key, what);
  rk_nl_end(nl, d);
  rk_nl_end(nl, e);
}

static void equal(struct rk_nl *nl, void const *value, size_t len)
{
  size_t e = rk_nl_nest(nl, NFTA_LIST_ELEM);

  text(nl, NFTA_EXPR_NAME, "cmp");
  size_t d = rk_nl_nest(nl, NFTA_EXPR_DATA);
  number(nl, NFTA_CMP_SREG, NFT_REG_1);
  number(nl, NFTA_CMP_OP, NFT_CMP_EQ);
  size_t v = rk_nl_nest(nl, NFTA_CMP_DATA);
  rk_nl_attr(nl, NFTA_DATA_VALUE, value, len);
  rk_nl_end(nl, v);
  rk_nl_end(nl, d);
  rk_nl_end(nl, e);
}

static size_t rule(struct rk_nl *nl, char const *in)
{
  message(nl, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  text(nl, NFTA_RULE_TABLE, "rk-relay");
  text(nl, NFTA_RULE_CHAIN, in);
  return rk_nl_nest(nl, NFTA_RULE_EXPRESSIONS);
}

static void keep_rule(struct rk_nl *nl, uint32_t mark)
{
  size_t r = rule(nl, "save");

  load(nl, "meta", NFTA_META_DREG, NFTA_META_KEY, NFT_META_MARK);
  equal(nl, &mark, sizeof mark);
  load(nl, "ct", NFTA_CT_SREG, NFTA_CT_KEY, NFT_CT_MARK);
  rk_nl_end(nl, r);
}

static void restore_rule(struct rk_nl *nl, uint32_t mark)
{
  uint8_t reply = 1; /* IP_CT_DIR_REPLY (linux/netfilter/nf_conntrack_tuple_common.h) */
  size_t r = rule(nl, "restore");

  load(nl, "ct", NFTA_CT_DREG, NFTA_CT_KEY, NFT_CT_DIRECTION);
  equal(nl, &reply, sizeof reply);
  load(nl, "ct", NFTA_CT_DREG, NFTA_CT_KEY, NFT_CT_MARK);
  equal(nl, &mark, sizeof mark);
  load(nl, "meta", NFTA_META_SREG, NFTA_META_KEY, NFT_META_MARK);
  rk_nl_end(nl, r);
}

static void table(struct rk_nl *nl, int what, uint16_t flags)
{
  message(nl, what, flags);
  text(nl, NFTA_TABLE_NAME, "rk-relay");
}

/* The kernel has done it all inside send; only errors are answered, as nothing asked for an
   acknowledgement. The first one, 0: none. */
static int first_error(int fd)
{
  union {
    struct nlmsghdr head;
    char room[4096];
  } answer;
  int e;

  for (int i = 0; i < AT_ONCE; i++) {
    ssize_t n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
    if (n == -1 && errno == EINTR)
      continue;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof e))
      return 0;
    if (answer.head.nlmsg_type != NLMSG_ERROR)
      continue;
    memcpy(&e, NLMSG_DATA(&answer.head), sizeof e);
    if (e)
      return -e;
  }
  return 0;
}

/* One transaction; made, removed and made again, so that it is there once however often this is
   called. */
static int install(struct relay *r)
{
  int fd = r->nft.command;
  struct rk_nl nl;

  rk_nl_init(&nl);
  edge(&nl, NFNL_MSG_BATCH_BEGIN);
  table(&nl, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  table(&nl, NFT_MSG_DELTABLE, 0);
  table(&nl, NFT_MSG_NEWTABLE, NLM_F_CREATE);
  chain(&nl, "save", NF_INET_LOCAL_OUT);
  chain(&nl, "restore", NF_INET_PRE_ROUTING);
  keep_rule(&nl, r->nft.mark);
  restore_rule(&nl, r->nft.mark);
  edge(&nl, NFNL_MSG_BATCH_END);
  if (nl.full)
    return rk_fail(EMSGSIZE);
  if (send(fd, nl.buf.b, nl.len, 0) == -1)
    return -1;
  int e = first_error(fd);
  return e ? rk_fail(e) : 0;
}

/* Ours must be there when DNAT is. The kernel takes milliseconds for it, and whoever makes chains
   without end makes us want it as often: once a second is enough. */
static void install_now(struct relay *r)
{
  r->nft.wanted = 0;
  r->nft.installed = r->now;
  timer_arm(r, TIMER_SECOND);
  if (install(r) == 0) {
    r->nft.active = 1;
    return;
  }
  if (r->nft.said)
    return;
  r->nft.said = 1;
  strerr_warnw("unable to keep clients' addresses behind DNAT: ", strerror(errno));
}

static void wanted(struct relay *r)
{
  if (r->nft.installed && r->now - r->nft.installed < PAUSE) {
    r->nft.wanted = 1;
    timer_arm(r, TIMER_SECOND);
    return;
  }
  install_now(r);
}

static int is_nat(struct nlmsghdr const *m)
{
  size_t len = 0;
  char const *s = NULL;

  if (m->nlmsg_type == type(NFT_MSG_NEWCHAIN))
    s = rk_nl_find(m, sizeof(struct nfgenmsg), NFTA_CHAIN_TYPE, &len);
  return s && len == 4 && memcmp(s, "nat", 4) == 0;
}

/* The list of all chains can be long, and can change for ever while it is read. So it is asked for
   here, and read by nft_listed, one answer an event; a list that has changed meanwhile is asked for
   again after a pause. */
static void scan(struct relay *r)
{
  struct nfgenmsg head = {
    .nfgen_family = AF_UNSPEC,
    .version = NFNETLINK_V0,
  };
  struct rk_nl nl;

  if (r->nft.list.fd == -1 || r->nft.listing)
    return;
  r->nft.again = 0;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, type(NFT_MSG_GETCHAIN), NLM_F_DUMP, &head, sizeof head, "list chains");
  if (send(r->nft.list.fd, nl.buf.b, nl.len, MSG_DONTWAIT) == -1)
    return scan_later(r);
  r->nft.listing = 1;
  r->nft.changed = 0;
}

/* Is a chain of type nat among these messages? seen: called for each. */
static int has_nat(struct nlmsghdr const *m, size_t left,
                   void (*seen)(struct relay *, struct nlmsghdr const *), struct relay *r)
{
  int found = 0;

  for (; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
    found |= is_nat(m);
    if (seen)
      seen(r, m);
  }
  return found;
}

static void note_end(struct relay *r, struct nlmsghdr const *m)
{
  if (m->nlmsg_flags & NLM_F_DUMP_INTR)
    r->nft.changed = 1;
  if (m->nlmsg_type != NLMSG_DONE && m->nlmsg_type != NLMSG_ERROR)
    return;
  r->nft.listing = 0;
  if (r->nft.changed)
    scan_later(r);
}

/* One answer of the list's socket. 1: there may be more; 0: none now. */
static int listed(struct relay *r)
{
  union {
    struct nlmsghdr head;
    char room[32768];
  } answer;
  ssize_t n = recv(r->nft.list.fd, &answer, sizeof answer, MSG_DONTWAIT);

  if (n == -1 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n == -1) {
    r->nft.listing = 0;
    scan_later(r);
    return 0;
  }
  if (has_nat(&answer.head, (size_t)n, note_end, r))
    wanted(r);
  return 1;
}

static int open_watched(struct relay *r, struct source *src, uint32_t groups)
{
  struct sockaddr_nl address = {
    .nl_family = AF_NETLINK,
    .nl_groups = groups,
  };

  src->fd = rk_nl_open(NETLINK_NETFILTER);
  if (src->fd == -1)
    return -1;
  /* bind, and not NETLINK_ADD_MEMBERSHIP: notices do not reach a socket without a number of its own
     (af_netlink.c) */
  if (bind(src->fd, (struct sockaddr const *)&address, sizeof address) == 0 &&
      relay_watch(r, src, EPOLLIN) == 0)
    return 0;
  close(src->fd);
  src->fd = -1;
  return -1;
}

void nft_start(struct relay *r, uint32_t mark)
{
  r->nft.mark = mark;
  r->nft.events = (struct source){
    .fd = -1,
    .kind = KIND_NFT,
    .which = EVENTS,
  };
  r->nft.list = (struct source){
    .fd = -1,
    .kind = KIND_NFT,
    .which = LIST,
  };
  r->nft.legacy[0] = open("/proc/thread-self/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
  r->nft.legacy[1] = open("/proc/thread-self/net/ip6_tables_names", O_RDONLY | O_CLOEXEC);
  r->nft.command = rk_nl_open(NETLINK_NETFILTER);
  if (r->nft.command == -1)
    return; /* a kernel without it has no nftables to look for */
  open_watched(r, &r->nft.events, 1U << (NFNLGRP_NFTABLES - 1));
  if (open_watched(r, &r->nft.list, 0) == -1)
    return;
  r->now = clock_now();
  scan(r);
  /* The first clients should find it done. What a usual set of rules has fits one or two
     answers. */
  for (int i = 0; i < AT_ONCE && r->nft.listing; i++)
    if (!listed(r))
      return;
}

static void noticed(struct relay *r)
{
  union {
    struct nlmsghdr head;
    char room[16384];
  } answer;
  int found = 0;

  for (int i = 0; i < AT_ONCE; i++) {
    ssize_t n = recv(r->nft.events.fd, &answer, sizeof answer, MSG_DONTWAIT);
    if (n == -1 && errno == ENOBUFS)
      scan_later(r); /* some were lost */
    if (n == -1)
      break;
    found |= has_nat(&answer.head, (size_t)n, NULL, r);
  }
  if (found)
    wanted(r);
}

void nft_event(struct relay *r, struct source const *src)
{
  if (src->which == LIST)
    listed(r);
  else
    noticed(r);
}

int nft_tick(struct relay *r)
{
  if (r->nft.wanted && r->now - r->nft.installed >= PAUSE)
    install_now(r);
  if (r->nft.again)
    scan(r);
  return r->nft.wanted || r->nft.again;
}

/* Does iptables-legacy have a table of type nat? */
static int has_legacy_nat(int fd)
{
  char names[512];

  if (fd == -1)
    return 0;
  ssize_t n = pread(fd, names, sizeof names - 1, 0);
  if (n <= 0)
    return 0;
  names[n] = 0;
  return strstr(names, "nat\n") != NULL;
}

int nft_active(struct relay *r)
{
  for (int i = 0; !r->nft.active && i < 2; i++)
    if (has_legacy_nat(r->nft.legacy[i]) && r->nft.command != -1)
      wanted(r);
  return r->nft.active;
}
