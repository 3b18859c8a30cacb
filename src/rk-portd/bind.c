/* SPDX-License-Identifier: ISC */
#include "bind.h"

#include <errno.h>
#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/socket.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include <rk/bind.h>
#include <rk/clock.h>
#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/text.h>
#include "errtext.h"

#ifndef IPV6_MULTICAST_ALL /* linux/in6.h, which clashes with netinet/in.h */
#define IPV6_MULTICAST_ALL 29
#endif

enum { FREE_ATTEMPTS = 20 };

/* The host's first IPv4 address that is not loopback, 0: none. */
static in_addr_t hostip(void)
{
  struct ifaddrs *all, *a;
  in_addr_t ip = 0;

  if (getifaddrs(&all) == -1)
    return 0;
  for (a = all; a && !ip; a = a->ifa_next) {
    struct sockaddr_in const *sa = (void const *)a->ifa_addr;
    if (!sa || sa->sin_family != AF_INET)
      continue;
    if (!(a->ifa_flags & IFF_LOOPBACK))
      ip = sa->sin_addr.s_addr;
  }
  freeifaddrs(all);
  return ip;
}

/* A kernel without IPv6: "any" was bound as IPv4. */
static int is_four(struct published const *p)
{
  int domain = 0;
  socklen_t len = sizeof domain;

  if (!p->nfds || getsockopt(p->fds[0], SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1)
    return 0;
  return domain == AF_INET;
}

static struct sockaddr_storage loopback4(uint16_t port)
{
  struct sockaddr_in const four = {
    .sin_family = AF_INET,
    .sin_port = htons(port),
    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
  };
  struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};

  memcpy(&sa, &four, sizeof four);
  return sa;
}

static struct sockaddr_storage loopback6(uint16_t port)
{
  struct sockaddr_in6 const six = {
    .sin6_family = AF_INET6,
    .sin6_port = htons(port),
    .sin6_addr = IN6ADDR_LOOPBACK_INIT,
  };
  struct sockaddr_storage sa = {.ss_family = AF_UNSPEC};

  memcpy(&sa, &six, sizeof six);
  return sa;
}

void bind_target(struct published const *p, struct sockaddr_storage *sa)
{
  struct rk_portspec const *spec = &p->file.spec;
  struct in6_addr addr;
  int family = 0;

  /* Only a port on one IPv4 address asks which address the host's first is. */
  if (!spec->childip[0])
    family = rk_ip_parse(spec->parentip, strlen(spec->parentip), &addr);
  if (family == AF_INET && addr.s6_addr[12] != 127)
    rk_portspec_target(spec, hostip(), sa);
  else
    rk_portspec_target(spec, 0, sa);
  if (family == AF_INET6 && sa->ss_family == AF_INET6 && is_four(p))
    *sa = loopback4((uint16_t)spec->childport);
  else if (p->loopback)
    *sa = sa->ss_family == AF_INET ? loopback4((uint16_t)spec->childport)
                                   : loopback6((uint16_t)spec->childport);
}

/* "listen tcp 127.0.0.1:80: bind: " */
static void listen_text(struct rk_text *t, struct published const *p, int64_t port)
{
  char const *ip = p->file.spec.parentip;
  int six = strchr(ip, ':') != NULL;

  rk_text_add(t, "listen ", rk_proto_name(p->file.spec.proto), six ? " [" : " ", ip,
              six ? "]:" : ":");
  rk_text_num(t, port);
  rk_text_str(t, ": bind: ");
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
  rk_text_add(t, "' to /etc/sysctl.conf (currently ", start,
              "), or set CAP_NET_BIND_SERVICE on rootlesskit binary (without rk-run: on rk-portd), "
              "or choose a larger port number "
              "(>= ",
              start, "): ");
}

