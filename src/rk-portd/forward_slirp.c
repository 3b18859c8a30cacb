/* SPDX-License-Identifier: ISC
   -P slirp4netns: ask the chain's slirp4netns, by its API socket, to publish. One request a
   connection, JSON both ways. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <skalibs/types.h>

#include <rk/state.h>
#include <rk/text.h>
#include "portd.h"

enum { ANSWER_S = 3, TEXT_MAX = 600 };

/* slirp4netns reads until we shut down, answers, and closes. Length of the answer, -1 with
   errno. */
static ssize_t call(char const *request, size_t len, char *answer, size_t size)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct timeval wait = {.tv_sec = ANSWER_S};
  struct rk_text path = rk_text_in(sa.sun_path, sizeof sa.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  size_t n = 0;
  ssize_t r = -1;
  int e;

  if (fd < 0)
    return -1;
  rk_text_str(&path, portd.path);
  rk_text_str(&path, "/.s4nn.sock");
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
      connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0 &&
      send(fd, request, len, MSG_NOSIGNAL) == (ssize_t)len && shutdown(fd, SHUT_WR) == 0)
    while (n + 1 < size && (r = recv(fd, answer + n, size - 1 - n, 0)) > 0)
      n += (size_t)r;
  e = errno;
  close(fd);
  if (r < 0)
    return errno = e, -1;
  answer[n] = 0;
  return (ssize_t)n;
}

/* The answers have one of two fixed shapes: {"return":{"id":1}} and {"error":{"desc":"..."}}. */
static int understand(char const *answer, unsigned int *id, char *err, size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);
  char const *at = strstr(answer, "\"error\"");

  if (at) {
    at = strstr(at, "\"desc\":");
    at = at ? strchr(at + 7, '"') : 0;
    rk_text_str(&t, "slirp4netns: ");
    if (at)
      rk_text_quote(&t, at + 1, strcspn(at + 1, "\""));
    return -1;
  }
  at = strstr(answer, "\"id\":");
  if (!at || !uint_scan(at + 5 + strspn(at + 5, " "), id)) {
    rk_text_str(&t, "slirp4netns gave no id");
    return -1;
  }
  return 0;
}

static void quoted(struct rk_text *t, char const *key, char const *value)
{
  rk_text_str(t, key);
  rk_text_str(t, ":");
  rk_text_json(t, value, strlen(value));
}

/* One port of the range. 0, or -1 with err and errno (0: slirp4netns refused). */
static int add(struct published const *p, uint32_t k, char const *guest, unsigned int *id,
               char *err, size_t errsize)
{
  struct rk_portspec const *s = &p->file.spec;
  char request[TEXT_MAX], answer[TEXT_MAX];
  struct rk_text t = rk_text_in(request, sizeof request);

  rk_text_str(&t, "{\"execute\":\"add_hostfwd\",\"arguments\":{");
  quoted(&t, "\"proto\"", rk_proto_is_tcp(s->proto) ? "tcp" : "udp");
  quoted(&t, ",\"host_addr\"", s->parentip[0] ? s->parentip : "0.0.0.0");
  rk_text_str(&t, ",\"host_port\":");
  rk_text_num(&t, s->parentport + k);
  quoted(&t, ",\"guest_addr\"", guest);
  rk_text_str(&t, ",\"guest_port\":");
  rk_text_num(&t, s->childport + k);
  rk_text_str(&t, "}}");
  if (call(t.s, t.len, answer, sizeof answer) < 0) {
    int e = errno;
    t = rk_text_in(err, errsize);
    rk_text_str(
      &t,
      e == ENOENT || e == ECONNREFUSED
        ? "slirp4netns has no API socket: set RK_PORT_DRIVER=slirp4netns before the chain starts"
        : "slirp4netns does not answer: ");
    if (e != ENOENT && e != ECONNREFUSED)
      rk_text_str(&t, portd_errtext(e));
    return errno = e, -1;
  }
  if (understand(answer, id, err, errsize) < 0)
    return errno = 0, -1;
  return 0;
}

static void withdraw(struct published *p)
{
  char request[TEXT_MAX], answer[TEXT_MAX];

  while (p->nfds) {
    struct rk_text t = rk_text_in(request, sizeof request);
    rk_text_str(&t, "{\"execute\":\"remove_hostfwd\",\"arguments\":{\"id\":");
    rk_text_num(&t, p->fds[--p->nfds]);
    rk_text_str(&t, "}}");
    /* one that is gone has no ports any more */
    if (p->forwarded)
      call(t.s, t.len, answer, sizeof answer);
  }
  free(p->fds);
  p->fds = 0;
  p->forwarded = 0;
}

/* The address inside, from net/ip, or slirp4netns' default if there is no such fact. The chain's
   root can write that file, and what it says goes into a request: -1 if it is no IPv4 address. */
static int guest_address(char *guest, size_t size)
{
  struct in6_addr unused;

  if (rk_fact_read(portd.dir, "net/ip", guest, size) <= 0)
    memcpy(guest, "10.0.2.100", 11);
  return rk_ip_parse(guest, strlen(guest), &unused) == AF_INET ? 0 : -1;
}

