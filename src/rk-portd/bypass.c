/* SPDX-License-Identifier: ISC */
#include "bypass.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <rk/sys.h>
#include "bind.h"

void bypass_close(struct bypass *b)
{
  if (b->fd != -1)
    close(b->fd);
  b->fd = -1;
}

/* What a port file asks of the relay, only that does. A server sees its clients as they are, which
   is what prefer, require and loopback ask for. */
int bypass_eligible(struct published const *p)
{
  struct rk_portfile const *file = &p->file;

  if (!rk_proto_is_tcp(file->spec.proto) || file->spec.count != 1)
    return 0;
  if (file->refuse_backend || file->listenfd[0] || file->spec.parentpath[0])
    return 0;
  if (*rk_portfile_link(file) || file->wait != RK_WAIT_START || file->spec.childpath[0])
    return 0;
  return file->srcip != RK_SRCIP_NO && file->srcip != RK_SRCIP_PLAIN;
}

/* A failure is its end, or a queue that nobody empties: poll(2) tells, and another connection is
   asked for. */
static void say(struct bypass *b, struct rk_bypass_say *what, int fd)
{
  if (b->fd == -1)
    return;
  what->version = RK_BYPASS_VERSION;
  if (rk_send_fd(b->fd, what, sizeof *what, fd) == -1)
    shutdown(b->fd, SHUT_RDWR);
}

static struct rk_relay_dest target(struct published const *p)
{
  struct rk_relay_dest dest = {.port = 0};
  struct sockaddr_storage sa;
  struct sockaddr_in const *four = (void const *)&sa;
  struct sockaddr_in6 const *six = (void const *)&sa;

  bind_target(p, &sa);
  dest.family = sa.ss_family;
  if (sa.ss_family == AF_INET) {
    dest.addr.v4 = four->sin_addr;
    dest.port = ntohs(four->sin_port);
  } else {
    dest.addr.v6 = six->sin6_addr;
    dest.port = ntohs(six->sin6_port);
  }
  return dest;
}

void bypass_offer(struct bypass *b, struct published const *p)
{
  struct rk_bypass_say offer = {.op = RK_BYPASS_OFFER, .id = p->id};

  if (b->fd == -1 || !bypass_eligible(p))
    return;
  offer.dest = target(p);
  say(b, &offer, p->bypass ? p->fds[0] : -1);
}

void bypass_drop(struct bypass *b, struct published const *p)
{
  struct rk_bypass_say drop = {.op = RK_BYPASS_DROP, .id = p->id};

  say(b, &drop, -1);
}

void bypass_ready(struct bypass *b)
{
  struct rk_bypass_say ready = {.op = RK_BYPASS_READY};

  say(b, &ready, -1);
}

void bypass_give(struct bypass *b, struct rk_bypass_say const *take, struct published const *p,
                 int error)
{
  struct rk_bypass_say give = {
    .op = RK_BYPASS_GIVE, .id = take->id, .call = take->call, .error = error};

  say(b, &give, error ? -1 : p->fds[0]);
}

static int option(int fd, int level, int name)
{
  int value = 0;
  socklen_t len = sizeof value;

  return getsockopt(fd, level, name, &value, &len) == -1 ? 0 : value;
}

int bypass_hear(struct bypass *b, struct rk_bypass_say *what, int *fd)
{
  ssize_t n;

  *fd = -1;
  if (b->fd == -1)
    return -1;
  n = rk_recv_fd(b->fd, what, sizeof *what, fd);
  if (n == -1 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (n == sizeof *what && what->version == RK_BYPASS_VERSION)
    return 1;
  if (*fd != -1)
    close(*fd);
  *fd = -1;
  bypass_close(b);
  return -1;
}

static int same_address(struct sockaddr_storage const *a, struct sockaddr_storage const *b)
{
  struct sockaddr_in const *a4 = (void const *)a;
  struct sockaddr_in const *b4 = (void const *)b;
  struct sockaddr_in6 const *a6 = (void const *)a;
  struct sockaddr_in6 const *b6 = (void const *)b;

  if (a->ss_family != b->ss_family || a4->sin_port != b4->sin_port)
    return 0;
  if (a->ss_family == AF_INET)
    return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
  return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

int bypass_is(struct published const *p, int fd)
{
  char err[RK_PORTSPEC_ERRMAX];
  struct sockaddr_storage is, wanted;
  int v6only;

  if (!bypass_eligible(p) || !option(fd, SOL_SOCKET, SO_ACCEPTCONN))
    return 0;
  if (rk_portspec_listen(&p->file.spec, 0, &wanted, &v6only, err, sizeof err) == -1)
    return 0;
  return bind_name(fd, &is) == 0 && same_address(&is, &wanted);
}

/* A server of IPv4 wants addresses of IPv4 from accept(2), a server of both wants mapped ones. One
   of IPv4 cannot have the socket of [::], which takes clients of both. */
enum bypass_fit bypass_fit(struct published const *p, struct rk_bypass_say const *take)
{
  int family = option(p->fds[0], SOL_SOCKET, SO_DOMAIN);
  int both = family == AF_INET6 && !option(p->fds[0], IPPROTO_IPV6, IPV6_V6ONLY);
  struct sockaddr_storage sa;

  if (bind_address(p, &sa) == -1)
    return BYPASS_NEVER;
  if (take->family == AF_INET && sa.ss_family != AF_INET)
    return BYPASS_NEVER;
  if (take->v6only && (sa.ss_family != AF_INET6 || both))
    return BYPASS_NEVER;
  return (int)take->family == family ? BYPASS_FITS : BYPASS_ANEW;
}

/* Nobody inside can make it accept clients of the network again: to loosen it from the host's
   loopback takes CAP_NET_RAW over the host's network (socket(7), SO_BINDTODEVICE). */
void bypass_stop(int fd)
{
  setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo");
  shutdown(fd, SHUT_RD);
}
