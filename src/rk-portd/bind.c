/* SPDX-License-Identifier: ISC
   Make the sockets of a port, and say in the words that callers know why one cannot be made. */
#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>

#include <skalibs/types.h>

#include <rk/proc.h>
#include <rk/text.h>
#include <rk/timer.h>
#include "portd.h"

enum { BACKLOG = 65535 }; /* the kernel cuts it to net.core.somaxconn */

char const *portd_errtext(int e)
{
  static struct {
    int e;
    char const *text;
  } const known[] = {
    {EADDRINUSE, "address already in use"},
    {EACCES, "permission denied"},
    {EPERM, "operation not permitted"},
    {EADDRNOTAVAIL, "cannot assign requested address"},
    {EAFNOSUPPORT, "address family not supported by protocol"},
    {EMFILE, "too many open files"},
    {ENFILE, "too many open files in system"},
    {ENOMEM, "cannot allocate memory"},
    {ENOENT, "no such file or directory"},
    {EISDIR, "is a directory"},
    {ELOOP, "is a symbolic link"},
    {EINVAL, "invalid argument"},
  };

  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].e == e)
      return known[i].text;
  return strerror(e);
}

/* The host's first IPv4 address that is not loopback, 0: none. */
static in_addr_t hostip(void)
{
  struct ifaddrs *all, *a;
  in_addr_t ip = 0;

  if (getifaddrs(&all) < 0)
    return 0;
  for (a = all; a && !ip; a = a->ifa_next)
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_INET && !(a->ifa_flags & IFF_LOOPBACK))
      ip = ((struct sockaddr_in *)(void *)a->ifa_addr)->sin_addr.s_addr;
  freeifaddrs(all);
  return ip;
}

void portd_target(struct published const *p, struct sockaddr_storage *sa)
{
  struct rk_portspec const *spec = &p->file.spec;
  struct in6_addr addr;

  /* Only a port on one IPv4 address asks which address the host's first is. */
  if (spec->childip[0] || rk_ip_parse(spec->parentip, strlen(spec->parentip), &addr) != AF_INET ||
      addr.s6_addr[12] == 127)
    rk_portspec_target(spec, 0, sa);
  else
    rk_portspec_target(spec, hostip(), sa);
}

size_t portd_listen_text(struct published const *p, int64_t port, char *buf, size_t size)
{
  struct rk_text t = rk_text_in(buf, size);
  char const *ip = p->file.spec.parentip;
  int six = strchr(ip, ':') != 0;

  rk_text_str(&t, "listen ");
  rk_text_str(&t, rk_proto_name(p->file.spec.proto));
  rk_text_str(&t, six ? " [" : " ");
  rk_text_str(&t, ip);
  rk_text_str(&t, six ? "]:" : ":");
  rk_text_num(&t, port);
  return t.len;
}

/* "" if the setting cannot be read, or does not forbid this port: then the refusal has another
   cause. */
static void privileged(struct rk_text *t, int64_t port)
{
  char start[16];
  unsigned int first;

  if (rk_slurp("/proc/sys/net/ipv4/ip_unprivileged_port_start", start, sizeof start) < 0)
    return;
  if (!uint0_scan(start, &first) || port >= first)
    return;
  rk_text_str(t, "cannot expose privileged port ");
  rk_text_num(t, port);
  rk_text_str(t, ", you can add 'net.ipv4.ip_unprivileged_port_start=");
  rk_text_num(t, port);
  rk_text_str(t, "' to /etc/sysctl.conf (currently ");
  rk_text_str(t, start);
  rk_text_str(
    t, "), or set CAP_NET_BIND_SERVICE on rk-portd binary, or choose a larger port number (>= ");
  rk_text_str(t, start);
  rk_text_str(t, "): ");
}

static int refuse(struct published const *p, int64_t port, int e, char *err, size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);
  char what[80];

  if (e == EACCES)
    privileged(&t, port);
  portd_listen_text(p, port, what, sizeof what);
  rk_text_str(&t, what);
  rk_text_str(&t, ": bind: ");
  rk_text_str(&t, portd_errtext(e));
  return -1;
}

/* 127.0.0.1 as ::ffff:127.0.0.1, which an IPv6 socket binds as the IPv4 address that it is
   (ipv6(7)); no other family is changed. */
static struct sockaddr_storage mapped(struct sockaddr_storage const *sa)
{
  struct sockaddr_storage to = *sa;

  if (sa->ss_family != AF_INET)
    return to;
  struct sockaddr_in const *v4 = (void const *)sa;
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4->sin_port};
  v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
  memcpy(v6.sin6_addr.s6_addr + 12, &v4->sin_addr, sizeof v4->sin_addr);
  memset(&to, 0, sizeof to);
  memcpy(&to, &v6, sizeof v6);
  return to;
}

/* One bound socket, listening if TCP; or -1. SO_REUSEADDR lets a restarted rk-portd bind while
   connections of the old one go on; two listeners still exclude each other (tcp,
   inet_csk_bind_conflict). On UDP it would let anybody share the port. */
static int as_family(struct sockaddr_storage const *sa, int v6only, int tcp)
{
  socklen_t len = sa->ss_family == AF_INET ? sizeof(struct sockaddr_in)
                                           : sizeof(struct sockaddr_in6);
  int fd = socket(sa->ss_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  0);
  int on = 1, e;

  if (fd < 0)
    return -1;
  if ((sa->ss_family == AF_INET6 &&
       setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) < 0) ||
      (tcp && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) ||
      bind(fd, (struct sockaddr const *)sa, len) < 0 || (tcp && listen(fd, BACKLOG) < 0)) {
    e = errno;
    close(fd);
    errno = e;
    return -1;
  }
  return fd;
}

