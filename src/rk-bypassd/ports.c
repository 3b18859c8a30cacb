/* SPDX-License-Identifier: ISC
   What is published, as rk-portd says it over its connection. */
#include "bypassd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <rk/sys.h>

void ports_keep(int listener)
{
  rk_send_fd(RK_BYPASS_HUB_FD, "l", 1, listener);
}

/* Another rk-portd could not bind what the program still listens on. */
static void tell_kept(struct bypassd const *b, int client)
{
  struct rk_bypass_say const kept = {.version = RK_BYPASS_VERSION, .op = RK_BYPASS_KEPT};

  for (struct offer const *o = b->offer; o < b->offer + OFFERS; o++)
    if (o->used && o->client == NOBODY)
      rk_send_fd(client, &kept, sizeof kept, o->socket);
}

void ports_hub(struct bypassd *b)
{
  char byte;
  int fd;
  ssize_t n = rk_recv_fd(RK_BYPASS_HUB_FD, &byte, 1, &fd);

  if (n == 0)
    event_remove(b, RK_BYPASS_HUB_FD); /* rk-outside was killed */
  if (n == -1 || fd == -1)
    return;
  for (unsigned int i = 0; i < CLIENTS; i++) {
    if (b->client[i].fd != -1)
      continue;
    if (event_add(b, EVENT_CLIENT, i, fd, EPOLLIN) == -1)
      break;
    b->client[i] = (struct client){.fd = fd};
    tell_kept(b, fd);
    return;
  }
  close(fd);
}

int ports_expected(struct bypassd const *b)
{
  int fd, held;

  for (unsigned int i = 0; i < CLIENTS; i++)
    if (b->client[i].fd != -1 && b->client[i].ready)
      return 0;
  /* rk-portd has locked this directory as long as it runs */
  fd = openat(b->state, "ports.status", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1)
    return 0;
  held = flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
  close(fd);
  return held;
}

static void close_fd(int *fd)
{
  if (*fd != -1)
    close(*fd);
  *fd = -1;
}

static void remove_offer(struct offer *offer)
{
  close_fd(&offer->socket);
  close_fd(&offer->holder);
  offer->used = 0;
}

static void hang_up(struct bypassd *b, unsigned int index)
{
  close_fd(&b->client[index].fd);
  b->client[index].ready = 0;
  for (struct offer *o = b->offer; o < b->offer + OFFERS; o++) {
    if (!o->used || o->client != index)
      continue;
    if (o->socket == -1)
      remove_offer(o);
    else
      o->client = NOBODY;
  }
}

static struct offer *find(struct bypassd *b, unsigned int index, uint32_t id)
{
  for (struct offer *o = b->offer; o < b->offer + OFFERS; o++)
    if (o->used && o->client == index && o->id == id)
      return o;
  return NULL;
}

