/* SPDX-License-Identifier: ISC */
#include "port.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/notify.h>
#include <rk/state.h>
#include <rk/portstatus.h>
enum { REFRESH_MS = 1000, LOOK_AGAIN_MS = 20 };

static int open_dir(int dir, char const *name, int make, char const *path)
{
  int fd = rk_state_sub(dir, name, make);
  if (fd == -1 && errno != ENOENT)
    strerr_diefusys(RK_EXIT_SYS, "open ", path, "/", name);
  return fd;
}

/* The directory, as soon as there is one; its parents may be missing as well, so there is nothing
   to put an inotify watch on: it is looked for again. Signals still end us here. -1 with errno. */
static int await_dir(char const *path, unsigned int seconds)
{
  struct timespec const pause = {.tv_nsec = LOOK_AGAIN_MS * 1000000L};
  int64_t deadline = rk_clock_ms() + (int64_t)seconds * 1000;

  for (;;) {
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir != -1 || errno != ENOENT)
      return dir;
    if (rk_clock_ms() >= deadline)
      break;
    nanosleep(&pause, NULL);
  }
  errno = ENOENT;
  return -1;
}

void port_open(struct port_dirs *d, char const *path, int make, unsigned int seconds)
{
  int dir;

  if (!*path)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
  dir = await_dir(path, seconds);
  if (dir == -1 && errno == ENOENT)
    strerr_dief(RK_EXIT_SYS, "there is no state directory ", path,
                ": rk-state and rk-portd make theirs");
  if (dir == -1)
    strerr_diefusys(RK_EXIT_SYS, "open the state directory ", path);
  d->path = path;
  d->dir = dir;
  d->ports = open_dir(dir, "ports", make, path);
  d->status = open_dir(dir, "ports.status", make, path);
}

/* rk-portd locks ports.status for life. */
int port_served(struct port_dirs const *d)
{
  int fd;
  int held;

  if (d->status == -1)
    return 0;
  fd = openat(d->status, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1)
    return 0;
  held = flock(fd, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK;
  close(fd);
  return held;
}

static void await_refresh(struct port_dirs const *d, struct rk_notify const *n)
{
  struct pollfd x = {.fd = n->fd, .events = POLLIN};
  _Alignas(struct inotify_event) char ignored[4096];
  int64_t deadline = rk_clock_ms() + REFRESH_MS;
  int64_t left = REFRESH_MS;

  while (left > 0 && faccessat(d->ports, ".refresh", F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
    if (poll(&x, 1, (int)left) > 0)
      while (rk_notify_read(n, ignored, sizeof ignored) > 0)
        ;
    left = deadline - rk_clock_ms();
  }
}

void port_refresh(struct port_dirs const *d)
{
  struct rk_notify n;
  int fd;

  if (!port_served(d))
    return;
  if (rk_notify_open(&n, LOOK_AGAIN_MS) == -1)
    return;
  if (rk_notify_add_fd(&n, d->ports, IN_DELETE | IN_ONLYDIR) != -1) {
    /* Whatever has that name already is a request as well; it is not opened. */
    fd = openat(d->ports, ".refresh", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd != -1 || errno == EEXIST)
      await_refresh(d, &n);
    if (fd != -1)
      close(fd);
  }
  close(n.fd);
}

void port_watch(struct port_wait *w, struct port_dirs const *d)
{
  sigset_t set;

  if (rk_notify_open(&w->notify, LOOK_AGAIN_MS) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make an inotify instance");
  if (rk_notify_add_fd(&w->notify, d->status, IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) == -1)
    strerr_diefusys(RK_EXIT_SYS, "follow ", d->path, "/ports.status");
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
    strerr_diefusys(RK_EXIT_SYS, "block signals");
  w->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (w->signals == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a signalfd");
}

void port_wait_for(struct port_wait *w, unsigned int seconds)
{
  w->deadline = rk_clock_ms() + (int64_t)seconds * 1000;
}

int port_pause(struct port_wait *w)
{
  struct pollfd x[2] = {
    {.fd = w->notify.fd, .events = POLLIN},
    {.fd = w->signals, .events = POLLIN},
  };
  _Alignas(struct inotify_event) char ignored[4096];
  int64_t left = w->deadline - rk_clock_ms();

  if (left <= 0)
    return PORT_TIME_OVER;
  if (left > INT_MAX)
    left = INT_MAX;
  if (poll(x, 2, (int)left) == -1)
    return errno == EINTR ? PORT_CHANGED : -1;
  if (x[1].revents)
    return PORT_INTERRUPTED;
  while (x[0].revents && rk_notify_read(&w->notify, ignored, sizeof ignored) > 0)
    ;
  return PORT_CHANGED;
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

int port_status_missing(int error)
{
  static int const missing[] = {ENOENT, EISDIR, EINVAL, ELOOP, ENOTDIR};

  for (size_t i = 0; i < sizeof missing / sizeof *missing; i++)
    if (missing[i] == error)
      return 1;
  return 0;
}

char const *port_value(char const *text, char const *key, char *buf, size_t size)
{
  if (rk_portstatus_value(text, key, buf, size) == -1)
    return NULL;
  return buf;
}

static int all_digits(char const *s)
{
  return !s[strspn(s, "0123456789")];
}

static int by_name(void const *a, void const *b)
{
  char const *x = *(char *const *)a;
  char const *y = *(char *const *)b;
  size_t n = strlen(x);
  size_t m = strlen(y);

  /* Numbers first, by size, then the rest by bytes: how people count. */
  if (n != m && all_digits(x) && all_digits(y))
    return n < m ? -1 : 1;
  return strcmp(x, y);
}

/* One more name at the end of the list of n; it is moved when n is a power of two, less one. */
static char **append(char **names, size_t n, char const *name)
{
  if ((n & (n + 1)) == 0) {
    names = realloc(names, (2 * n + 3) * sizeof *names);
    if (!names)
      strerr_diefusys(RK_EXIT_SYS, "list ports");
  }
  names[n] = NULL;
  if (!name)
    return names;
  names[n] = strdup(name);
  if (!names[n])
    strerr_diefusys(RK_EXIT_SYS, "list ports");
  return names;
}

static DIR *list(struct port_dirs const *d)
{
  int fd = openat(d->ports, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd == -1 ? NULL : fdopendir(fd);

  if (!dir)
    strerr_diefusys(RK_EXIT_SYS, "read ", d->path, "/ports");
  return dir;
}

char **port_names(struct port_dirs const *d)
{
  char **names = NULL;
  size_t n = 0;
  struct dirent *e;
  DIR *dir;

  if (d->ports == -1)
    return append(NULL, 0, NULL);
  dir = list(d);
  for (;;) {
    errno = 0; /* readdir(3): else its end and an error cannot be told apart */
    e = readdir(dir);
    if (!e)
      break;
    if (e->d_name[0] == '.')
      continue;
    names = append(names, n, e->d_name);
    n++;
  }
  if (errno)
    strerr_diefusys(RK_EXIT_SYS, "read ", d->path, "/ports");
  closedir(dir);
  names = append(names, n, NULL);
  qsort(names, n, sizeof *names, by_name);
  return names;
}

char const *port_by_id(struct port_dirs const *d, char const *id)
{
  char text[PORT_STATUS_MAX];
  char value[32];
  char **names = port_names(d);

  for (; *names; names++) {
    if (port_status(d, *names, text, sizeof text) == -1)
      continue;
    if (!port_value(text, "id", value, sizeof value))
      continue;
    if (!strcmp(value, id))
      return *names;
  }
  return NULL;
}
