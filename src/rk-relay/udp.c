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
  ROUNDS = 4, /* batches an event */
  YIELD = 8,
  BUFFER = 2 << 20
};

/* The address that a client has asked, with each datagram. */
static void ask_for_addresses(int fd, union address const *own)
{
  int on = 1;

  if (own->sa.sa_family == AF_INET) {
    if (!own->v4.sin_addr.s_addr)
      setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  } else if (IN6_IS_ADDR_UNSPECIFIED(&own->v6.sin6_addr)) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  }
}

void udp_prepare(int fd)
{
  union address own;
  socklen_t len = sizeof own;
  int on = 1;
  int bytes = BUFFER;

  memset(&own, 0, sizeof own);
  getsockname(fd, &own.sa, &len);
  ask_for_addresses(fd, &own);
  /* of a v6 socket too: for its v4 clients */
  setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
  if (own.sa.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof on);
  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static struct session **bucket(struct relay *r, struct listener const *l, union address const *peer)
{
  struct in6_addr a = mapped(peer);
  uint32_t port = peer->sa.sa_family == AF_INET ? peer->v4.sin_port : peer->v6.sin6_port;
  uint32_t h = (uint32_t)((uintptr_t)l >> 4);

  h ^= port * 0x85ebca6bU;
  h = hash_of(&a) ^ h * 0x9e3779b1U;
  return &r->udp.buckets[h >> 20];
}

static int same_peer(union address const *a, union address const *b)
{
  if (a->sa.sa_family == AF_INET)
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr && a->v4.sin_port == b->v4.sin_port;
  return IN6_ARE_ADDR_EQUAL(&a->v6.sin6_addr, &b->v6.sin6_addr) &&
         a->v6.sin6_port == b->v6.sin6_port && a->v6.sin6_scope_id == b->v6.sin6_scope_id;
}

/* What the session has in other tables. */
static void release(struct relay *r, struct session *s)
{
  if (s->ruled)
    srcip_answers(r, 0, s->from->target, s->from->port, &s->shown);
  if (s->client)
    client_drop(r, s->client);
  s->ruled = 0;
  s->client = NULL;
}

static void end(struct relay *r, struct session *s)
{
  struct port *p = s->from->target->port;
  struct session **at = bucket(r, s->from, &s->peer);

  while (*at != s)
    at = &(*at)->next;
  *at = s->next;
  share_remove(r, s);
  close(s->src.fd);
  release(r, s);
  p->stat.now--;
  port_touch(p);
  r->udp.n--;
  r->freed++;
  s->src.bits |= ENDED;
  s->next = r->udp.dead;
  r->udp.dead = s;
}

void udp_free_dead(struct relay *r)
{
  while (r->udp.dead) {
    struct session *s = r->udp.dead;
    r->udp.dead = s->next;
    slab_put(&r->udp.sessions, s);
  }
}

void udp_end_all(struct relay *r, struct port *p)
{
  while (p->ages.oldest)
    end(r, p->ages.oldest);
}

int udp_give_way(struct relay *r)
{
  struct session *s = share_for_tcp(r);

  if (!s)
    return 0;
  end(r, s);
  return 1;
}

static void end_idle(struct relay *r, struct port *p)
{
  uint64_t idle = (uint64_t)p->idle * 1000;

  while (p->ages.oldest && r->now - p->ages.oldest->used >= idle)
    end(r, p->ages.oldest);
}

int udp_tick(struct relay *r, struct port *first)
{
  for (struct port *p = first; p; p = p->next)
    end_idle(r, p);
  /* A burst may have filled 4 MiB; a second without one gives them back. */
  if (r->udp.was_dirty && !r->udp.dirty)
    madvise(r->datagrams.slot, sizeof r->datagrams.slot, MADV_DONTNEED);
  r->udp.was_dirty = r->udp.dirty;
  r->udp.dirty = 0;
  return r->udp.n || r->udp.was_dirty;
}

/* What the backend will see, and the rule that brings its answers back. */
static int rule(struct relay *r, struct session *s, int fd)
{
  socklen_t len = sizeof s->shown;

  if (!s->client)
    return 0;
  if (getsockname(fd, &s->shown.sa, &len) == -1)
    return -1;
  if (srcip_answers(r, 1, s->from->target, s->from->port, &s->shown) == -1)
    return -1;
  s->ruled = 1;
  return 0;
}

static void undo(struct relay *r, struct session *s, int fd)
{
  int e = errno;

  release(r, s);
  close(fd);
  errno = e;
}

/* No rule can name port 65535 (route.c). */
static int has_last_port(union address const *a)
{
  if (a->sa.sa_family == AF_INET6)
    return a->v6.sin6_port == 0xffff;
  return a->v4.sin_port == 0xffff;
}

/* Make the socket look like the client; with another source port if its own is taken towards the
   backend. */
static int connect_as_client(struct relay *r, struct session *s, int fd, int *kept)
{
  union address client = s->peer;
  socklen_t len;
  union address dest = listener_backend(s->from, &len);
  int other = has_last_port(&client);

  if (srcip_bind(r, s->from->target, fd, &client, other, &s->client, kept) == -1)
    return -1;
  if (rule(r, s, fd) == -1)
    return -1;
  return connect(fd, &dest.sa, len);
}

/* A socket inside that looks like the client, and is watched. 0, or -1 with errno. */
static int connect_backend(struct relay *r, struct session *s, int *kept)
{
  int family = s->from->target->dest.sa.sa_family;
  int on = 1;
  int bytes = BUFFER;
  int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd == -1)
    return -1;
  if (connect_as_client(r, s, fd, kept) == -1) {
    undo(r, s, fd);
    return -1;
  }
  setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  s->src = (struct source){
    .fd = fd,
    .kind = KIND_SESSION,
  };
  if (relay_watch(r, &s->src, EPOLLIN) == -1) {
    undo(r, s, fd);
    return -1;
  }
  return 0;
}