int ports_ask(struct bypassd *b, struct offer const *offer, struct rk_bypass_say *say)
{
  say->version = RK_BYPASS_VERSION;
  say->id = offer->id;
  return (int)send(b->client[offer->client].fd, say, sizeof *say, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Nothing has it any more: it is rk-portd's again. */
static void free_offer(struct bypassd *b, struct offer *offer)
{
  struct rk_bypass_say say = {.op = RK_BYPASS_FREE};

  if (offer->client == NOBODY) {
    remove_offer(offer);
    return;
  }
  close_fd(&offer->socket);
  close_fd(&offer->holder);
  ports_ask(b, offer, &say);
}

static int watch_holder(struct bypassd *b, struct offer *offer)
{
  return event_add(b, EVENT_HOLDER, (unsigned int)(offer - b->offer), offer->holder, EPOLLIN);
}

/* A holder that is none is no mistake: the call may have ended before it was answered. */
void ports_taken(struct bypassd *b, struct offer *offer, int socket, int holder)
{
  if (offer->socket != -1 && offer->holder != -1) {
    /* a worker's: the first one stands for all */
    close_fd(&socket);
    close_fd(&holder);
    return;
  }
  close_fd(&offer->socket);
  offer->socket = socket;
  offer->holder = holder;
  if (holder == -1)
    offer->holder = holder_find(b, socket);
  if (offer->holder == -1 || watch_holder(b, offer) == -1)
    free_offer(b, offer);
}

int ports_held(struct bypassd *b, struct offer *offer)
{
  int holder = holder_find(b, offer->socket);

  if (holder == -1)
    return 0;
  close_fd(&offer->holder);
  offer->holder = holder;
  watch_holder(b, offer);
  return 1;
}

void ports_holder_ended(struct bypassd *b, unsigned int index)
{
  struct offer *offer = &b->offer[index];

  if (!offer->used || offer->holder == -1)
    return;
  if (!ports_held(b, offer))
    free_offer(b, offer);
}

/* Somebody offers it again. */
static void forget_kept(struct bypassd *b, int socket)
{
  uint64_t cookie = socket_cookie(socket, SO_COOKIE);

  for (struct offer *o = b->offer; o < b->offer + OFFERS; o++)
    if (o->used && o->client == NOBODY && socket_cookie(o->socket, SO_COOKIE) == cookie)
      remove_offer(o);
}

static void add_offer(struct bypassd *b, unsigned int index, struct rk_bypass_say const *say,
                      int socket)
{
  struct offer *o = find(b, index, say->id);

  if (o)
    remove_offer(o);
  if (socket != -1 && !socket_is_hosts(b, socket))
    close_fd(&socket); /* root inside's: rk-portd would get it as one that is kept */
  if (socket != -1)
    forget_kept(b, socket);
  for (o = b->offer; o < b->offer + OFFERS; o++) {
    if (o->used)
      continue;
    *o = (struct offer){
      .used = 1, .client = index, .id = say->id, .dest = say->dest, .socket = -1, .holder = -1};
    if (socket != -1)
      ports_taken(b, o, socket, -1);
    return;
  }
  close_fd(&socket); /* too many: it stays on the relay */
}

static enum ports_news hear(struct bypassd *b, unsigned int index, struct ports_heard *h)
{
  int fd = h->fd;

  h->offer = find(b, index, h->say.id);
  switch (h->say.op) {
    case RK_BYPASS_OFFER:
      h->fd = -1;
      add_offer(b, index, &h->say, fd);
      return PORTS_NOTHING;
    case RK_BYPASS_DROP:
      if (h->offer)
        remove_offer(h->offer);
      return PORTS_NOTHING;
    case RK_BYPASS_READY: b->client[index].ready = 1; return PORTS_READY;
    case RK_BYPASS_LISTEN: return fd == -1 ? PORTS_NOTHING : PORTS_LISTEN;
    case RK_BYPASS_GIVE: return h->offer ? PORTS_GIVEN : PORTS_NOTHING;
    default: hang_up(b, index); return PORTS_LOST;
  }
}

enum ports_news ports_client(struct bypassd *b, unsigned int index, struct ports_heard *h)
{
  enum ports_news news;
  ssize_t n;

  h->fd = -1;
  if (b->client[index].fd == -1)
    return PORTS_NOTHING;
  n = rk_recv_fd(b->client[index].fd, &h->say, sizeof h->say, &h->fd);
  if (n == -1 && errno == EAGAIN)
    return PORTS_NOTHING;
  if (n == sizeof h->say && h->say.version == RK_BYPASS_VERSION) {
    news = hear(b, index, h);
  } else {
    hang_up(b, index);
    news = PORTS_LOST;
  }
  if (news != PORTS_GIVEN && news != PORTS_LISTEN)
    close_fd(&h->fd);
  return news;
}

/* The one offer that is meant by a bind. Two that lead to one port inside would need two sockets:
   both stay on the relay, as does what listens on the inside's loopback only. */
struct offer *ports_bound(struct bypassd *b, struct address const *address, int family, int v6only)
{
  struct address plain = address_plain(address);
  struct offer *found = NULL;
  int any = address_is_any(&plain);

  if (!address_port(&plain) || address_is_loopback(&plain))
    return NULL;
  for (struct offer *o = b->offer; o < b->offer + OFFERS; o++) {
    if (!o->used || o->dest.port != address_port(&plain))
      continue;
    if (!any && !address_is(&plain, &o->dest))
      continue;
    if (any && family == AF_INET && o->dest.family != AF_INET)
      continue;
    if (any && v6only && o->dest.family != AF_INET6)
      continue;
    if (found)
      return NULL;
    found = o;
  }
  return found;
}

struct offer *ports_reached(struct bypassd *b, struct address const *address)
{
  for (struct offer *o = b->offer; o < b->offer + OFFERS; o++)
    if (o->used && o->socket != -1 && o->dest.port == address_port(address))
      return o;
  return NULL;
}