/* 0; -1: err, and *lost if it is slirp4netns as a whole. */
static int publish(struct published *p, char *err, size_t errsize, int *lost)
{
  char guest[RK_PORTSPEC_IPMAX] = "";
  struct rk_portspec const *s = &p->file.spec;

  *lost = 0;
  if (s->childip[0]) {
    memcpy(guest, s->childip, sizeof guest);
  } else if (guest_address(guest, sizeof guest) == -1) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, "net/ip in the state directory is no IPv4 address: ");
    rk_text_quote(&t, guest, strlen(guest));
    return -1;
  }
  /* slirp4netns only says that it failed: try to bind first, and the kernel says why. */
  if (portd_bind(p, err, errsize) < 0)
    return -1;
  portd_unbind(p);
  p->fds = malloc(s->count * sizeof *p->fds);
  if (!p->fds) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, "cannot allocate memory");
    return -1;
  }
  p->forwarded = 1;
  for (uint32_t k = 0; k < s->count; k++) {
    unsigned int id;
    if (add(p, k, guest, &id, err, errsize) < 0) {
      *lost = errno != 0;
      withdraw(p);
      return -1;
    }
    p->fds[p->nfds++] = (int)id;
  }
  return 0;
}

/* What slirp4netns cannot do is refused whether there is a chain or not. */
static int possible(struct published const *p, char *err, size_t errsize)
{
  struct rk_text t = rk_text_in(err, errsize);
  struct rk_portspec const *s = &p->file.spec;
  struct in6_addr addr;
  enum rk_proto proto = s->proto;

  if (proto != RK_PROTO_TCP && proto != RK_PROTO_TCP4 && proto != RK_PROTO_UDP &&
      proto != RK_PROTO_UDP4) {
    rk_text_str(&t, "unsupported protocol ");
    rk_text_quote(&t, rk_proto_name(proto), strlen(rk_proto_name(proto)));
  } else if (s->parentip[0] && rk_ip_parse(s->parentip, strlen(s->parentip), &addr) != AF_INET) {
    rk_text_str(&t, "slirp4netns publishes IPv4 addresses only, not ");
    rk_text_str(&t, s->parentip);
  } else if (s->childip[0] && rk_ip_parse(s->childip, strlen(s->childip), &addr) != AF_INET) {
    rk_text_str(&t, "unsupported IP (v6?): ");
    rk_text_str(&t, s->childip);
  } else if (s->childip[0] && addr.s6_addr[12] == 127) {
    rk_text_str(&t, "slirp4netns does not reach the loopback address inside: ");
    rk_text_str(&t, s->childip);
  } else if (p->file.listenfd[0]) {
    rk_text_str(&t, "listen-fd= cannot be handed to slirp4netns");
  } else if (p->file.refuse_backend || p->file.idle || p->file.srcip == RK_SRCIP_NO ||
             p->file.srcip == RK_SRCIP_PLAIN) {
    rk_text_str(&t, "slirp4netns does not support refuse=, idle=, srcip=no or srcip=plain");
  } else {
    return 0;
  }
  return -1;
}

static int slirp_open(struct published *p, char *err, size_t errsize)
{
  int lost;

  if (possible(p, err, errsize) < 0)
    return -1;
  if (!portd.chain || portd.trouble[0])
    return PORTD_WAITING;
  if (publish(p, err, errsize, &lost) == 0)
    return PORTD_LISTENING;
  if (!lost)
    return -1;
  portd_chain_failed(err);
  return PORTD_WAITING;
}

static void slirp_change(struct published *p)
{
  char err[TEXT_MAX];
  int state;

  withdraw(p);
  state = slirp_open(p, err, sizeof err);
  p->state = state < 0 ? PORTD_ERROR : (enum portd_state)state;
  if (state < 0)
    portd_port_fail(p, err, 1);
}

/* Which slirp4netns has our ports: its socket, made anew by each. */
static struct stat asked;

static int same_socket(void)
{
  struct stat st;

  if (fstatat(portd.dir, ".s4nn.sock", &st, AT_SYMLINK_NOFOLLOW) < 0)
    return 1;
  return st.st_ino == asked.st_ino && st.st_mtim.tv_sec == asked.st_mtim.tv_sec &&
         st.st_mtim.tv_nsec == asked.st_mtim.tv_nsec;
}

void portd_slirp_socket(void)
{
  if (!portd.chain)
    return;
  if (!same_socket())
    portd_chain_reforward();
  else if (portd.trouble[0])
    portd_chain_check();
}

static int slirp_up(char *err, size_t errsize)
{
  if (fstatat(portd.dir, ".s4nn.sock", &asked, AT_SYMLINK_NOFOLLOW) < 0)
    memset(&asked, 0, sizeof asked);
  for (struct published *p = portd.ports; p; p = p->next) {
    int lost;
    if (p->state != PORTD_WAITING)
      continue;
    if (publish(p, err, errsize, &lost) == 0) {
      p->state = PORTD_LISTENING;
    } else if (lost) {
      return -1;
    } else {
      p->state = PORTD_ERROR;
      portd_port_fail(p, err, 1);
    }
    portd_status_dirty(p);
  }
  return 0;
}

static void slirp_down(void)
{
  for (struct published *p = portd.ports; p; p = p->next) {
    if (p->state != PORTD_LISTENING)
      continue;
    p->forwarded = 0;
    withdraw(p);
    p->state = PORTD_WAITING;
    portd_status_dirty(p);
  }
}

static int slirp_tick(void)
{
  return -1;
}

struct forwarder const forward_slirp = {
  .name = "slirp4netns",
  .open = slirp_open,
  .close = withdraw,
  .change = slirp_change,
  .up = slirp_up,
  .down = slirp_down,
  .tick = slirp_tick,
};
