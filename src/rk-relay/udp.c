/* SPDX-License-Identifier: ISC
   UDP: one connected socket inside per client, address asked and port.

   Datagrams are read in batches that grow only while they come full (a large batch makes a single
   echo slower), and neighbours of one session and one size leave together by UDP_SEGMENT: that, not
   the batch, is what halves the cost. Answers leave by the listener, from the address that the
   client asked (IP_PKTINFO). After a batch the processor is offered to the receiver, whose socket
   holds some 90 datagrams of 1400 bytes by default: at full rate most of what is lost is lost
   there. An ICMP error for a client, read from the error queue, ends its sessions, so the backend's
   next answer meets a closed port and gets that error itself. */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <netinet/udp.h>
#include <linux/errqueue.h>

#include "udp.h"

#ifndef UDP_GRO
#define UDP_GRO 104
#endif

enum {
  BATCH = 64,
  SLOT = 1 << 16,
  ROUNDS = 4 /* batches an event */,
  YIELD = 8,
  BUCKETS = 4096,
  CONTROL = 128
};

static struct slab sessions = {.size = sizeof(struct session)};
static struct session *buckets[BUCKETS], *dead;
static unsigned int nsessions;

static char slots[BATCH][SLOT] __attribute__((aligned(4096)));
static char controls[BATCH][CONTROL] __attribute__((aligned(16)));
static union address names[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];
static int dirty; /* the slots hold pages */