static int refuse(struct published const *p, int64_t port, int e, struct rk_text *why)
{
  if (e == EACCES)
    privileged(why, port);
  listen_text(why, p, port);
  rk_text_str(why, errtext(e));
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

static int set(int fd, int level, int option, int value)
{
  return setsockopt(fd, level, option, &value, sizeof value);
}

/* What all sockets of a port have in common. */
struct side {
  char const *ifname;
  int v6only;
  int tcp;
  int shared;
};

/* TCP sockets are IPv6's, for IPv4 addresses too: the kernel then takes no address shorter than 24
   bytes from connect and bind (tcp_v6_connect, inet6_bind), and rk-relay's filter lets none longer
   than 16 pass. So a relay that was taken over cannot connect from the host's network by such a
   socket. A kernel without IPv6 has the plain one. */
static int one(struct side const *side, struct sockaddr_storage const *sa)
{
  struct sockaddr_storage wide = mapped(sa);

  if (!side->tcp || sa->ss_family != AF_INET)
    return rk_bind_to(sa, side->v6only, side->tcp, side->ifname, side->shared);
  int fd = rk_bind_to(&wide, 0, side->tcp, side->ifname, side->shared);
  if (fd == -1 && errno == EAFNOSUPPORT)
    return rk_bind_to(sa, side->v6only, side->tcp, side->ifname, side->shared);
  return fd;
}

/* A relay whose rk-portd was killed closes its listeners at once, but not before a quick new
   rk-portd binds. */
static int one_patiently(struct side const *side, struct sockaddr_storage const *sa, int64_t until)
{
  for (;;) {
    int fd = one(side, sa);
    if (fd != -1 || errno != EADDRINUSE || rk_clock_ms() >= until)
      return fd;
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  }
}

static int option(int fd, int which)
{
  int value = -1;
  socklen_t len = sizeof value;

  return getsockopt(fd, SOL_SOCKET, which, &value, &len) == -1 ? -1 : value;
}

static int borrow(struct bind const *bind, struct published *p, struct rk_text *why)
{
  int fd = listenfds_find(&bind->given, p->file.listenfd);
  int tcp = rk_proto_is_tcp(p->file.spec.proto);
  int domain;

  rk_text_add(why, "listen-fd=", p->file.listenfd);
  if (fd == -1) {
    rk_text_str(why, ": rk-portd was given no socket of this name");
    return -1;
  }
  domain = option(fd, SO_DOMAIN);
  if (option(fd, SO_TYPE) != (tcp ? SOCK_STREAM : SOCK_DGRAM) ||
      (domain != AF_INET && domain != AF_INET6)) {
    rk_text_str(why, tcp ? ": not a TCP socket" : ": not a UDP socket");
    return -1;
  }
  if (tcp && option(fd, SO_ACCEPTCONN) != 1 && listen(fd, RK_BACKLOG) == -1) {
    rk_text_add(why, ": listen: ", errtext(errno));
    return -1;
  }
  p->fds = malloc(sizeof *p->fds);
  if (!p->fds) {
    rk_text_str(why, ": cannot allocate memory");
    return -1;
  }
  p->fds[0] = fd;
  p->nfds = 1;
  p->borrowed = 1;
  return 0;
}

/* Bound to a number that the kernel has chosen. That of TCP is then bound by its name: a chosen one
   would be given back when the socket stops listening (tcp_set_state), as refuse=backend makes it
   do. */
static int one_free(struct side const *side, struct sockaddr_storage const *sa)
{
  int fd = one(side, sa);

  for (int i = 0; fd != -1 && side->tcp && i < FREE_ATTEMPTS; i++) {
    struct sockaddr_storage named = *sa;
    struct sockaddr_storage chosen = {0};
    socklen_t len = sizeof chosen;
    if (getsockname(fd, (struct sockaddr *)&chosen, &len) == -1)
      break;
    ((struct sockaddr_in *)&named)->sin_port = ((struct sockaddr_in *)&chosen)->sin_port;
    close(fd);
    fd = one(side, &named);
    if (fd != -1 || errno != EADDRINUSE)
      return fd;
    fd = one(side, sa); /* somebody was faster */
  }
  return fd;
}

static int bind_socket(struct bind const *bind, struct published *p, struct rk_text *why)
{
  p->fds = malloc(sizeof *p->fds);
  if (!p->fds) {
    rk_text_str(why, "cannot allocate memory");
    return -1;
  }
  while (unix_bind(&bind->dirs, p, why) == -1) {
    int e = errno;
    if (e == EADDRINUSE && rk_clock_ms() < bind->patient) {
      nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
      continue;
    }
    bind_undo(p);
    if (why->len)
      return -1;
    rk_text_str(why, "listen unix ");
    rk_text_safe(why, p->file.spec.parentpath, strlen(p->file.spec.parentpath));
    rk_text_add(why, ": bind: ", errtext(e));
    return -1;
  }
  return 0;
}

/* Become a member of the port's group, and get what is sent to that alone (IP_MULTICAST_ALL of
   ip(7)). fd, or -1 with errno: then it is closed. */
static int join(int fd, struct rk_portfile const *file)
{
  struct ip_mreqn four = {.imr_ifindex = (int)if_nametoindex(file->groupif)};
  struct ipv6_mreq six = {
    .ipv6mr_multiaddr = file->group,
    .ipv6mr_interface = (unsigned int)four.imr_ifindex,
  };
  int r;

  memcpy(&four.imr_multiaddr, file->group.s6_addr + 12, sizeof four.imr_multiaddr);
  set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0); /* since Linux 4.20, of IPv6 sockets */
  if (!six.ipv6mr_interface)
    r = rk_fail(ENODEV);
  else if (IN6_IS_ADDR_V4MAPPED(&file->group))
    r = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &four, sizeof four);
  else
    r = setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &six, sizeof six);
  if (r == 0)
    return fd;
  fd_close(fd); /* keeps errno */
  return -1;
}

