/* SPDX-License-Identifier: ISC */
#include "status.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>

#include <skalibs/djbunix.h>

#include <rk/fail.h>
#include <rk/state.h>
#include "errtext.h"

static void field(struct rk_text *t, char const *key, char const *value)
{
  rk_text_add(t, key, "=");
  rk_text_safe(t, value, strlen(value)); /* one line, whatever it is */
  rk_text_str(t, "\n");
}

static void count(struct rk_text *t, char const *key, uint64_t n)
{
  rk_text_add(t, key, "=");
  rk_text_num(t, (long long)n);
  rk_text_str(t, "\n");
}

static uint64_t nanoseconds(struct timespec const *time)
{
  return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static void address(struct rk_text *t, char const *key, struct sockaddr_storage const *sa,
                    uint32_t ports)
{
  char ip[INET6_ADDRSTRLEN];
  struct sockaddr_in const *four = (struct sockaddr_in const *)sa;
  struct sockaddr_in6 const *six = (struct sockaddr_in6 const *)sa;
  int is6 = sa->ss_family == AF_INET6;
  uint16_t port = ntohs(is6 ? six->sin6_port : four->sin_port);
  void const *bytes = &four->sin_addr;

  if (is6)
    bytes = &six->sin6_addr;
  if (!inet_ntop(sa->ss_family, bytes, ip, sizeof ip))
    return;
  rk_text_add(t, key, is6 ? "=[" : "=", ip, is6 ? "]:" : ":");
  rk_text_num(t, port);
  if (ports > 1) {
    rk_text_str(t, "-");
    rk_text_num(t, port + ports - 1);
  }
  rk_text_str(t, "\n");
}

static void counters(struct rk_text *t, struct published const *p)
{
  struct rk_relay_stat const *now = &p->stat;
  struct rk_relay_stat const *was = &p->sum;

  count(t, "connections", now->now);
  count(t, "total", was->total + now->total);
  count(t, "in", was->in + now->in);
  count(t, "out", was->out + now->out);
  count(t, "refused", was->refused + now->refused);
  count(t, "kept", was->kept + now->kept);
  count(t, "dropped", was->dropped + now->dropped);
  if (now->state & RK_RELAY_PAUSED)
    field(t, "paused", "yes");
  if (now->state & RK_RELAY_REFUSING)
    field(t, "refusing", "yes");
  if (now->state & RK_RELAY_WAITING)
    field(t, "waiting", "yes");
}

/* What servers see of clients. */
static void srcip(struct rk_text *t, struct published const *p, struct status_view const *v)
{
  int reason = v->srcip4 ? v->srcip4 : v->srcip6;

  if (v->ours && p->file.srcip == RK_SRCIP_NO) {
    field(t, "srcip", "gateway");
    return;
  }
  if (v->ours && p->file.srcip == RK_SRCIP_PLAIN) {
    field(t, "srcip", "plain");
    return;
  }
  if (!port_attached(p->state))
    return;
  /* slirp4netns and pasta keep them by their nature */
  if (!v->ours || !reason) {
    field(t, "srcip", "kept");
    return;
  }
  rk_text_str(t, p->file.srcip == RK_SRCIP_REQUIRE ? "srcip=refused" : "srcip=gateway");
  if (!v->srcip6)
    rk_text_str(t, " for IPv4");
  if (!v->srcip4)
    rk_text_str(t, " for IPv6");
  rk_text_str(t, "\n");
  field(t, "srcip-reason", errtext(reason));
}

/* Why there is no unix socket to lead to. */
static char const *aim_text(int e)
{
  switch (e) {
    case ENOENT: return "there is no such socket in the chain yet";
    case ENOTSOCK: return "what has that name in the chain is no socket";
    case EPERM: return "the socket belongs to an id that the chain does not have";
    case EOPNOTSUPP: return "the socket is on a file system that rk-portd does not trust to answer";
    default: return errtext(e);
  }
}

static void chain(struct rk_text *t, struct published const *p, struct status_view const *v)
{
  if (port_attached(p->state)) {
    field(t, "chain", "attached");
    if (p->file.spec.childpath[0] && p->aimerror)
      field(t, "reason", aim_text(p->aimerror));
    if (p->stat.state & RK_RELAY_STRAY)
      field(t, "reason", "no interface of the chain has the target's address");
  } else if (v->trouble[0]) {
    field(t, "chain", "failed");
    field(t, "reason", v->trouble);
  } else {
    field(t, "chain", "waiting");
    char const *name = rk_portfile_link(&p->file);
    if (*name && !p->nfds) {
      rk_text_str(t, "reason=there is no interface ");
      rk_text_safe(t, name, strlen(name));
      rk_text_str(t, "\n");
    } else if (v->chain && v->waiting) {
      field(t, "reason", v->waiting);
    }
  }
}

void status_text(struct published const *p, struct status_view const *v, struct rk_text *t)
{
  static char const *const words[PORT_STATES] = {
    [PORT_CLOSED] = "error",        [PORT_BAD] = "error",      [PORT_REFUSED] = "error",
    [PORT_WAITING] = "waiting",     [PORT_LENT] = "listening", [PORT_SERVED] = "listening",
    [PORT_LISTENING] = "listening",
  };
  char spec[RK_PORTSPEC_PATHMAX + 256];

  field(t, "state", words[p->state]);
  count(t, "id", p->id);
  count(t, "mtime", nanoseconds(&p->mtime));
  if (p->error)
    field(t, "error", p->error);
  if (p->file.spec.proto) {
    rk_portspec_format(&p->file.spec, spec, sizeof spec);
    field(t, "spec", spec);
  }
  if (!port_open(p->state))
    return;
  if (p->file.spec.parentpath[0]) {
    char path[4 * RK_PORTSPEC_PATHMAX + 8];
    struct rk_text where = rk_text_in(path, sizeof path);
    rk_text_add(&where, "unix:", p->file.spec.parentpath);
    field(t, "listen", path);
  } else if (v->ours && v->listen.ss_family != AF_UNSPEC)
    address(t, "listen", &v->listen, p->nfds);
  if (p->file.ifname[0])
    field(t, "ifname", p->file.ifname);
  if (p->file.spec.childpath[0]) {
    char path[RK_PORTSPEC_PATHMAX + 8];
    struct rk_text where = rk_text_in(path, sizeof path);
    rk_text_add(&where, "unix:", p->file.spec.childpath);
    field(t, "target", path);
  } else if (v->ours)
    address(t, "target", &v->target, p->nfds);
  field(t, "driver", v->driver);
  if (v->ours && v->bypass)
    field(t, "via", p->bypass ? "bypass" : "relay");
  if (v->ours && v->bypass && p->apart)
    field(t, "via-reason", p->apart);
  chain(t, p, v);
  srcip(t, p, v);
  if (v->ours)
    counters(t, p);
}

int status_write(int status, char const *name, struct rk_text const *t)
{
  if (rk_fact_write(status, name, t->s, t->len, 0644) == 0)
    return 0;
  /* a chain may have made a directory of that name */
  if (errno != EISDIR || rk_state_away(status, name) == -1)
    return -1;
  return rk_fact_write(status, name, t->s, t->len, 0644);
}

int status_sweep(int status, int (*known)(void *ctx, char const *name), void *ctx)
{
  int fd = openat(status, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *entry;
  char const *name;
  int n = 0;
  int e = 0;

  if (!d) {
    if (fd != -1)
      fd_close(fd);
    return -1;
  }
  for (;;) {
    errno = 0;
    entry = readdir(d);
    if (!entry)
      break;
    name = entry->d_name;
    if (!strcmp(name, ".") || !strcmp(name, ".."))
      continue;
    if (known(ctx, name))
      continue;
    if (rk_state_remove(status, name) == 0)
      n++;
    else if (errno != ENOENT)
      e = errno;
  }
  if (errno)
    e = errno;
  closedir(d);
  return e ? rk_fail(e) : n;
}
