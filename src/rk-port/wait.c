/* SPDX-License-Identifier: ISC
   What rk-port's verbs share, and the verb wait. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/state.h>
#include <rk/portstatus.h>
#include "port.h"

enum { REFRESH_MS = 1000 };

static int notify = -1, signals = -1;
static int64_t deadline;

static int open_dir(int dir, char const *name, int make, char const *path)
{
  int fd = rk_state_sub(dir, name, make);
  if (fd < 0 && errno != ENOENT)
    strerr_diefusys(RK_EXIT_SYS, "open ", path, "/", name);
  return fd;
}

void port_open(struct port_dirs *d, char const *path, int make)
{
  int dir;

  if (!*path)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
  dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0)
    strerr_diefusys(RK_EXIT_SYS, "open the state directory ", path);
  d->path = path;
  d->ports = open_dir(dir, "ports", make, path);
  d->status = open_dir(dir, "ports.status", make, path);
  close(dir);
}

/* rk-portd locks ports.status for life. */
int port_served(struct port_dirs const *d)
{
  int fd = d->status < 0 ? -1 : openat(d->status, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int held;

  if (fd < 0)
    return 0;
  held = flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
  close(fd);
  return held;
}

/* inotify_add_watch(2) of an open directory: its path may lead elsewhere by now. */
static int watch_fd(int inotify, int dir, uint32_t events)
{
  char path[40] = "/proc/self/fd/";

  path[14 + uint_fmt(path + 14, (unsigned int)dir)] = 0;
  return inotify_add_watch(inotify, path, events | IN_ONLYDIR);
}

static void await_refresh(struct port_dirs const *d, int inotify)
{
  struct pollfd x = {.fd = inotify, .events = POLLIN};
  char ignored[4096];
  int64_t left;

  deadline = rk_clock_ms() + REFRESH_MS;
  while ((left = deadline - rk_clock_ms()) > 0) {
    if (faccessat(d->ports, ".refresh", F_OK, AT_SYMLINK_NOFOLLOW) == -1)
      return;
    if (poll(&x, 1, (int)left) > 0)
      while (read(inotify, ignored, sizeof ignored) > 0)
        ;
  }
}

void port_refresh(struct port_dirs const *d)
{
  int inotify, fd;

  if (!port_served(d))
    return;
  inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (inotify == -1)
    return;
  if (watch_fd(inotify, d->ports, IN_DELETE) != -1) {
    /* Whatever has that name already is a request as well; it is not opened. */
    fd = openat(d->ports, ".refresh", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd != -1 || errno == EEXIST)
      await_refresh(d, inotify);
    if (fd != -1)
      close(fd);
  }
  close(inotify);
}

void port_watch(struct port_dirs *d, unsigned int seconds)
{
  sigset_t set;

  deadline = rk_clock_ms() + (int64_t)seconds * 1000;
  if (notify >= 0)
    return;
  notify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (notify < 0 || watch_fd(notify, d->status, IN_MOVED_TO | IN_DELETE) < 0)
    strerr_diefusys(RK_EXIT_SYS, "follow ", d->path, "/ports.status");
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, 0) < 0)
    strerr_diefusys(RK_EXIT_SYS, "block signals");
  signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0)
    strerr_diefusys(RK_EXIT_SYS, "make a signalfd");
}