/* asked: null: any */
static struct session *find(struct relay *r, struct listener const *l, union address const *peer,
                            struct in6_addr const *asked)
{
  for (struct session *s = *bucket(r, l, peer); s; s = s->next) {
    if (s->from != l || !same_peer(&s->peer, peer))
      continue;
    if (!asked || IN6_ARE_ADDR_EQUAL(&s->asked, asked))
      return s;
  }
  return NULL;
}

static void use(struct relay *r, struct session *s)
{
  share_use(r, s);
  s->used = r->now;
}

/* Where there is no fd, the session that was silent longest makes room. */
static int open_session(struct relay *r, struct session *s, int *kept)
{
  int e = connect_backend(r, s, kept);

  if (e == -1 && (errno == EMFILE || errno == ENFILE) && share_oldest(r)) {
    end(r, share_oldest(r));
    e = connect_backend(r, s, kept);
  }
  if (e == -1)
    return -1;
  if (share_add(r, s) == 0)
    return 0;
  undo(r, s, s->src.fd);
  return -1;
}

static void make_room(struct relay *r, union address const *peer)
{
  for (;;) {
    struct session *victim = share_victim(r, peer);
    if (!victim)
      return;
    end(r, victim);
  }
}

/* A session with its socket; NULL: there can be none now. */
static struct session *make(struct relay *r, struct listener *l, union address const *peer,
                            struct in6_addr const *asked, int *kept)
{
  struct session *s = slab_get(&r->udp.sessions, sizeof *s);

  if (!s)
    return NULL;
  s->from = l;
  s->peer = *peer;
  s->asked = *asked;
  s->batch = 1;
  s->used = r->now;
  if (open_session(r, s, kept) == 0)
    return s;
  slab_put(&r->udp.sessions, s);
  return NULL;
}

static struct session *begin(struct relay *r, struct listener *l, union address const *peer,
                             struct in6_addr const *asked)
{
  struct port *p = l->target->port;
  int kept = 0;

