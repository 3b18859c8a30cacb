/* SPDX-License-Identifier: ISC
   The host's resolv.conf and hosts, followed: the chain's are written again whenever they change
   (VPN, Wi-Fi). */
#include "etc.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/inotify.h>

#include <skalibs/strerr.h>

enum { LINKS_MAX = 16, TRACE_MAX = 1024, SETTLE_MS = 50, LOOK_MS = 2000 };

/* More directories than there is room for: their files are looked at instead. */
static void poll_instead(struct etc_watch *watch)
{
  if (rk_notify_poll(&watch->notify, "") == -1)
    strerr_warnwusys("follow the host's /etc/resolv.conf and /etc/hosts");
}

static void warn_polled(struct etc_watch const *watch)
{
  char const *sysctl = watch->notify.sysctl;

  if (*sysctl)
    strerr_warnw("unable to follow the host's /etc/resolv.conf and /etc/hosts: looking at them "
                 "every two seconds instead (",
                 sysctl, ")");
}

static void watch_directory(struct etc_watch *watch, char const *path, uint64_t name)
{
  int wd = rk_notify_add(&watch->notify, path,
                         IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE);

  if (wd <= 0)
    return;
  if (watch->n == ETC_WATCHES) {
    poll_instead(watch);
    return;
  }
  watch->watched[watch->n].wd = wd;
  watch->watched[watch->n].name = name;
  watch->n++;
}

/* A path that is resolved step by step. */
struct trace {
  char at[TRACE_MAX]; /* where we are: absolute, no link in it */
  size_t len;
  char rest[TRACE_MAX]; /* what is still to be resolved */
  int links;
};

static void go_up(struct trace *t)
{
  while (t->len > 1) {
    t->len--;
    if (t->at[t->len] == '/')
      break;
  }
  t->at[t->len] = 0;
}

/* Append a name. 0 with errno: there is no room. */
static int go_down(struct trace *t, char const *name, size_t n)
{
  errno = ENAMETOOLONG;
  if (t->len + n + 2 > sizeof t->at)
    return 0;
  if (t->len > 1)
    t->at[t->len++] = '/';
  memcpy(t->at + t->len, name, n);
  t->len += n;
  t->at[t->len] = 0;
  return 1;
}

/* We have come from the directory at[0..parent) to a name there: if that is a link, its target is
   to be resolved first. s: the part of rest after the name. Returns where to go on, NULL: nowhere,
   with errno, ENAMETOOLONG or ELOOP if this is not for want of a file. */
static char const *follow_link(struct trace *t, size_t parent, char const *s)
{
  char link[TRACE_MAX];
  ssize_t r = readlink(t->at, link, sizeof link);

  if (r == -1)
    return errno == EINVAL ? s : NULL;
  t->links++;
  errno = ELOOP;
  if (t->links > LINKS_MAX)
    return NULL;
  errno = ENAMETOOLONG;
  if ((size_t)r + strlen(s) + 1 > sizeof link)
    return NULL;
  memcpy(link + r, s, strlen(s) + 1);
  memcpy(t->rest, link, strlen(link) + 1);
  t->len = t->rest[0] == '/' ? 1 : parent;
  t->at[t->len] = 0;
  return t->rest;
}

/* Watch every directory through which the path leads, for that one name in it: any link on the way
   may be the one that changes, and a replaced file makes no noise of its own. */
static void watch_path(struct etc_watch *watch, char const *path)
{
  struct trace t = {.at = "/", .len = 1};
  char const *s = t.rest;

  if (strlen(path) >= sizeof t.rest)
    return;
  memcpy(t.rest, path, strlen(path) + 1);
  while (s) {
    size_t n, parent = t.len;

    s += strspn(s, "/");
    if (!*s)
      break;
    n = strcspn(s, "/");
    if (n == 1 && *s == '.') {
      s += 1;
    } else if (n == 2 && s[0] == '.' && s[1] == '.') {
      go_up(&t);
      s += 2;
    } else {
      watch_directory(watch, t.at, etc_hash(s, n));
      s = go_down(&t, s, n) ? follow_link(&t, parent, s + n) : NULL;
    }
  }
  if (s)
    watch_directory(watch, t.at, 0);
  else if (errno == ENAMETOOLONG || errno == ELOOP)
    poll_instead(watch);
}

static void watch_files(struct etc_watch *watch)
{
  int had = watch->notify.sysctl != NULL;

  for (unsigned int i = 0; i < watch->n; i++)
    inotify_rm_watch(watch->notify.fd, watch->watched[i].wd);
  watch->n = 0;
  for (size_t i = 0; i < ETC_FILES && !watch->notify.sysctl; i++)
    watch_path(watch, watch->etc->file[i].host);
  if (!had && watch->notify.sysctl)
    warn_polled(watch);
}

static void refresh(void *ctx)
{
  struct etc_watch *watch = ctx;
  struct etc *etc = watch->etc;
  uint64_t before = etc->nameservers;

  watch_files(watch);
  for (size_t i = 0; i < ETC_FILES; i++)
    if (etc_update(etc, &etc->file[i]) == -1)
      strerr_warnwusys("follow the host's ", etc->file[i].host);
  if (etc->nameservers != before)
    watch->nameservers_changed(watch->ctx);
}

static int is_ours(struct etc_watch const *watch, struct inotify_event const *e, char const *name)
{
  uint64_t hash = etc_hash(name, strnlen(name, e->len));

  if (e->mask & IN_Q_OVERFLOW)
    return 1;
  for (unsigned int i = 0; i < watch->n; i++) {
    if (watch->watched[i].wd != e->wd)
      continue;
    if (!watch->watched[i].name || watch->watched[i].name == hash)
      return 1;
  }
  return 0;
}

static void notify_ready(void *ctx, short revents)
{
  struct etc_watch *watch = ctx;
  union {
    struct inotify_event e;
    char b[sizeof(struct inotify_event) + NAME_MAX + 1];
  } in;
  ssize_t r;
  int ours = 0;

  (void)revents;
  while ((r = rk_notify_read(&watch->notify, in.b, sizeof in)) > 0)
    for (ssize_t i = 0; i < r;) {
      struct inotify_event e;

      memcpy(&e, in.b + i, sizeof e);
      ours |= is_ours(watch, &e, in.b + i + sizeof e);
      i += (ssize_t)(sizeof e + e.len);
    }
  /* A file is often written in several steps. */
  if (ours)
    rk_timer_start(watch->loop, &watch->settle, SETTLE_MS);
}

void etc_watch_start(struct etc_watch *watch)
{
  watch->settle = (struct rk_timer){.due = refresh, .ctx = watch};
  watch->n = 0;
  if (rk_notify_open(&watch->notify, LOOK_MS) == -1) {
    strerr_warnwusys("follow the host's /etc/resolv.conf and /etc/hosts");
    return;
  }
  watch->ready = (struct rk_watch){
    .fd = watch->notify.fd,
    .events = POLLIN,
    .ready = notify_ready,
    .ctx = watch,
  };
  rk_loop_add(watch->loop, &watch->ready); /* there is room for all (RK_LOOP_FDS) */
  if (watch->notify.sysctl)
    warn_polled(watch);
  refresh(watch); /* what has changed since they were read */
}
