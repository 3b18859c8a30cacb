/* SPDX-License-Identifier: ISC
   The state directory as rk-portd sees it: its own lock, DIR/ports followed by inotify, and the
   signs of a chain. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/chain.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/state.h>
#include <rk/timer.h>
#include "portd.h"

/* IN_CREATE: a hard link or symbolic link brings no other event. A file that is written in place is
   read when it is closed. */
enum {
  PORTS_EVENTS = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE | IN_ATTRIB,
  DIR_EVENTS = IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_MOVE_SELF,
  GONE_MS = 100,
  SETTLE_MS = 20,
  DYING_MS = 500
};

static int notify = -1, dirwatch = -1, portswatch = -1;

static void unfollow(void)
{
  if (portswatch >= 0)
    inotify_rm_watch(notify, portswatch);
  if (portd.portsdir >= 0)
    close(portd.portsdir);
  portswatch = portd.portsdir = -1;
}

/* The watch first, then the scan: nothing that happens in between is missed. By the fd: the path
   may lead elsewhere by now. */
static void follow(void)
{
  char path[40] = "/proc/self/fd/";

  unfollow();
  portd.portsdir = rk_state_sub(portd.dir, "ports", 0);
  if (portd.portsdir == -1) {
    if (errno != ENOENT)
      strerr_warnwusys("follow ", portd.path, "/ports");
    return;
  }
  path[14 + uint_fmt(path + 14, (unsigned int)portd.portsdir)] = 0;
  portswatch = inotify_add_watch(notify, path, PORTS_EVENTS | IN_ONLYDIR);
  if (portswatch != -1)
    return;
  strerr_warnwusys("follow ", portd.path, "/ports");
  unfollow();
}

