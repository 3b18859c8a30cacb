/* SPDX-License-Identifier: ISC */
#include "owner.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <rk/sys.h>

/* A command such as rootlessctl ends within some milliseconds after its answer. Each owner holds an
   fd while it lives. */
enum { STAYS_MS = 200, OWNERS_MAX = 64 };

struct apid_owner {
  struct apid_owners *all;
  struct apid_owner *next;
  pid_t pid;
  int pidfd; /* -1: it has ended */
  int64_t since;
  int stayed; /* when it ended, it was no command */
  unsigned int refs;
};

int apid_owners_open(struct apid_owners *all)
{
  all->fd = epoll_create1(EPOLL_CLOEXEC);
  return all->fd == -1 ? -1 : 0;
}

/* Is it in another user namespace, which can only be one below ours? pidfd: the pid is still its
   own. */
static int is_inside(pid_t pid, int pidfd)
{
  struct pollfd ended = {.fd = pidfd, .events = POLLIN};
  struct stat own, its;
  char path[64];

  snprintf(path, sizeof path, "/proc/%ld/ns/user", (long)pid);
  if (stat("/proc/self/ns/user", &own) == -1 || stat(path, &its) == -1)
    return 0;
  if (poll(&ended, 1, 0) != 0)
    return 0;
  return own.st_ino != its.st_ino;
}

static struct apid_owner *follow(struct apid_owners *all, pid_t pid, int pidfd, int64_t now)
{
  struct apid_owner *o = calloc(1, sizeof *o);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = o};

  if (!o)
    return NULL;
  if (epoll_ctl(all->fd, EPOLL_CTL_ADD, pidfd, &event) == -1) {
    free(o);
    return NULL;
  }
  *o = (struct apid_owner){
    .all = all, .next = all->first, .pid = pid, .pidfd = pidfd, .since = now, .refs = 1};
  all->first = o;
  all->n++;
  return o;
}

struct apid_owner *apid_owner_of(struct apid_owners *all, int sock, int64_t now)
{
  struct ucred peer;
  socklen_t len = sizeof peer;
  struct apid_owner *o;
  int pidfd;

  if (all->fd == -1 || getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
    return NULL;
  if (peer.pid <= 0) /* it is in a pid namespace that is none of ours */
    return NULL;
  apid_owners_settle(all, now);
  for (o = all->first; o; o = o->next) {
    if (o->pid != peer.pid || o->pidfd == -1)
      continue;
    o->refs++;
    return o;
  }
  if (all->n == OWNERS_MAX)
    return NULL;
  pidfd = rk_pidfd_open(peer.pid, 0);
  if (pidfd == -1)
    return NULL;
  o = is_inside(peer.pid, pidfd) ? follow(all, peer.pid, pidfd, now) : NULL;
  if (!o)
    close(pidfd);
  return o;
}

void apid_owner_drop(struct apid_owner *o)
{
  struct apid_owner **at;

  if (!o)
    return;
  o->refs--;
  if (o->refs)
    return;
  at = &o->all->first;
  while (*at != o)
    at = &(*at)->next;
  *at = o->next;
  o->all->n--;
  if (o->pidfd != -1)
    close(o->pidfd); /* epoll forgets it (epoll(7)) */
  free(o);
}

void apid_owners_settle(struct apid_owners *all, int64_t now)
{
  struct epoll_event event;

  if (all->fd == -1)
    return;
  while (epoll_wait(all->fd, &event, 1, 0) == 1) {
    struct apid_owner *o = event.data.ptr;
    o->stayed = now - o->since >= STAYS_MS;
    close(o->pidfd);
    o->pidfd = -1;
  }
}

int apid_owner_left(struct apid_owner const *o)
{
  return o && o->pidfd == -1 && o->stayed;
}