  make_room(r, peer);
  struct session *s = make(r, l, peer, asked, &kept);
  port_touch(p);
  if (!s) {
    p->stat.refused++;
    return NULL;
  }
  struct session **at = bucket(r, l, peer);
  s->next = *at;
  *at = s;
  r->udp.n++;
  p->stat.now++;
  p->stat.total++;
  p->stat.kept += (uint64_t)kept;
  timer_arm(r, TIMER_SECOND);
  return s;
}

static void prepare_message(struct datagrams *d, unsigned int i, int named)
{
  struct msghdr *m = &d->message[i].msg_hdr;

  d->vector[i] = (struct iovec){d->slot[i], DATAGRAM_SLOT};
  memset(m, 0, sizeof *m);
  m->msg_iov = &d->vector[i];
  m->msg_iovlen = 1;
  m->msg_control = d->control[i];
  m->msg_controllen = DATAGRAM_CONTROL;
  if (named) {
    m->msg_name = &d->name[i];
    m->msg_namelen = sizeof d->name[i];
  }
}

/* How many were received, at most n; -1 with errno. named: with their senders. */
static int gather(struct relay *r, int fd, unsigned int n, int named)
{
  struct datagrams *d = &r->datagrams;

  for (unsigned int i = 0; i < n; i++)
    prepare_message(d, i, named);
  r->udp.dirty = 1;
  if (n > 1)
    return recvmmsg(fd, d->message, n, MSG_DONTWAIT, NULL);
  ssize_t len = recvmsg(fd, &d->message[0].msg_hdr, MSG_DONTWAIT);
  d->message[0].msg_len = (unsigned int)len;
  return len == -1 ? -1 : 1;
}

/* Nothing can be sent from the address of a multicast group: answers go out from what the kernel
   chooses. (IP_PKTINFO gives the interface's own address.) */
static int is_group(struct in6_addr const *a)
{
  if (IN6_IS_ADDR_V4MAPPED(a))
    return (a->s6_addr[12] & 0xf0) == 0xe0;
  return IN6_IS_ADDR_MULTICAST(a);
}

/* One thing that the kernel says beside a datagram. */
static void detail(struct cmsghdr const *h, size_t *segment, struct in6_addr *asked)
{
  struct in_pktinfo four;
  struct in6_pktinfo six;
  int size;

  if (h->cmsg_level == IPPROTO_UDP && h->cmsg_type == UDP_GRO) {
    memcpy(&size, CMSG_DATA(h), sizeof size);
    *segment = (size_t)size;
    return;
  }
  if (!asked)
    return;
  if (h->cmsg_level == IPPROTO_IP && h->cmsg_type == IP_PKTINFO) {
    memcpy(&four, CMSG_DATA(h), sizeof four);
    asked->s6_addr[10] = 0xff;
    asked->s6_addr[11] = 0xff;
    memcpy(asked->s6_addr + 12, &four.ipi_spec_dst, 4);
  } else if (h->cmsg_level == IPPROTO_IPV6 && h->cmsg_type == IPV6_PKTINFO) {
    memcpy(&six, CMSG_DATA(h), sizeof six);
    if (!is_group(&six.ipi6_addr))
      *asked = six.ipi6_addr;
  }
}

/* What the kernel says beside a datagram: the address that was asked, and the size of a
   super-packet's segments. */
static size_t details(struct msghdr const *m, struct in6_addr *asked)
{
  size_t segment = 0;
  size_t at = 0;

  while (at + CMSG_LEN(0) <= (size_t)m->msg_controllen) {
    struct cmsghdr *h = (struct cmsghdr *)((char *)m->msg_control + at);
    if (h->cmsg_len < CMSG_LEN(0))
      break;
    detail(h, &segment, asked);
    at += CMSG_SPACE(h->cmsg_len - CMSG_LEN(0));
  }
  return segment;
}