/* TCP sockets are IPv6's, for IPv4 addresses too: the kernel then takes no address shorter than 24
   bytes from connect and bind (tcp_v6_connect, inet6_bind), and rk-relay's filter lets none longer
   than 16 pass. So a relay that was taken over cannot connect from the host's network by such a
   socket. A kernel without IPv6 has the plain one. */
static int one(struct sockaddr_storage const *sa, int v6only, int tcp)
{
  struct sockaddr_storage wide = mapped(sa);

  if (!tcp || sa->ss_family != AF_INET)
    return as_family(sa, v6only, tcp);
  int fd = as_family(&wide, 0, tcp);
  if (fd == -1 && errno == EAFNOSUPPORT)
    return as_family(sa, v6only, tcp);
  return fd;
}

/* A relay whose rk-portd was killed closes its listeners at once, but not before a quick new
   rk-portd binds. */
static int64_t patient;
void portd_bind_patiently(int ms)
{
  patient = rk_now() + ms;
}

static int one_patiently(struct sockaddr_storage const *sa, int v6only, int tcp)
{
  for (;;) {
    struct timespec wait = {0, 5000000};
    int fd = one(sa, v6only, tcp);
    if (fd >= 0 || errno != EADDRINUSE || rk_now() >= patient)
      return fd;
    nanosleep(&wait, 0);
  }
}

static int borrow(struct published *p, char *err, size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);
  int fd = listenfds(p->file.listenfd), type = -1, domain = -1, listening = 0;
  int tcp = rk_proto_is_tcp(p->file.spec.proto);
  socklen_t len = sizeof(int);

  rk_text_str(&t, "listen-fd=");
  rk_text_str(&t, p->file.listenfd);
  if (fd < 0) {
    rk_text_str(&t, ": rk-portd was given no socket of this name");
    return -1;
  }
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
      getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0 ||
      type != (tcp ? SOCK_STREAM : SOCK_DGRAM) || (domain != AF_INET && domain != AF_INET6)) {
    rk_text_str(&t, tcp ? ": not a TCP socket" : ": not a UDP socket");
    return -1;
  }
  for (struct published *o = portd.ports; o; o = o->next) {
    if (o == p || !o->borrowed || o->fds[0] != fd)
      continue;
    rk_text_str(&t, ": in use by ID ");
    rk_text_num(&t, o->id);
    return -1;
  }
  if (tcp && (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0 || !listening) &&
      listen(fd, BACKLOG) < 0) {
    rk_text_str(&t, ": listen: ");
    rk_text_str(&t, portd_errtext(errno));
    return -1;
  }
  p->fds = malloc(sizeof *p->fds);
  if (!p->fds)
    return rk_text_str(&t, ": cannot allocate memory"), -1;
  p->fds[0] = fd;
  p->nfds = 1;
  p->borrowed = 1;
  return 0;
}

int portd_bind(struct published *p, char *err, size_t errsize)
{
  struct rk_portspec spec = p->file.spec;
  struct sockaddr_storage sa;
  int tcp = rk_proto_is_tcp(spec.proto), no6 = 0, v6only;

  if (!tcp && !rk_proto_is_udp(spec.proto)) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, "unsupported port protocol ");
    rk_text_str(&t, rk_proto_name(spec.proto));
    return -1;
  }
  if (p->file.listenfd[0])
    return borrow(p, err, errsize);
  p->fds = malloc(spec.count * sizeof *p->fds);
  if (!p->fds)
    return refuse(p, spec.parentport, ENOMEM, err, errsize);
  while (p->nfds < p->file.spec.count) {
    int fd;
    spec.parentport = p->file.spec.parentport + p->nfds;
    if (rk_portspec_listen(&spec, no6, &sa, &v6only, err, errsize) < 0) {
      portd_unbind(p);
      return -1;
    }
    fd = one_patiently(&sa, v6only, tcp);
    if (fd < 0 && errno == EAFNOSUPPORT && sa.ss_family == AF_INET6 && !no6) {
      no6 = 1; /* a kernel without IPv6: "any" then means IPv4 */
      continue;
    }
    if (fd < 0) {
      int e = errno;
      portd_unbind(p);
      return refuse(p, spec.parentport, e, err, errsize);
    }
    p->fds[p->nfds++] = fd;
  }
  return 0;
}

void portd_unbind(struct published *p)
{
  while (p->nfds) {
    p->nfds--;
    if (!p->borrowed)
      close(p->fds[p->nfds]);
  }
  free(p->fds);
  p->fds = 0;
  p->borrowed = 0;
}

/* A mapped address is the IPv4 address that it is, see one(). */
int portd_bound(struct published const *p, struct sockaddr_storage *sa)
{
  socklen_t len = sizeof *sa;
  struct sockaddr_in6 v6;

  if (!p->nfds || getsockname(p->fds[0], (struct sockaddr *)sa, &len) == -1)
    return -1;
  if (sa->ss_family != AF_INET6)
    return 0;
  memcpy(&v6, sa, sizeof v6);
  if (!IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
    return 0;
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = v6.sin6_port};
  memcpy(&v4.sin_addr, v6.sin6_addr.s6_addr + 12, sizeof v4.sin_addr);
  memset(sa, 0, sizeof *sa);
  memcpy(sa, &v4, sizeof v4);
  return 0;
}

void portd_listen_again(struct published *p)
{
  int on = 1;

  if (!rk_proto_is_tcp(p->file.spec.proto) || !p->file.refuse_backend)
    return;
  for (uint32_t i = 0; i < p->nfds; i++) {
    if (!p->borrowed)
      setsockopt(p->fds[i], SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    listen(p->fds[i], BACKLOG);
  }
}
