/* SPDX-License-Identifier: ISC
   A port file: made, put down, and answered by rk-portd. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/state.h>
#include <rk/text.h>
#include "port.h"

void port_parse(char const *text, size_t len, struct rk_portfile *file)
{
  char err[RK_PORTSPEC_ERRMAX];
  unsigned int line;

  if (len > RK_PORTFILE_MAX)
    strerr_dief(RK_EXIT_USAGE, "a port file has at most 4096 bytes");
  if (rk_portfile_parse(text, len, file, &line, err, sizeof err) == -1)
    strerr_dief(RK_EXIT_USAGE, err);
  if (!rk_proto_is_tcp(file->spec.proto) && !rk_proto_is_udp(file->spec.proto))
    strerr_dief(RK_EXIT_USAGE, "only tcp and udp can be published, not ",
                rk_proto_name(file->spec.proto));
}

static int fill(int fd, char const *text, size_t len)
{
  if (allwrite(fd, text, len) < len)
    return -1;
  return fchmod(fd, 0644);
}

void port_write(struct port_dirs const *d, char const *text, size_t len, char *tmp, char *stamp)
{
  struct stat st;
  uint64_t ns;
  int fd = rk_temp_open(d->ports, "port", tmp);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "write ", d->path, "/ports");
  if (fill(fd, text, len) == -1 || fstat(fd, &st) == -1) {
    int e = errno;
    unlinkat(d->ports, tmp, 0);
    errno = e;
    strerr_diefusys(RK_EXIT_SYS, "write ", d->path, "/ports/", tmp);
  }
  close(fd);
  ns = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
  stamp[uint64_fmt(stamp, ns)] = 0;
}

/* What rk-portd says of this very file: RK_PORTSTATE_NONE: nothing yet. */
static enum rk_portstate answer(struct port_dirs const *d, char const *name, char const *stamp,
                                char *text, size_t size)
{
  char value[UINT64_FMT];

  if (!port_served(d))
    return RK_PORTSTATE_NONE;
  if (port_status(d, name, text, size) == -1)
    return RK_PORTSTATE_NONE;
  if (!port_value(text, "mtime", value, sizeof value))
    return RK_PORTSTATE_NONE;
  if (strcmp(value, stamp) != 0)
    return RK_PORTSTATE_NONE;
  return rk_portstatus_state(text);
}

enum rk_portstate port_await(struct port_dirs const *d, struct port_wait *w, char const *name,
                             char const *stamp, char *text, size_t size, int *woken)
{
  *woken = PORT_CHANGED;
  while (*woken == PORT_CHANGED) {
    enum rk_portstate state = answer(d, name, stamp, text, size);
    if (state == RK_PORTSTATE_LISTENING || state == RK_PORTSTATE_ERROR)
      return state;
    *woken = port_pause(w);
  }
  return RK_PORTSTATE_NONE;
}

void port_refused(char const *spec, char const *status)
{
  char value[PORT_STATUS_MAX];
  char const *error = port_value(status, "error", value, sizeof value);

  if (!error)
    error = "rk-portd gives no reason";
  if (!strncmp(error, "cannot expose privileged port ", 30))
    rk_die_host(
      "N11",
      "sysctl -w net.ipv4.ip_unprivileged_port_start=0, or setcap "
      "cap_net_bind_service=ep on rootlesskit or rk-portd, or hand the socket in (listen-fd=)",
      "unable to publish ", spec, ": ", error);
  strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": ", error);
}

void port_unanswered(struct port_dirs const *d, char const *spec, int woken)
{
  if (woken == -1)
    strerr_diefusys(RK_EXIT_SYS, "wait until ", spec, " is published");
  if (woken == PORT_INTERRUPTED)
    strerr_dief(RK_EXIT_NO, "interrupted: ", spec, " is not published");
  if (!port_served(d))
    strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": no rk-portd serves ", d->path,
                ": start one");
  strerr_dief(RK_EXIT_SYS, "unable to publish ", spec, ": it does not listen yet");
}

void port_take_line(struct port_lines *l, char const *value)
{
  if (l->n == PORT_LINES_MAX)
    strerr_dief(RK_EXIT_USAGE, "a port takes at most 16 options -o");
  if (strchr(value, '\n'))
    strerr_dief(RK_EXIT_USAGE, "an option of a port is one line");
  l->line[l->n] = value;
  l->n++;
}
