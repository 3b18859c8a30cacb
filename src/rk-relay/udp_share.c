/* SPDX-License-Identifier: ISC
   Who may have how many UDP sessions, and which one has to go for another.

   A session costs a datagram, and sources can be forged. So all sessions together hold at most half
   of the file descriptors, and those of one sender (an IPv6 sender has a /64) half of that: at its
   bound a sender loses its own oldest session, all together lose the oldest of all. Lists by last
   use, one for each port, each sender, and all: a use costs a few assignments in each. */
#include <string.h>
#include <sys/resource.h>

#include "udp.h"

enum {
  BUCKETS = 1024,
  LEAST = 4,
  MOST = 8192 /* each has a rule, and rules are a list: route.c */
};

/* Senders are found by address. */
struct sender {
  struct sender *next; /* of the bucket */
  struct in6_addr addr;
  struct ages ages;
  unsigned int n;
};

static struct {
  struct slab senders;
  struct sender *buckets[BUCKETS];
  struct ages all;
  unsigned int n, most, kept; /* sessions; at most; so many are left alone when TCP needs more */
} share = {.senders = {.size = sizeof(struct sender)}};

void share_start(void)
{
  struct rlimit files;

  share.most = MOST;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < MOST)
    share.most = (unsigned int)(files.rlim_cur / 2);
  if (share.most < LEAST)
    share.most = LEAST;
  share.kept = share.most / 4;
}

static void unlink_age(struct ages *ages, struct session *s, enum age which)
{
  struct session *older = s->age[which].older, *newer = s->age[which].newer;

  if (older)
    older->age[which].newer = newer;
  else
    ages->oldest = newer;
  if (newer)
    newer->age[which].older = older;
  else
    ages->newest = older;
}

static void append_age(struct ages *ages, struct session *s, enum age which)
{
  s->age[which].newer = NULL;
  s->age[which].older = ages->newest;
  if (ages->newest)
    ages->newest->age[which].newer = s;
  else
    ages->oldest = s;
  ages->newest = s;
}

static void renew(struct ages *ages, struct session *s, enum age which)
{
  if (ages->newest == s)
    return;
  unlink_age(ages, s, which);
  append_age(ages, s, which);
}

static struct in6_addr address_of(union address const *peer)
{
  struct in6_addr a = {{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}};

  if (peer->sa.sa_family == AF_INET) {
    memcpy(a.s6_addr + 12, &peer->v4.sin_addr, sizeof peer->v4.sin_addr);
    return a;
  }
  a = peer->v6.sin6_addr;
  if (!IN6_IS_ADDR_V4MAPPED(&a))
    memset(a.s6_addr + 8, 0, 8);
  return a;
}

static struct sender **bucket(struct in6_addr const *a)
{
  uint32_t w[4];

  memcpy(w, a, sizeof w);
  return &share.buckets[(w[0] ^ w[1] * 0x9e3779b1U ^ w[3] * 0xc2b2ae35U) * 0x9e3779b1U >> 22];
}

static struct sender *find(struct in6_addr const *a)
{
  struct sender *at = *bucket(a);

  while (at && !IN6_ARE_ADDR_EQUAL(&at->addr, a))
    at = at->next;
  return at;
}

struct session *share_victim(union address const *peer)
{
  struct in6_addr a = address_of(peer);
  struct sender *sender = find(&a);

  if (sender && sender->n >= share.most / 2)
    return sender->ages.oldest;
  return share.n >= share.most ? share.all.oldest : NULL;
}

struct session *share_oldest(void)
{
  return share.all.oldest;
}

struct session *share_for_tcp(void)
{
  return share.n > share.kept ? share.all.oldest : NULL;
}

int share_add(struct session *s)
{
  struct in6_addr a = address_of(&s->peer);
  struct sender *sender = find(&a);

  if (!sender) {
    sender = slab_get(&share.senders);
    if (!sender)
      return -1;
    struct sender **at = bucket(&a);
    sender->addr = a;
    sender->next = *at;
    *at = sender;
  }
  s->sender = sender;
  sender->n++;
  share.n++;
  append_age(&s->from->target->port->ages, s, AGE_PORT);
  append_age(&sender->ages, s, AGE_SENDER);
  append_age(&share.all, s, AGE_ALL);
  return 0;
}

void share_use(struct session *s)
{
  renew(&s->from->target->port->ages, s, AGE_PORT);
  renew(&s->sender->ages, s, AGE_SENDER);
  renew(&share.all, s, AGE_ALL);
}

void share_remove(struct session *s)
{
  struct sender *sender = s->sender, **at = bucket(&sender->addr);

  unlink_age(&s->from->target->port->ages, s, AGE_PORT);
  unlink_age(&sender->ages, s, AGE_SENDER);
  unlink_age(&share.all, s, AGE_ALL);
  share.n--;
  if (--sender->n)
    return;
  while (*at != sender)
    at = &(*at)->next;
  *at = sender->next;
  slab_put(&share.senders, sender);
}
