/* SPDX-License-Identifier: ISC */
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/chain.h>
#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/notify.h>
#include <rk/state.h>

/* IN_CREATE: a hard link or symbolic link brings no other event. A file that is written in place is
   read when it is closed. */
enum {
  PORTS_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB,
  DIR_EVENTS = IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_MOVE_SELF,
  DYING_MS = 500,
  LOOK_MS = 200
};

static void unfollow(struct dir *dir)
{
  if (dir->portswatch > 0)
    inotify_rm_watch(dir->notify.fd, dir->portswatch);
  if (dir->ports != -1)
    fd_close(dir->ports); /* keeps errno */
  dir->portswatch = -1;
  dir->ports = -1;
}

static int is_same(int fd, int dir, char const *name)
{
  struct stat open;
  struct stat now;

  if (fstat(fd, &open) == -1 || fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == -1)
    return 0;
  return open.st_dev == now.st_dev && open.st_ino == now.st_ino;
}

/* Once. */
static void warn_polled(struct dir *dir)
{
  if (!dir->notify.sysctl || dir->polled)
    return;
  dir->polled = 1;
  strerr_warnw("unable to follow ", dir->path, ": looking there five times a second instead (",
               dir->notify.sysctl, ")");
}

int dir_follow(struct dir *dir)
{
  if (dir->ports != -1)
    return 0;
  dir->ports = rk_state_sub(dir->fd, "ports", 0);
  if (dir->ports == -1)
    return errno == ENOENT ? 0 : -1;
  dir->portswatch = rk_notify_add_fd(&dir->notify, dir->ports, PORTS_EVENTS | IN_ONLYDIR);
  warn_polled(dir);
  if (dir->portswatch != -1)
    return 0;
  unfollow(dir);
  return -1;
}