int port_pause(void)
{
  struct pollfd x[2] = {{.fd = notify, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  char ignored[4096];
  int64_t left = deadline - rk_clock_ms();

  if (left <= 0)
    return 0;
  if (poll(x, 2, left > INT_MAX ? INT_MAX : (int)left) < 0 && errno != EINTR)
    strerr_diefusys(RK_EXIT_SYS, "poll");
  if (x[1].revents)
    return -1;
  if (!x[0].revents)
    return rk_clock_ms() < deadline;
  while (read(notify, ignored, sizeof ignored) > 0)
    ;
  return 1;
}

void port_check_name(char const *name)
{
  size_t len = strlen(name);

  if (!len || len > PORT_NAME_MAX)
    strerr_dief(RK_EXIT_USAGE, "a port's name has 1 to 250 bytes: ", name);
  if (strchr(name, '/'))
    strerr_dief(RK_EXIT_USAGE, "a port's name is a file name, without a slash: ", name);
  if (*name == '.')
    strerr_dief(RK_EXIT_USAGE, "a port's name does not begin with a dot: ", name);
}

int port_status(struct port_dirs const *d, char const *name, char *buf, size_t size)
{
  return (int)rk_portstatus_read(d->status, name, buf, size);
}

char const *port_value(char const *text, char const *key, char *buf, size_t size)
{
  return rk_portstatus_value(text, key, buf, size) == -1 ? NULL : buf;
}

static int by_name(void const *a, void const *b)
{
  char const *x = *(char *const *)a, *y = *(char *const *)b;
  size_t n = strlen(x), m = strlen(y);

  /* Numbers first, by size, then the rest by bytes: how people count. */
  if (strspn(x, "0123456789") == n && strspn(y, "0123456789") == m && n != m)
    return n < m ? -1 : 1;
  return strcmp(x, y);
}

char **port_names(struct port_dirs const *d)
{
  size_t n = 0, room = 64;
  char **names = malloc(room * sizeof *names);
  int fd = d->ports < 0 ? -1 : openat(d->ports, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd < 0 ? 0 : fdopendir(fd);
  struct dirent *e;

  if (!names)
    strerr_diefusys(RK_EXIT_SYS, "list ports");
  if (!dir && d->ports >= 0)
    strerr_diefusys(RK_EXIT_SYS, "read ", d->path, "/ports");
  while (dir && (e = readdir(dir))) {
    if (e->d_name[0] == '.')
      continue;
    if (n + 2 > room) {
      room *= 2;
      names = realloc(names, room * sizeof *names);
      if (!names)
        strerr_diefusys(RK_EXIT_SYS, "list ports");
    }
    names[n] = strdup(e->d_name);
    if (!names[n++])
      strerr_diefusys(RK_EXIT_SYS, "list ports");
  }
  if (dir)
    closedir(dir);
  qsort(names, n, sizeof *names, by_name);
  names[n] = 0;
  return names;
}

char const *port_by_id(struct port_dirs const *d, char const *id)
{
  char text[PORT_STATUS_MAX], value[32];
  char **names = port_names(d);

  for (; *names; names++)
    if (port_status(d, *names, text, sizeof text) >= 0 &&
        port_value(text, "id", value, sizeof value) && !strcmp(value, id))
      return *names;
  return 0;
}

/* Is it there? 1 yes, 0 not yet, -1 it failed (err is why). */
static int there(struct port_dirs const *d, char const *name, int chain, char *err, size_t errsize)
{
  char text[PORT_STATUS_MAX], value[64];

  if (port_status(d, name, text, sizeof text) < 0 ||
      !port_value(text, "state", value, sizeof value))
    return 0;
  if (!strcmp(value, "error"))
    return port_value(text, "error", err, errsize) ? -1 : 0;
  if (strcmp(value, "listening"))
    return 0;
  return !chain || (port_value(text, "chain", value, sizeof value) && !strcmp(value, "attached"));
}

int verb_wait(int argc, char const *const *argv)
{
  subgetopt l = SUBGETOPT_ZERO;
  struct port_dirs d;
  unsigned int seconds = 10;
  int opt, chain = 0;
  char const *const *names;

  while ((opt = subgetopt_r(argc, argv, "ct:", &l)) != -1)
    switch (opt) {
      case 'c': chain = 1; break;
      case 't':
        if (!uint0_scan(l.arg, &seconds))
          strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_WAIT);
        break;
      default: strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_WAIT);
    }
  argc -= l.ind;
  argv += l.ind;
  if (argc < 1)
    strerr_dieusage(RK_EXIT_USAGE, PORT_USAGE_WAIT);
  for (int i = 1; i < argc; i++)
    port_check_name(argv[i]);
  port_open(&d, argv[0], 1);
  port_watch(&d, seconds);
  names = argc > 1 ? argv + 1 : (char const *const *)port_names(&d);
  while (*names) {
    char err[PORT_STATUS_MAX];
    int r = there(&d, *names, chain, err, sizeof err);
    if (r < 0)
      strerr_dief(RK_EXIT_NO, "port ", *names, ": ", err);
    if (r > 0) {
      names++;
      continue;
    }
    r = port_pause();
    if (r < 0)
      _exit(RK_EXIT_NO);
    if (!r)
      strerr_dief(RK_EXIT_NO, "port ", *names,
                  port_served(&d) ? " is not published yet" : ": no rk-portd serves ",
                  port_served(&d) ? "" : d.path);
  }
  return 0;
}