void udp_prepare(struct listener *l)
{
  union address own;
  socklen_t len = sizeof own;
  int on = 1, bytes = 2 << 20, fd = l->src.fd;

  memset(&own, 0, sizeof own);
  getsockname(fd, &own.sa, &len);
  if (own.sa.sa_family == AF_INET ? !own.v4.sin_addr.s_addr
                                  : IN6_IS_ADDR_UNSPECIFIED(&own.v6.sin6_addr)) {
    if (own.sa.sa_family == AF_INET)
      setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    else
      setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  }
  /* of a v6 socket too: for its v4 clients */
  setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (own.sa.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static struct session **bucket(struct listener const *l, union address const *peer)
{
  uint32_t h = (uint32_t)((uintptr_t)l >> 4), w[4];

  if (peer->sa.sa_family == AF_INET)
    h ^= peer->v4.sin_addr.s_addr + (uint32_t)peer->v4.sin_port * 0x85ebca6bU;
  else {
    memcpy(w, &peer->v6.sin6_addr, sizeof w);
    h ^= w[0] ^ w[1] * 0xc2b2ae35U ^ w[2] ^ (w[3] + (uint32_t)peer->v6.sin6_port * 0x85ebca6bU);
  }
  h *= 0x9e3779b1U;
  return &buckets[h >> 20];
}

static int same_peer(union address const *a, union address const *b)
{
  if (a->sa.sa_family == AF_INET)
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr && a->v4.sin_port == b->v4.sin_port;
  return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
         a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

static void end(struct session *s)
{
  struct port *p = s->from->target->port;
  struct session **at = bucket(s->from, &s->peer);

  while (*at != s)
    at = &(*at)->next;
  *at = s->next;
  share_remove(s);
  close(s->src.fd);
  if (s->ruled)
    srcip_answers(0, s->from->target, s->from->port, &s->shown);
  if (s->client)
    client_drop(s->client);
  p->stat.now--;
  port_touch(p);
  nsessions--;
  s->src.bits |= ENDED;
  s->next = dead;
  dead = s;
  accept_resume_one();
}

void udp_free_dead(void)
{
  while (dead) {
    struct session *s = dead;
    dead = s->next;
    slab_put(&sessions, s);
  }
}

void udp_end_all(struct port *p)
{
  while (p->ages.oldest)
    end(p->ages.oldest);
}

int udp_give_way(void)
{
  struct session *s = share_for_tcp();

  if (!s)
    return 0;
  end(s);
  return 1;
}

int udp_tick(struct port *first)
{
  static int was_dirty;

  for (struct port *p = first; p; p = p->next)
    while (p->ages.oldest && relay_now_ms - p->ages.oldest->used >= (uint64_t)p->idle * 1000)
      end(p->ages.oldest);
  /* A burst may have filled 4 MiB; a second without one gives them back. */
  if (was_dirty && !dirty)
    madvise(slots, sizeof slots, MADV_DONTNEED);
  was_dirty = dirty;
  dirty = 0;
  return nsessions || was_dirty;
}

/* What the backend will see, and the rule that brings its answers back. */
static int rule(struct session *s, int fd)
{
  socklen_t len = sizeof s->shown;

  if (!s->client)
    return 0;
  if (getsockname(fd, &s->shown.sa, &len) == -1)
    return -1;
  if (srcip_answers(1, s->from->target, s->from->port, &s->shown) == -1)
    return -1;
  s->ruled = 1;
  return 0;
}

static void undo(struct session *s, int fd)
{
  int e = errno;

  if (s->ruled)
    srcip_answers(0, s->from->target, s->from->port, &s->shown);
  if (s->client)
    client_drop(s->client);
  s->client = NULL;
  s->ruled = 0;
  close(fd);
  errno = e;
}

/* A socket inside that looks like the client; another source port if its own is taken towards the
   backend. The fd, or -1 with errno. */
static int connect_backend(struct session *s, int *kept)
{
  struct listener *l = s->from;
  union address dest = l->target->dest, client = s->peer;
  int family = dest.sa.sa_family, on = 1, bytes = 2 << 20;
  socklen_t len = family == AF_INET ? sizeof dest.v4 : sizeof dest.v6;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd == -1)
    return -1;
  if (family == AF_INET)
    dest.v4.sin_port = htons(l->port);
  else
    dest.v6.sin6_port = htons(l->port);
  /* No rule can name port 65535 (route.c). */
  int other = client.sa.sa_family == AF_INET6 ? client.v6.sin6_port == 0xffff
                                              : client.v4.sin_port == 0xffff;
  if (srcip_bind(l->target, fd, &client, other, &s->client, kept) == -1 || rule(s, fd) == -1 ||
      connect(fd, &dest.sa, len) == -1) {
    undo(s, fd);
    return -1;
  }
  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

static struct session *find(struct listener *l, union address const *peer,
                            struct in6_addr const *asked)
{
  for (struct session *s = *bucket(l, peer); s; s = s->next)
    if (s->from == l && same_peer(&s->peer, peer) &&
        (!asked || IN6_ARE_ADDR_EQUAL(&s->asked, asked)))
      return s;
  return 0;
}

static void use(struct session *s)
{
  share_use(s);
  s->used = relay_now_ms;
}

static int watched(struct session *s, int *kept)
{
  int fd = connect_backend(s, kept);

  if (fd == -1)
    return -1;
  s->src = (struct source){.fd = fd, .kind = KIND_SESSION};
  if (relay_watch(&s->src, EPOLLIN) == 0)
    return 0;
  undo(s, fd);
  return -1;
}

static struct session *begin(struct listener *l, union address const *peer,
                             struct in6_addr const *asked)
{
  struct port *p = l->target->port;
  struct session *victim, *s = slab_get(&sessions);
  int kept = 0, e = -1;

  while ((victim = share_victim(peer)))
    end(victim);
  if (s) {
    s->from = l;
    s->peer = *peer;
    s->asked = *asked;
    e = watched(s, &kept);
    victim = share_oldest();
    if (e == -1 && (errno == EMFILE || errno == ENFILE) && victim) {
      end(victim);
      e = watched(s, &kept);
    }
  }
  if (e == 0 && share_add(s) == -1) {
    undo(s, s->src.fd);
    e = -1;
  }
  if (e == -1) {
    if (s)
      slab_put(&sessions, s);
    p->stat.refused++;
    port_touch(p);
    return NULL;
  }
  struct session **at = bucket(l, peer);
  s->used = relay_now_ms;
  s->batch = 1;
  s->next = *at;
  *at = s;
  nsessions++;
  p->stat.now++;
  p->stat.total++;
  p->stat.kept += (uint64_t)kept;
  port_touch(p);
  timer_arm(TIMER_SECOND);
  return s;
}

static int gather(int fd, unsigned int n, int named)
{
  for (unsigned int i = 0; i < n; i++) {
    vectors[i] = (struct iovec){slots[i], SLOT};
    memset(&messages[i].msg_hdr, 0, sizeof messages[i].msg_hdr);
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    messages[i].msg_hdr.msg_control = controls[i];
    messages[i].msg_hdr.msg_controllen = CONTROL;
    if (named) {
      messages[i].msg_hdr.msg_name = &names[i];
      messages[i].msg_hdr.msg_namelen = sizeof names[i];
    }
  }
  dirty = 1;
  if (n == 1) {
    ssize_t len = recvmsg(fd, &messages[0].msg_hdr, MSG_DONTWAIT);
    messages[0].msg_len = (unsigned int)len;
    return len == -1 ? -1 : 1;
  }
  return recvmmsg(fd, messages, n, MSG_DONTWAIT, 0);
}

/* What the kernel says beside a datagram: the address that was asked, and the size of a
   super-packet's segments. */
static size_t details(struct msghdr *m, struct in6_addr *asked)
{
  size_t segment = 0, at = 0;

  while (at + CMSG_LEN(0) <= (size_t)m->msg_controllen) {
    struct cmsghdr *h = (struct cmsghdr *)((char *)m->msg_control + at);
    if (h->cmsg_len < CMSG_LEN(0))
      break;
    if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_GRO) {
      int size;
      memcpy(&size, CMSG_DATA(h), sizeof size);
      segment = (size_t)size;
    } else if (asked && h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
      struct in_pktinfo info;
      memcpy(&info, CMSG_DATA(h), sizeof info);
      asked->s6_addr[10] = asked->s6_addr[11] = 0xff;
      memcpy(asked->s6_addr + 12, &info.ipi_spec_dst, 4);
    } else if (asked && h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
      struct in6_pktinfo info;
      memcpy(&info, CMSG_DATA(h), sizeof info);
      *asked = info.ipi6_addr;
    }
    at += CMSG_SPACE(h->cmsg_len - CMSG_LEN(0));
  }
  return segment;
}

/* 1, 4, 16, 64 while batches come full; back by the same steps. */
static uint16_t resize(uint16_t batch, int got)
{
  if (got == batch)
    return batch < BATCH ? (uint16_t)(batch * 4) : BATCH;
  return got * 4 <= batch && batch > 1 ? (uint16_t)(batch / 4) : batch;
}

/* ICMP said that these clients are gone. */
static void errors(struct listener *l)
{
  for (int i = 0; i < BATCH; i++) {
    union address peer;
    struct iovec v = {slots[0], SLOT};
    struct msghdr m = {.msg_name = &peer,
                       .msg_namelen = sizeof peer,
                       .msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = controls[0],
                       .msg_controllen = CONTROL};
    struct session *s;

    memset(&peer, 0, sizeof peer);
    if (recvmsg(l->src.fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) == -1)
      return;
    if (!m.msg_namelen)
      continue;
    while ((s = find(l, &peer, 0)))
      end(s);
  }
}

void udp_event(struct listener *l, uint32_t events)
{
  if (l->src.bits & LISTENER_REFUSING || l->src.fd == -1)
    return;
  if (events & EPOLLERR)
    errors(l);
  for (int round = 0; round < ROUNDS; round++) {
    struct batch r;
    uint16_t batch = l->batch;
    int got = gather(l->src.fd, batch, 1);
    r.n = 0;

    if (got <= 0)
      return;
    l->batch = resize(batch, got);
    for (int i = 0; i < got; i++) {
      struct msghdr *m = &messages[i].msg_hdr;
      struct in6_addr asked = IN6ADDR_ANY_INIT;
      size_t segment = details(m, &asked);
      struct session *s = find(l, &names[i], &asked);
      if (!s) {
        batch_flush(&r); /* making room may end the session of the run */
        s = begin(l, &names[i], &asked);
      }
      if (!s) {
        l->target->port->stat.dropped++;
        continue;
      }
      use(s);
      batch_add(&r, s, 0, slots[i], messages[i].msg_len, segment);
    }
    batch_flush(&r);
    if (got >= YIELD)
      sched_yield();
    if (got < batch || batch == 1)
      return; /* a single echo has no second one behind it */
  }
}

void udp_session_event(struct source *src)
{
  struct session *s = (struct session *)src;

  if (src->bits & ENDED)
    return;
  for (int round = 0; round < ROUNDS; round++) {
    struct batch r;
    struct listener *l = s->from;
    uint16_t batch = s->batch;
    int got = gather(src->fd, batch, 0);
    r.n = 0;

    if (got == -1 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got == -1) { /* an ICMP error: nobody is there */
      l->target->port->stat.refused++;
      end(s);
      return refuse_check(l);
    }
    s->batch = resize(batch, got);
    use(s);
    for (int i = 0; i < got; i++)
      batch_add(&r, s, 1, slots[i], messages[i].msg_len, details(&messages[i].msg_hdr, 0));
    batch_flush(&r);
    if (got >= YIELD)
      sched_yield();
    if (got < batch || batch == 1)
      return; /* a single echo has no second one behind it */
  }
}
