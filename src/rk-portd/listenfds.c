/* SPDX-License-Identifier: ISC */
#include "listenfds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>

enum { GIVEN_MAX = 1024, FIRST = 3 };

static void add(struct listenfds *given, int fd, char const *name, size_t len, char const *variable)
{
  struct listenfd *new = given->list + given->n;

  if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
    strerr_diefusys(RK_EXIT_USAGE, "use a socket that ", variable, " promises");
  if (len >= sizeof new->name)
    strerr_dief(RK_EXIT_USAGE, "a name of ", variable, " is longer than 63 bytes");
  if (given->n == GIVEN_MAX)
    strerr_dief(RK_EXIT_USAGE, "more than 1024 sockets were given");
  new->fd = fd;
  memcpy(new->name, name, len);
  new->name[len] = 0;
  given->n++;
}

static void from_systemd(struct listenfds *given)
{
  char const *fds = getenv("LISTEN_FDS");
  char const *pid = getenv("LISTEN_PID");
  char const *names = getenv("LISTEN_FDNAMES");
  unsigned int n;
  unsigned int p;

  /* s6 and others set no LISTEN_PID; where it is set, it says for whom the sockets are. */
  if (pid && (!uint0_scan(pid, &p) || (pid_t)p != getpid()))
    return;
  if (!fds)
    return;
  if (!uint0_scan(fds, &n) || n > GIVEN_MAX)
    strerr_dieinvalid(RK_EXIT_USAGE, "LISTEN_FDS");
  for (unsigned int i = 0; i < n; i++) {
    char number[UINT_FMT];
    unsigned int fd = FIRST + i;
    size_t len = names ? strcspn(names, ":") : 0;
    if (len)
      add(given, (int)fd, names, len, "LISTEN_FDS");
    else
      add(given, (int)fd, number, uint_fmt(number, fd), "LISTEN_FDS");
    if (names)
      names = names[len] ? names + len + 1 : 0;
  }
}

static void from_s6(struct listenfds *given)
{
  char const *count = getenv("S6_FD#");
  unsigned int n;

  if (!count)
    return;
  if (!uint0_scan(count, &n) || n > GIVEN_MAX)
    strerr_dieinvalid(RK_EXIT_USAGE, "S6_FD#");
  for (unsigned int i = 0; i < n; i++) {
    char var[8 + UINT_FMT] = "S6_FD_";
    char const *fd, *name;
    unsigned int number;
    var[6 + uint_fmt(var + 6, i)] = 0;
    fd = getenv(var);
    memcpy(var, "S6_FDID_", 8);
    var[8 + uint_fmt(var + 8, i)] = 0;
    name = getenv(var);
    if (!fd || !name || !uint0_scan(fd, &number) || number > 0x7fffffff)
      strerr_dief(RK_EXIT_USAGE,
                  "S6_FD# announces a socket, but its S6_FD_ or S6_FDID_ is missing or no number");
    add(given, (int)number, name, strlen(name), "S6_FD#");
  }
}

void listenfds_init(struct listenfds *given)
{
  if (!getenv("LISTEN_FDS") && !getenv("S6_FD#"))
    return;
  given->list = calloc(GIVEN_MAX, sizeof *given->list);
  if (!given->list)
    strerr_diefusys(RK_EXIT_SYS, "keep the names of sockets");
  from_systemd(given);
  from_s6(given);
}

int listenfds_find(struct listenfds const *given, char const *name)
{
  for (unsigned int i = 0; i < given->n; i++)
    if (!strcmp(given->list[i].name, name))
      return given->list[i].fd;
  return -1;
}