static int bind_all(struct bind const *bind, struct published *p, struct rk_text *why)
{
  struct rk_portspec spec = p->file.spec;
  struct sockaddr_storage sa;
  char err[RK_PORTSPEC_ERRMAX];
  struct side side = {
    .ifname = p->file.ifname,
    .tcp = rk_proto_is_tcp(spec.proto),
    .shared = p->file.groupif[0] != 0,
  };
  int no6 = 0;

  if (!side.tcp && !rk_proto_is_udp(spec.proto)) {
    rk_text_add(why, "unsupported port protocol ", rk_proto_name(spec.proto));
    return -1;
  }
  if (p->file.listenfd[0])
    return borrow(bind, p, why);
  if (spec.parentpath[0])
    return bind_socket(bind, p, why);
  p->fds = malloc(spec.count * sizeof *p->fds);
  if (!p->fds)
    return refuse(p, spec.parentport, ENOMEM, why);
  while (p->nfds < p->file.spec.count) {
    int fd;
    spec.parentport = p->file.spec.parentport + p->nfds;
    if (rk_portspec_listen(&spec, no6, &sa, &side.v6only, err, sizeof err) == -1) {
      bind_undo(p);
      rk_text_str(why, err);
      return -1;
    }
    if (spec.parentport)
      fd = one_patiently(&side, &sa, bind->patient);
    else
      fd = one_free(&side, &sa);
    if (fd == -1 && errno == EAFNOSUPPORT && sa.ss_family == AF_INET6 && !no6) {
      no6 = 1; /* a kernel without IPv6: "any" then means IPv4 */
      continue;
    }
    if (fd != -1 && side.shared)
      fd = join(fd, &p->file);
    if (fd == -1) {
      int e = errno;
      bind_undo(p);
      refuse(p, spec.parentport, e, why);
      return rk_fail(e);
    }
    p->fds[p->nfds] = fd;
    p->nfds++;
  }
  return 0;
}

int bind_port(struct bind const *bind, struct published *p, struct rk_text *why)
{
  unsigned int index = 0;

  char const *name = rk_portfile_link(&p->file);

  if (*name)
    index = if_nametoindex(name);
  errno = 0;
  if (bind_all(bind, p, why) == -1)
    return -1;
  p->ifindex = index;
  return 0;
}

void bind_undo(struct published *p)
{
  if (p->nfds && p->file.spec.parentpath[0])
    unix_undo(p);
  while (p->nfds) {
    p->nfds--;
    if (!p->borrowed)
      close(p->fds[p->nfds]);
  }
  free(p->fds);
  p->fds = NULL;
  p->borrowed = 0;
  p->ifindex = 0;
}

/* A mapped address is the IPv4 address that it is, see one(). */
int bind_address(struct published const *p, struct sockaddr_storage *sa)
{
  return p->nfds ? bind_name(p->fds[0], sa) : -1;
}

int bind_adopt(struct published *p, int fd)
{
  p->fds = malloc(sizeof *p->fds);
  if (!p->fds)
    return -1;
  p->fds[0] = fd;
  p->nfds = 1;
  return 0;
}

int bind_name(int fd, struct sockaddr_storage *sa)
{
  socklen_t len = sizeof *sa;
  struct sockaddr_in6 v6;

  if (getsockname(fd, (struct sockaddr *)sa, &len) == -1)
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

int bind_again(struct published *p, int family)
{
  struct side side = {.ifname = "", .tcp = 1};
  struct sockaddr_storage sa;
  socklen_t len = sizeof side.v6only;
  int fd, e = 0;

  if (bind_address(p, &sa) == -1)
    return EINVAL;
  if (sa.ss_family == AF_INET6)
    getsockopt(p->fds[0], IPPROTO_IPV6, IPV6_V6ONLY, &side.v6only, &len);
  close(p->fds[0]); /* two listeners exclude one another */
  if (family == AF_INET)
    fd = rk_bind(&sa, 0, 1);
  else
    fd = one(&side, &sa);
  if (fd == -1) {
    e = errno;
    fd = one(&side, &sa);
  }
  p->fds[0] = fd;
  return e;
}

void bind_listen_again(struct published *p)
{
  if (!rk_proto_is_tcp(p->file.spec.proto))
    return;
  if (!p->file.refuse_backend && !p->bypassed)
    return;
  for (uint32_t i = 0; i < p->nfds; i++) {
    if (!p->borrowed)
      set(p->fds[i], SOL_SOCKET, SO_REUSEADDR, 1);
    listen(p->fds[i], RK_BACKLOG);
  }
}