/* 1, 4, 16, 64 while batches come full; back by the same steps. */
static uint16_t resize(uint16_t batch, int got)
{
  if (got == batch)
    return batch < DATAGRAMS ? (uint16_t)(batch * 4) : DATAGRAMS;
  return got * 4 <= batch && batch > 1 ? (uint16_t)(batch / 4) : batch;
}

/* One client that is gone, as ICMP said. 0: there is no further one. */
static int end_gone(struct relay *r, struct listener const *l)
{
  struct datagrams *d = &r->datagrams;
  union address peer;
  struct iovec v = {d->slot[0], DATAGRAM_SLOT};
  struct msghdr m = {
    .msg_name = &peer,
    .msg_namelen = sizeof peer,
    .msg_iov = &v,
    .msg_iovlen = 1,
    .msg_control = d->control[0],
    .msg_controllen = DATAGRAM_CONTROL,
  };
  struct session *s;

  memset(&peer, 0, sizeof peer);
  if (recvmsg(l->src.fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT) == -1)
    return 0;
  if (!m.msg_namelen)
    return 1;
  while ((s = find(r, l, &peer, NULL)))
    end(r, s);
  return 1;
}

static void errors(struct relay *r, struct listener const *l)
{
  for (int i = 0; i < DATAGRAMS; i++)
    if (!end_gone(r, l))
      return;
}

/* The i-th datagram that a listener has received. */
static void forward(struct relay *r, struct batch *out, struct listener *l, int i)
{
  struct datagrams *d = &r->datagrams;
  struct mmsghdr *m = &d->message[i];
  struct in6_addr asked = IN6ADDR_ANY_INIT;
  size_t segment = details(&m->msg_hdr, &asked);
  struct session *s = find(r, l, &d->name[i], &asked);

  if (!s) {
    batch_flush(out); /* making room may end the session of the run */
    s = begin(r, l, &d->name[i], &asked);
  }
  if (!s) {
    l->target->port->stat.dropped++;
    return;
  }
  use(r, s);
  batch_add(out, s, 0, d->slot[i], m->msg_len, segment);
}

void udp_event(struct relay *r, struct listener *l, uint32_t events)
{
  if (l->state != LISTENER_OPEN)
    return;
  if (events & EPOLLERR)
    errors(r, l);
  if (!listener_takes(r, l))
    return;
  for (int round = 0; round < ROUNDS; round++) {
    struct batch out;
    uint16_t batch = l->batch;
    int got = gather(r, l->src.fd, batch, 1);

    if (got <= 0)
      return;
    l->batch = resize(batch, got);
    out.n = 0;
    for (int i = 0; i < got; i++)
      forward(r, &out, l, i);
    batch_flush(&out);
    if (got >= YIELD)
      sched_yield();
    if (got < batch || batch == 1)
      return; /* a single echo has no second one after it */
  }
}

/* An ICMP error: nobody is there. */
static void refused(struct relay *r, struct session *s)
{
  s->from->target->port->stat.refused++;
  listener_suspect(r, s->from);
  end(r, s);
}

void udp_session_event(struct relay *r, struct source *src)
{
  struct session *s = (struct session *)src;
  struct datagrams *d = &r->datagrams;

  if (src->bits & ENDED)
    return;
  for (int round = 0; round < ROUNDS; round++) {
    struct batch out;
    uint16_t batch = s->batch;
    int got = gather(r, src->fd, batch, 0);

    if (got == -1 && (errno == EAGAIN || errno == EINTR))
      return;
    if (got == -1)
      return refused(r, s);
    s->batch = resize(batch, got);
    use(r, s);
    out.n = 0;
    for (int i = 0; i < got; i++) {
      struct mmsghdr *m = &d->message[i];
      batch_add(&out, s, 1, d->slot[i], m->msg_len, details(&m->msg_hdr, NULL));
    }
    batch_flush(&out);
    if (got >= YIELD)
      sched_yield();
    if (got < batch || batch == 1)
      return; /* a single echo has no second one after it */
  }
}