int dir_each(struct dir const *dir, void (*each)(void *ctx, char const *name), void *ctx)
{
  int fd = openat(dir->ports, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *entry;
  int e;

  if (!d) {
    if (fd != -1)
      fd_close(fd);
    return -1;
  }
  for (;;) {
    errno = 0; /* readdir(3): else its end and an error cannot be told apart */
    entry = readdir(d);
    if (!entry)
      break;
    if (entry->d_name[0] != '.')
      each(ctx, entry->d_name);
  }
  e = errno;
  closedir(d);
  errno = e;
  return e ? -1 : 0;
}

/* A new name of an empty regular file is one that is about to be written. */
static int unwritten(struct dir const *dir, char const *name)
{
  struct stat st;

  if (fstatat(dir->ports, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
    return 0;
  return S_ISREG(st.st_mode) && !st.st_size && st.st_nlink == 1;
}

/* 1 or 0; -1: that cannot be told now. */
static int exists(struct dir const *dir, char const *name)
{
  if (faccessat(dir->ports, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    return 1;
  return errno == ENOENT ? 0 : -1;
}

static void name_gone(struct dir *dir, char const *name)
{
  switch (exists(dir, name)) {
    case 0: dir->event(dir->ctx, DIR_PORT_GONE, name); break;
    case 1: break; /* an old event, and a new one follows: the new file must not be taken away */
    default: dir->event(dir->ctx, DIR_PORT, name);
  }
}

static void ports_event(struct dir *dir, struct inotify_event const *e)
{
  if (!e->len || dir->ports == -1)
    return;
  if (!strcmp(e->name, ".refresh") && exists(dir, e->name))
    dir->event(dir->ctx, DIR_REFRESH, NULL);
  if (!strcmp(e->name, ".default"))
    dir->event(dir->ctx, DIR_DEFAULT, NULL);
  if (e->name[0] == '.')
    return;
  if (e->mask & (IN_DELETE | IN_MOVED_FROM)) {
    name_gone(dir, e->name);
    return;
  }
  if (e->mask & IN_CREATE && unwritten(dir, e->name))
    return;
  dir->event(dir->ctx, DIR_PORT, e->name);
}

/* Of a network driver that publishes. */
static int is_api_socket(char const *name)
{
  return !strcmp(name, ".s4nn.sock") || !strcmp(name, ".gvp.sock") || !strcmp(name, ".pesto");
}

static void dir_event(struct dir *dir, struct inotify_event const *e)
{
  if (e->mask & IN_MOVE_SELF)
    dir->event(dir->ctx, DIR_MOVED, NULL);
  if (!e->len)
    return;
  if (!strcmp(e->name, "ports")) {
    unfollow(dir); /* another directory, perhaps, under the same name */
    dir->event(dir->ctx, DIR_PORTS, NULL);
  } else if (!strcmp(e->name, "ports.status")) {
    /* since it is open here, the kernel sends no IN_DELETE_SELF for it */
    if (e->mask & (IN_DELETE | IN_MOVED_FROM))
      dir->event(dir->ctx, DIR_STATUS_GONE, NULL);
  } else if (!strcmp(e->name, "child_pid")) {
    dir->event(dir->ctx, DIR_CHAIN, NULL);
  } else if (e->mask & IN_CREATE && is_api_socket(e->name)) {
    dir->event(dir->ctx, DIR_SOCKET, NULL);
  }
}

/* What events would have told, besides that anything may have changed. */
static void look(struct dir *dir)
{
  if (!is_same(dir->fd, AT_FDCWD, dir->path))
    dir->event(dir->ctx, DIR_MOVED, NULL);
  if (!is_same(dir->status, dir->fd, "ports.status"))
    dir->event(dir->ctx, DIR_STATUS_GONE, NULL);
  if (dir->ports != -1 && !is_same(dir->ports, dir->fd, "ports"))
    unfollow(dir);
  if (dir->ports != -1 && exists(dir, ".refresh") == 1)
    dir->event(dir->ctx, DIR_REFRESH, NULL);
}

static void ready(void *ctx, short revents)
{
  struct dir *dir = ctx;
  union {
    struct inotify_event align;
    char buf[8192];
  } u;
  ssize_t n = rk_notify_read(&dir->notify, u.buf, sizeof u.buf);
  int overflow = 0;

  (void)revents;
  for (ssize_t at = 0; at < n;) {
    struct inotify_event const *e = (void const *)(u.buf + at);
    at += (ssize_t)(sizeof *e + e->len);
    if (e->mask & IN_Q_OVERFLOW)
      overflow = 1;
    else if (e->wd == dir->dirwatch)
      dir_event(dir, e);
    else if (e->wd == dir->portswatch)
      ports_event(dir, e);
  }
  if (!overflow)
    return;
  if (dir->notify.sysctl)
    look(dir);
  dir->event(dir->ctx, DIR_OVERFLOW, NULL);
}

/* -1: somebody else has it. One that was killed has it until its last fd is closed: a moment is
   waited. */
static int lock_status(struct dir *dir)
{
  int64_t until = rk_clock_ms() + DYING_MS;

  dir->status = rk_state_sub(dir->fd, "ports.status", 1);
  /* rk-portd's own name: a chain that puts something else there keeps nobody from publishing */
  if (dir->status == -1 && rk_state_foreign(dir->fd, "ports.status") &&
      rk_state_away(dir->fd, "ports.status") == 0) {
    strerr_warnw(dir->path, "/ports.status was no directory of ours: it is renamed");
    dir->status = rk_state_sub(dir->fd, "ports.status", 1);
  }
  if (dir->status == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", dir->path, "/ports.status");
  while (flock(dir->status, LOCK_EX | LOCK_NB) == -1) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      strerr_diefusys(RK_EXIT_SYS, "lock ", dir->path, "/ports.status");
    if (rk_clock_ms() >= until)
      return -1;
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
  return 0;
}

int dir_status_again(struct dir *dir)
{
  struct stat st;

  if (fstat(dir->fd, &st) == -1 || !st.st_nlink)
    return -1;
  close(dir->status);
  if (lock_status(dir) == -1)
    strerr_dief(RK_EXIT_SYS, "another rk-portd serves ", dir->path);
  return 0;
}

/* Make the directory, and those above it that are missing (0755, as rk-state does). 0, or -1 with
   errno. */
static int make_all(char const *path)
{
  char buf[PATH_MAX];
  size_t len = strlen(path);

  if (len >= sizeof buf) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(buf, path, len + 1);
  for (char *p = strchr(buf + 1, '/'); p; p = strchr(p + 1, '/')) {
    *p = 0;
    /* One that is there may be in a file system where nothing can be made: the last call tells. */
    rk_mkdirat(AT_FDCWD, buf, 0755);
    *p = '/';
  }
  if (rk_mkdirat(AT_FDCWD, buf, 0700) == -1 && errno != EEXIST)
    return -1;
  return 0;
}

void dir_open(struct dir *dir, char const *path, struct rk_loop *loop,
              void (*event)(void *ctx, enum dir_event event, char const *name), void *ctx)
{
  char const *why;

  dir->ports = -1;
  dir->portswatch = -1;
  dir->event = event;
  dir->ctx = ctx;
  if (!*path)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
  if (make_all(path) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make directory ", path);
  if (!realpath(path, dir->path))
    strerr_diefusys(RK_EXIT_SYS, "resolve ", path);
  if (strlen(dir->path) > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE,
                "the state directory's path is too long for a socket in it: ", dir->path);
  dir->fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir->fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", dir->path);
  /* Whoever writes there opens ports with our rights. */
  why = rk_chain_foreign(dir->fd);
  if (why)
    rk_die_host("T7", RK_CHAIN_OWN, "state directory ", dir->path, " ", why);
  if (rk_mkdirat(dir->fd, "ports", 0700) == -1 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "make directory ", dir->path, "/ports");
  if (lock_status(dir) == -1)
    strerr_dief(RK_EXIT_SYS, "another rk-portd serves ", dir->path);
  if (rk_notify_open(&dir->notify, LOOK_MS) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make an inotify instance");
  dir->dirwatch = rk_notify_add(&dir->notify, dir->path, DIR_EVENTS | IN_ONLYDIR);
  if (dir->dirwatch == -1)
    strerr_diefusys(RK_EXIT_SYS, "follow ", dir->path);
  warn_polled(dir);
  dir->watch = (struct rk_watch){
    .fd = dir->notify.fd,
    .events = POLLIN,
    .ready = ready,
    .ctx = dir,
  };
  rk_loop_add(loop, &dir->watch);
}
