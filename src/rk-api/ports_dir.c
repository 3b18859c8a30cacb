/* SPDX-License-Identifier: ISC */
#include "ports_dir.h"
#include <rk/fail.h>
#include <rk/portid.h>
#include <rk/portstatus.h>
#include <rk/state.h>
#include <rk/text.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/inotify.h>
#include <sys/stat.h>

enum { PATH_SIZE = 512, LOOK_MS = 100 };

static char const *path_of(char path[PATH_SIZE], char const *dir, char const *name)
{
  snprintf(path, PATH_SIZE, "%s/%s", dir, name);
  return path;
}

int ports_write(int dirfd, char const *name, struct rk_portspec const *spec,
                char const *const *options)
{
  char text[RK_PORTFILE_MAX], path[PATH_SIZE];
  size_t n = rk_portspec_format(spec, text, sizeof text - 1);

  text[n++] = '\n';
  for (; *options; options++) {
    int r = snprintf(text + n, sizeof text - n, "%s\n", *options);
    if (r < 0 || (size_t)r >= sizeof text - n)
      return rk_fail(E2BIG);
    n += (size_t)r;
  }
  if (rk_mkdirat(dirfd, "ports", 0700) == -1 && errno != EEXIST)
    return -1;
  return rk_fact_write(dirfd, path_of(path, "ports", name), text, n, 0600);
}

int ports_remove(int dirfd, char const *name)
{
  int fd = rk_state_sub(dirfd, "ports", 0), r, e;

  if (fd == -1)
    return -1;
  r = unlinkat(fd, name, 0);
  e = errno;
  close(fd);
  errno = e;
  return r;
}

enum ports_state ports_status(int dirfd, char const *name, char *err, size_t errsize)
{
  char text[RK_PORTSTATUS_MAX], path[PATH_SIZE];

  err[0] = 0;
  if (rk_portstatus_read(dirfd, path_of(path, "ports.status", name), text, sizeof text) == -1)
    return PORTS_GONE;
  rk_portstatus_value(text, "error", err, errsize); /* if there is none, err stays empty */
  switch (rk_portstatus_state(text)) {
    case RK_PORTSTATE_LISTENING: return PORTS_LISTENING;
    case RK_PORTSTATE_ERROR: return PORTS_FAILED;
    default: return PORTS_PENDING;
  }
}

long ports_status_number(int dirfd, char const *name, char const *key)
{
  char text[RK_PORTSTATUS_MAX];
  char path[PATH_SIZE];
  char value[INET6_ADDRSTRLEN + 16];
  char const *colon;

  if (rk_portstatus_read(dirfd, path_of(path, "ports.status", name), text, sizeof text) == -1)
    return 0;
  if (rk_portstatus_value(text, key, value, sizeof value) == -1)
    return 0;
  colon = strrchr(value, ':');
  return (long)rk_portid_number(colon ? colon + 1 : value);
}

static int watch(struct rk_notify *notify, int dirfd, char const *name, uint32_t events)
{
  int fd = rk_state_sub(dirfd, name, 1);
  int wd;

  if (fd == -1)
    return -1;
  wd = rk_notify_add_fd(notify, fd, events);
  close(fd);
  return wd;
}

int ports_watch(int dirfd, struct rk_notify *notify, int *ports, int *status)
{
  int p = 0, s;

  if (rk_notify_open(notify, LOOK_MS) == -1)
    return -1;
  if (ports)
    p = *ports = watch(notify, dirfd, "ports",
                       IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE);
  else if (rk_mkdirat(dirfd, "ports", 0700) == -1 && errno != EEXIST)
    p = -1;
  /* rk-portd alone writes there, and only by rename: do not wake for what it has not finished */
  s = p == -1 ? -1 : watch(notify, dirfd, "ports.status", IN_MOVED_TO | IN_DELETE);
  if (s == -1) {
    int e = errno;
    close(notify->fd);
    return rk_fail(e);
  }
  if (status)
    *status = s;
  return 0;
}