void portd_dir_scan(void)
{
  int fd;
  DIR *d;
  struct dirent *e;

  if (portd.portsdir < 0)
    follow();
  for (struct published *p = portd.ports; p; p = p->next)
    p->seen = 0;
  if (portd.portsdir >= 0) {
    fd = openat(portd.portsdir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d = fd < 0 ? 0 : fdopendir(fd);
    if (!d) {
      strerr_warnwusys("read the directory ports");
      if (fd >= 0)
        close(fd);
      return;
    }
    while ((e = readdir(d)))
      if (e->d_name[0] != '.')
        portd_port_load(e->d_name);
    closedir(d);
  }
  portd_port_sweep();
  portd_port_retry();
}

/* A new name of an empty regular file is one that is about to be written. */
static int unwritten(char const *name)
{
  struct stat st;
  return fstatat(portd.portsdir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
         !st.st_size && st.st_nlink == 1;
}

/* Somebody wants the counters as they are now, and knows that they are by the removal of this
   file. */
static void refresh(void)
{
  if (faccessat(portd.portsdir, ".refresh", F_OK, AT_SYMLINK_NOFOLLOW) < 0)
    return;
  portd_relay_stats();
  portd_status_flush(~0U);
  unlinkat(portd.portsdir, ".refresh", 0);
}

static void ports_event(struct inotify_event const *e)
{
  if (!e->len || portd.portsdir < 0)
    return;
  if (!strcmp(e->name, ".refresh"))
    refresh();
  if (e->name[0] == '.')
    return;
  if (e->mask & (IN_DELETE | IN_MOVED_FROM)) {
    /* An event of a file that is there again by now must not take the new one away. */
    if (faccessat(portd.portsdir, e->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
      return;
    portd_port_remove(e->name);
    return;
  }
  if (e->mask & IN_CREATE && unwritten(e->name))
    return;
  portd_port_load(e->name);
}

static void gone(void)
{
  strerr_warni("the state directory is gone");
  portd_relay_leave(0);
  portd_port_close_all();
  _exit(0);
}

static int lock_status(void);

/* ports.status is gone, and perhaps DIR with it: since it is open here, the kernel sends no
   IN_DELETE_SELF for it. */
static void status_gone(void)
{
  struct stat st;

  if (fstat(portd.dir, &st) < 0 || !st.st_nlink)
    gone();
  close(portd.statusdir);
  if (lock_status() < 0)
    strerr_dief(RK_EXIT_SYS, "another rk-portd serves ", portd.path);
  portd_status_all();
}

static void dir_event(struct inotify_event const *e)
{
  if (e->mask & IN_MOVE_SELF)
    gone();
  if (!e->len)
    return;
  if (!strcmp(e->name, "ports")) {
    unfollow(); /* another directory, perhaps, under the same name */
    portd_dir_scan();
  } else if (!strcmp(e->name, "ports.status")) {
    if (e->mask & (IN_DELETE | IN_MOVED_FROM))
      portd_after(GONE_MS, status_gone);
  } else if (!strcmp(e->name, "child_pid")) {
    portd_chain_check();
  } else if (!strcmp(e->name, ".s4nn.sock") && e->mask & IN_CREATE &&
             portd.driver == &forward_slirp) {
    portd_after(SETTLE_MS, portd_slirp_socket); /* it is bound, and listens in a moment */
  }
}

static void events(void)
{
  static union {
    struct inotify_event align;
    char buf[8192];
  } u;
  ssize_t n = read(notify, u.buf, sizeof u.buf);
  int overflow = 0;

  for (ssize_t at = 0; at < n;) {
    struct inotify_event const *e = (struct inotify_event const *)(void const *)(u.buf + at);
    at += (ssize_t)(sizeof *e + e->len);
    if (e->mask & IN_Q_OVERFLOW)
      overflow = 1;
    else if (e->wd == dirwatch)
      dir_event(e);
    else if (e->wd == portswatch)
      ports_event(e);
  }
  if (overflow) {
    portd_dir_scan();
    portd_chain_check();
  }
}

/* -1: somebody else has it. One that was killed has it until its last fd is closed: a moment is
   waited. */
static int lock_status(void)
{
  int64_t until = rk_now() + DYING_MS;

  portd.statusdir = rk_state_sub(portd.dir, "ports.status", 1);
  /* rk-portd's own name: a chain that puts something else there keeps nobody from publishing */
  if (portd.statusdir == -1 && rk_state_away(portd.dir, "ports.status") == 0) {
    strerr_warnw(portd.path, "/ports.status was no directory of ours: it is renamed");
    portd.statusdir = rk_state_sub(portd.dir, "ports.status", 1);
  }
  if (portd.statusdir == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", portd.path, "/ports.status");
  while (flock(portd.statusdir, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK && rk_now() < until)
    nanosleep(&(struct timespec){0, 2000000}, 0);
  if (flock(portd.statusdir, LOCK_EX | LOCK_NB) == 0)
    return 0;
  if (errno != EWOULDBLOCK)
    strerr_diefusys(RK_EXIT_SYS, "lock ", portd.path, "/ports.status");
  return -1;
}

void portd_dir_open(char const *path)
{
  static char absolute[PATH_MAX];
  char const *why;

  if (!*path)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
  if (mkdir(path, 0700) < 0 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "make directory ", path);
  if (!realpath(path, absolute))
    strerr_diefusys(RK_EXIT_SYS, "resolve ", path);
  if (strlen(absolute) > RK_STATE_PATH_MAX)
    strerr_dief(RK_EXIT_USAGE,
                "the state directory's path is too long for a socket in it: ", absolute);
  portd.path = absolute;
  portd.dir = open(absolute, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (portd.dir < 0)
    strerr_diefusys(RK_EXIT_SYS, "open ", absolute);
  /* Whoever writes there opens ports with our rights. */
  why = rk_chain_foreign(portd.dir);
  if (why)
    rk_die_host("T7", RK_CHAIN_OWN, "state directory ", absolute, " ", why);
  if (mkdirat(portd.dir, "ports", 0700) == -1 && errno != EEXIST)
    strerr_diefusys(RK_EXIT_SYS, "make directory ", absolute, "/ports");
  if (lock_status() < 0)
    strerr_dief(RK_EXIT_SYS, "another rk-portd serves ", absolute);
  if (portd_status_clear())
    portd_bind_patiently(500);
  notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (notify < 0)
    strerr_diefusys(RK_EXIT_SYS, "make an inotify instance (fs.inotify.max_user_instances)");
  dirwatch = inotify_add_watch(notify, absolute, DIR_EVENTS | IN_ONLYDIR);
  if (dirwatch < 0)
    strerr_diefusys(RK_EXIT_SYS, "follow ", absolute);
  portd_watch(notify, events);
  portd_dir_scan();
}
