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

void share_start(struct relay *r)
{
  struct rlimit files;

  r->share.most = MOST;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur / 2 < MOST)
    r->share.most = (unsigned int)(files.rlim_cur / 2);
  if (r->share.most < LEAST)
    r->share.most = LEAST;
  r->share.kept = r->share.most / 4;
}

static void unlink_age(struct ages *ages, struct session *s, enum age which)
{
  struct session *older = s->age[which].older;
  struct session *newer = s->age[which].newer;

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
  struct in6_addr a = mapped(peer);

  if (!IN6_IS_ADDR_V4MAPPED(&a))
    memset(a.s6_addr + 8, 0, 8);
  return a;
}

static struct sender **bucket(struct relay *r, struct in6_addr const *a)
{
  return &r->share.buckets[hash_of(a) >> 22];
}

static struct sender *find(struct relay *r, struct in6_addr const *a)
{
  struct sender *at = *bucket(r, a);

  while (at && !IN6_ARE_ADDR_EQUAL(&at->addr, a))
    at = at->next;
  return at;
}

struct session *share_victim(struct relay *r, union address const *peer)
{
  struct in6_addr a = address_of(peer);
  struct sender *sender = find(r, &a);

  if (sender && sender->n >= r->share.most / 2)
    return sender->ages.oldest;
  return r->share.n >= r->share.most ? r->share.all.oldest : NULL;
}

struct session *share_oldest(struct relay const *r)
{
  return r->share.all.oldest;
}

struct session *share_for_tcp(struct relay const *r)
{
  return r->share.n > r->share.kept ? r->share.all.oldest : NULL;
}

/* NULL with errno */
static struct sender *find_or_make(struct relay *r, struct in6_addr const *a)
{
  struct sender *sender = find(r, a);
  struct sender **at = bucket(r, a);

  if (sender)
    return sender;
  sender = slab_get(&r->share.senders, sizeof *sender);
  if (!sender)
    return NULL;
  sender->addr = *a;
  sender->next = *at;
  *at = sender;
  return sender;
}

int share_add(struct relay *r, struct session *s)
{
  struct in6_addr a = address_of(&s->peer);
  struct sender *sender = find_or_make(r, &a);

  if (!sender)
    return -1;
  s->sender = sender;
  sender->n++;
  r->share.n++;
  append_age(&s->from->target->port->ages, s, AGE_PORT);
  append_age(&sender->ages, s, AGE_SENDER);
  append_age(&r->share.all, s, AGE_ALL);
  return 0;
}

void share_use(struct relay *r, struct session *s)
{
  renew(&s->from->target->port->ages, s, AGE_PORT);
  renew(&s->sender->ages, s, AGE_SENDER);
  renew(&r->share.all, s, AGE_ALL);
}

static void free_sender(struct relay *r, struct sender *sender)
{
  struct sender **at = bucket(r, &sender->addr);

  while (*at != sender)
    at = &(*at)->next;
  *at = sender->next;
  slab_put(&r->share.senders, sender);
}

void share_remove(struct relay *r, struct session *s)
{
  unlink_age(&s->from->target->port->ages, s, AGE_PORT);
  unlink_age(&s->sender->ages, s, AGE_SENDER);
  unlink_age(&r->share.all, s, AGE_ALL);
  r->share.n--;
  s->sender->n--;
  if (!s->sender->n)
    free_sender(r, s->sender);
}
