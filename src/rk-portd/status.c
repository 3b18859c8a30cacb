/* SPDX-License-Identifier: ISC
   DIR/ports.status: what has become of each port file. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>

#include <skalibs/strerr.h>

#include <rk/state.h>
#include <rk/text.h>
#include "portd.h"

static int anydirty;

void portd_status_dirty(struct published *p)
{
  p->dirty = 1;
  anydirty = 1;
}

void portd_status_all(void)
{
  for (struct published *p = portd.ports; p; p = p->next)
    portd_status_dirty(p);
}

static void field(struct rk_text *t, char const *key, char const *value)
{
  rk_text_str(t, key);
  rk_text_str(t, "=");
  rk_text_safe(t, value, strlen(value)); /* one line, whatever it is */
  rk_text_str(t, "\n");
}

static void count(struct rk_text *t, char const *key, uint64_t n)
{
  rk_text_str(t, key);
  rk_text_str(t, "=");
  rk_text_num(t, (long long)n);
  rk_text_str(t, "\n");
}

static void address(struct rk_text *t, char const *key, struct sockaddr_storage const *sa,
                    uint32_t ports)
{
  char ip[INET6_ADDRSTRLEN];
  struct sockaddr_in const *four = (struct sockaddr_in const *)sa;
  struct sockaddr_in6 const *six = (struct sockaddr_in6 const *)sa;
  int is6 = sa->ss_family == AF_INET6;
  uint16_t port = ntohs(is6 ? six->sin6_port : four->sin_port);

  if (!inet_ntop(sa->ss_family, is6 ? (void const *)&six->sin6_addr : &four->sin_addr, ip,
                 sizeof ip))
    return;
  rk_text_str(t, key);
  rk_text_str(t, is6 ? "=[" : "=");
  rk_text_str(t, ip);
  rk_text_str(t, is6 ? "]:" : ":");
  rk_text_num(t, port);
  if (ports > 1) {
    rk_text_str(t, "-");
    rk_text_num(t, port + ports - 1);
  }
  rk_text_str(t, "\n");
}

static void counters(struct rk_text *t, struct published const *p)
{
  count(t, "connections", p->stat.now);
  count(t, "total", p->sum.total + p->stat.total);
  count(t, "in", p->sum.in + p->stat.in);
  count(t, "out", p->sum.out + p->stat.out);
  count(t, "refused", p->sum.refused + p->stat.refused);
  count(t, "kept", p->sum.kept + p->stat.kept);
  count(t, "dropped", p->sum.dropped + p->stat.dropped);
  if (p->stat.state & RK_RELAY_PAUSED)
    field(t, "paused", "yes");
  if (p->stat.state & RK_RELAY_REFUSING)
    field(t, "refusing", "yes");
}

static void write_one(struct published *p)
{
  static char const *const states[] = {"error", "waiting", "listening"};
  char buf[3072], spec[256];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  struct sockaddr_storage sa;
  int r;

  p->dirty = 0;
  field(&t, "state", states[p->state]);
  count(&t, "id", p->id);
  count(&t, "mtime", (uint64_t)p->mtime.tv_sec * 1000000000 + (uint64_t)p->mtime.tv_nsec);
  if (p->error)
    field(&t, "error", p->error);
  if (p->file.spec.proto) {
    rk_portspec_format(&p->file.spec, spec, sizeof spec);
    field(&t, "spec", spec);
  }
  if (p->state != PORTD_ERROR) {
    if (portd.driver == &forward_relay) {
      if (portd_bound(p, &sa) == 0)
        address(&t, "listen", &sa, p->nfds);
      portd_target(p, &sa);
      address(&t, "target", &sa, p->nfds);
    }
    field(&t, "driver", portd.driver->name);
    field(&t, "chain", p->forwarded ? "attached" : portd.trouble[0] ? "failed" : "waiting");
    if (!p->forwarded && portd.trouble[0])
      field(&t, "reason", portd.trouble);
    else if (!p->forwarded && portd.chain && portd.driver->waiting)
      field(&t, "reason", portd.driver->waiting);
    portd_relay_srcip(p, &t);
    if (portd.driver == &forward_relay)
      counters(&t, p);
  }
  r = rk_fact_write(portd.statusdir, p->name, t.s, t.len, 0644);
  /* a chain may have made a directory of that name */
  if (r == -1 && errno == EISDIR && rk_state_away(portd.statusdir, p->name) == 0)
    r = rk_fact_write(portd.statusdir, p->name, t.s, t.len, 0644);
  /* ENOENT: the directory is gone, as at the end of a chain that owns it; an event that is on its
     way tells of it. */
  if (r == -1 && errno != ENOENT)
    strerr_warnwusys("write ports.status/", p->name);
}

int portd_status_flush(unsigned int most)
{
  static struct published *next; /* where the last round ended; only compared */
  struct published *p = portd.ports;

  if (!anydirty)
    return 0;
  while (p && p != next)
    p = p->next;
  if (!p)
    p = portd.ports;
  for (struct published *from = p; p && most;) {
    if (p->dirty) {
      write_one(p);
      most--;
    }
    p = p->next ? p->next : portd.ports;
    if (p == from) {
      anydirty = 0;
      return 0;
    }
  }
  next = p;
  return anydirty = p != 0;
}

void portd_status_remove(struct published *p)
{
  if (unlinkat(portd.statusdir, p->name, 0) < 0 && errno != ENOENT)
    strerr_warnwusys("remove ports.status/", p->name);
}

/* What an rk-portd before this one left: nothing of it is true any more. */
int portd_status_clear(void)
{
  int n = 0;
  int fd = openat(portd.statusdir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *d = fd < 0 ? 0 : fdopendir(fd);
  struct dirent *e;

  if (!d) {
    if (fd >= 0)
      close(fd);
    strerr_warnwusys("read ports.status");
    return 0;
  }
  while ((e = readdir(d)))
    if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..") &&
        rk_state_remove(portd.statusdir, e->d_name) == 0)
      n++;
  closedir(d);
  return n;
}
