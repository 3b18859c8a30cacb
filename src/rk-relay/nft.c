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

#include <rk/netlink.h>

#include "relay.h"

enum { PAUSE = 1000 /* ms between two installations */, AT_ONCE = 64 /* answers read in a row */ };

static struct source events = {.fd = -1, .kind = KIND_NFT}, list = {.fd = -1, .kind = KIND_NFT};
static int command = -1, legacy[2] = {-1, -1};
static uint32_t our_mark;
static struct {
  int active, said;
  int listing, changed; /* a list is being read; it has changed meanwhile */
  int again, wanted;    /* at the next tick: read the list; install */
  uint64_t installed;   /* when, 0: never */
} state;

static void scan_later(void)
{
  state.again = 1;
  timer_arm(TIMER_SECOND);
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
  struct nfgenmsg head = {.nfgen_family = NFPROTO_INET, .version = NFNETLINK_V0};

  rk_nl_msg(nl, type(what), flags, &head, sizeof head, "keep marks");
}

static void edge(struct rk_nl *nl, uint16_t what)
{
  struct nfgenmsg head = {
    .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(NFNL_SUBSYS_NFTABLES)};

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

/* One transaction; made, removed and made again, so that it is there once however often this is
   called. */
static int install(void)
{
  uint8_t reply = 1; /* IP_CT_DIR_REPLY (linux/netfilter/nf_conntrack_tuple_common.h) */
  union {
    struct nlmsghdr head;
    char room[4096];
  } answer;
  struct rk_nl nl;
  int e = 0;

  rk_nl_init(&nl);
  edge(&nl, NFNL_MSG_BATCH_BEGIN);
  for (int i = 0; i < 3; i++) {
    message(&nl, i == 1 ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE, i == 1 ? 0 : NLM_F_CREATE);
    text(&nl, NFTA_TABLE_NAME, "rk-relay");
  }
  chain(&nl, "save", NF_INET_LOCAL_OUT);
  chain(&nl, "restore", NF_INET_PRE_ROUTING);
  size_t r = rule(&nl, "save");
  load(&nl, "meta", NFTA_META_DREG, NFTA_META_KEY, NFT_META_MARK);
  equal(&nl, &our_mark, sizeof our_mark);
  load(&nl, "ct", NFTA_CT_SREG, NFTA_CT_KEY, NFT_CT_MARK);
  rk_nl_end(&nl, r);
  r = rule(&nl, "restore");
  load(&nl, "ct", NFTA_CT_DREG, NFTA_CT_KEY, NFT_CT_DIRECTION);
  equal(&nl, &reply, sizeof reply);
  load(&nl, "ct", NFTA_CT_DREG, NFTA_CT_KEY, NFT_CT_MARK);
  equal(&nl, &our_mark, sizeof our_mark);
  load(&nl, "meta", NFTA_META_SREG, NFTA_META_KEY, NFT_META_MARK);
  rk_nl_end(&nl, r);
  edge(&nl, NFNL_MSG_BATCH_END);
  if (nl.full)
    return errno = EMSGSIZE, -1;
  if (send(command, nl.buf.b, nl.len, 0) == -1)
    return -1;
  /* The kernel has done it all inside send; only errors are answered, as nothing asked for an
     acknowledgement. */
  for (int i = 0; i < AT_ONCE; i++) {
    ssize_t n = recv(command, &answer, sizeof answer, MSG_DONTWAIT);
    if (n == -1 && errno == EINTR)
      continue;
    if (n < (ssize_t)NLMSG_LENGTH(sizeof e))
      break;
    if (answer.head.nlmsg_type == NLMSG_ERROR && !e)
      memcpy(&e, NLMSG_DATA(&answer.head), sizeof e);
  }
  return e ? (errno = -e, -1) : 0;
}

/* Ours must be there when DNAT is. The kernel takes milliseconds for it, and whoever makes chains
   without end makes us want it as often: once a second is enough. */
static void install_now(void)
{
  state.wanted = 0;
  state.installed = relay_now_ms;
  timer_arm(TIMER_SECOND);
  if (install() == 0) {
    state.active = 1;
    return;
  }
  if (state.said)
    return;
  state.said = 1;
  relay_say("unable to keep clients' addresses behind DNAT: ", strerror(errno));
}

static void wanted(void)
{
  if (state.installed && relay_now_ms - state.installed < PAUSE) {
    state.wanted = 1;
    timer_arm(TIMER_SECOND);
    return;
  }
  install_now();
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
static void scan(void)
{
  struct nfgenmsg head = {.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0};
  struct rk_nl nl;

  if (list.fd == -1 || state.listing)
    return;
  state.again = 0;
  rk_nl_init(&nl);
  rk_nl_msg(&nl, type(NFT_MSG_GETCHAIN), NLM_F_DUMP, &head, sizeof head, "list chains");
  if (send(list.fd, nl.buf.b, nl.len, MSG_DONTWAIT) == -1)
    return scan_later();
  state.listing = 1;
  state.changed = 0;
}

/* One answer of the list's socket. 1: there may be more; 0: none now. */
static int listed(void)
{
  static union {
    struct nlmsghdr head;
    char room[32768];
  } answer;
  int found = 0;
  ssize_t r = recv(list.fd, &answer, sizeof answer, MSG_DONTWAIT);

  if (r == -1) {
    if (errno == EAGAIN || errno == EINTR)
      return 0;
    state.listing = 0;
    scan_later();
    return 0;
  }
  size_t left = (size_t)r;
  for (struct nlmsghdr const *m = &answer.head; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
    found |= is_nat(m);
    if (m->nlmsg_flags & NLM_F_DUMP_INTR)
      state.changed = 1;
    if (m->nlmsg_type != NLMSG_DONE && m->nlmsg_type != NLMSG_ERROR)
      continue;
    state.listing = 0;
    if (state.changed)
      scan_later();
  }
  if (found)
    wanted();
  return 1;
}

static int open_watched(struct source *src, uint32_t groups)
{
  struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};

  src->fd = rk_nl_open(NETLINK_NETFILTER);
  if (src->fd == -1)
    return -1;
  /* bind, and not NETLINK_ADD_MEMBERSHIP: notices do not reach a socket without a number of its own
     (af_netlink.c) */
  if (bind(src->fd, (struct sockaddr const *)&address, sizeof address) == 0 &&
      relay_watch(src, EPOLLIN) == 0)
    return 0;
  close(src->fd);
  src->fd = -1;
  return -1;
}

void nft_start(uint32_t mark)
{
  our_mark = mark;
  legacy[0] = open("/proc/thread-self/net/ip_tables_names", O_RDONLY | O_CLOEXEC);
  legacy[1] = open("/proc/thread-self/net/ip6_tables_names", O_RDONLY | O_CLOEXEC);
  command = rk_nl_open(NETLINK_NETFILTER);
  if (command == -1)
    return; /* a kernel without it has no nftables to look for */
  open_watched(&events, 1U << (NFNLGRP_NFTABLES - 1));
  if (open_watched(&list, 0) == -1)
    return;
  clock_update();
  scan();
  /* The first clients should find it done. What a usual set of rules has fits one or two
     answers. */
  for (int i = 0; i < AT_ONCE && state.listing && listed(); i++)
    ;
}

static void noticed(void)
{
  static union {
    struct nlmsghdr head;
    char room[16384];
  } answer;
  int found = 0;

  for (int i = 0; i < AT_ONCE; i++) {
    ssize_t r = recv(events.fd, &answer, sizeof answer, MSG_DONTWAIT);
    if (r == -1 && errno == ENOBUFS)
      scan_later(); /* some were lost */
    if (r == -1)
      break;
    size_t left = (size_t)r;
    for (struct nlmsghdr const *m = &answer.head; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left))
      found |= is_nat(m);
  }
  if (found)
    wanted();
}

void nft_event(struct source const *src)
{
  if (src == &list)
    listed();
  else
    noticed();
}

int nft_tick(void)
{
  if (state.wanted && relay_now_ms - state.installed >= PAUSE)
    install_now();
  if (state.again)
    scan();
  return state.wanted || state.again;
}

int nft_active(void)
{
  char names[512];

  for (int i = 0; !state.active && i < 2; i++) {
    ssize_t n = legacy[i] == -1 ? 0 : pread(legacy[i], names, sizeof names - 1, 0);
    if (n <= 0)
      continue;
    names[n] = 0;
    if (command != -1 && strstr(names, "nat\n"))
      wanted();
  }
  return state.active;
}
