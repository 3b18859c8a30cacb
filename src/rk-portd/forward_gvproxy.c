/* SPDX-License-Identifier: ISC
   -P gvisor-tap-vsock: ask the chain's gvproxy, by its API socket, to publish. HTTP, one request a
   connection. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include <rk/state.h>
#include "errtext.h"
#include "forward.h"

#define SOCKET_NAME ".gvp.sock"

enum { ANSWER_S = 3, TEXT_MAX = 800 };

/* Length of the answer, or -1 with errno. It is sent off as a whole: gvproxy takes a half-closed
   connection for one that has gone. */
static ssize_t exchange(int fd, struct rk_text const *request, char *answer, size_t size)
{
  size_t n;

  if (send(fd, request->s, request->len, MSG_NOSIGNAL) != (ssize_t)request->len)
    return -1;
  errno = 0;
  n = allread(fd, answer, size - 1);
  if (errno && errno != EPIPE) /* skalibs' word for the end */
    return -1;
  answer[n] = 0;
  return (ssize_t)n;
}

static ssize_t call(struct forward const *f, struct rk_text const *request, char *answer,
                    size_t size)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct timeval wait = {.tv_sec = ANSWER_S};
  struct rk_text path = rk_text_in(sa.sun_path, sizeof sa.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ssize_t n = -1;

  if (fd == -1)
    return -1;
  rk_text_add(&path, f->path, "/" SOCKET_NAME);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
      connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
    n = exchange(fd, request, answer, size);
  fd_close(fd); /* keeps errno */
  return n;
}

static void address(struct rk_text *t, char const *ip, int64_t port)
{
  int six = strchr(ip, ':') != NULL;

  rk_text_add(t, six ? "[" : "", ip, six ? "]:" : ":");
  rk_text_num(t, port);
}

/* POST /services/forwarder/VERB for the k-th port of the range. Nothing in an address that was
   parsed needs escaping in JSON. */
static void compose(struct rk_text *t, char const *verb, struct published const *p, uint32_t k,
                    char const *inside)
{
  struct rk_portspec const *s = &p->file.spec;
  int four = s->proto == RK_PROTO_TCP4 || s->proto == RK_PROTO_UDP4;
  char body[TEXT_MAX / 2];
  struct rk_text b = rk_text_in(body, sizeof body);

  rk_text_add(&b, "{\"protocol\":\"", rk_proto_is_tcp(s->proto) ? "tcp" : "udp", "\",\"local\":\"");
  address(&b, !s->parentip[0] && four ? "0.0.0.0" : s->parentip, s->parentport + k);
  rk_text_str(&b, "\",\"remote\":\"");
  address(&b, inside, s->childport + k);
  rk_text_str(&b, "\"}");
  rk_text_add(t, "POST /services/forwarder/", verb,
              " HTTP/1.1\r\nHost: gvproxy\r\nConnection: close\r\n"
              "Content-Type: application/json\r\nContent-Length: ");
  rk_text_num(t, (int64_t)b.len);
  rk_text_str(t, "\r\n\r\n");
  rk_text_mem(t, b.s, b.len);
}

/* "HTTP/1.1 200 OK", or another status and a line of text. */
static enum forwarded understand(char const *answer, struct rk_text *why)
{
  char const *body = strstr(answer, "\r\n\r\n");

  if (!strncmp(answer, "HTTP/1.1 200 ", 13))
    return FORWARD_LISTENING;
  rk_text_str(why, "gvproxy: ");
  if (!body)
    rk_text_str(why, "no answer in HTTP");
  else
    rk_text_quote(why, body + 4, strcspn(body + 4, "\r\n"));
  return FORWARD_REFUSED;
}

static enum forwarded add(struct forward const *f, struct published const *p, uint32_t k,
                          char const *inside, struct rk_text *why)
{
  char buf[TEXT_MAX];
  char answer[TEXT_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  compose(&t, "expose", p, k, inside);
  if (call(f, &t, answer, sizeof answer) != -1)
    return understand(answer, why);
  if (errno == ENOENT || errno == ECONNREFUSED)
    rk_text_str(why, "gvproxy has no API socket: set RK_PORT_DRIVER=gvisor-tap-vsock before the "
                     "chain starts");
  else
    rk_text_add(why, "gvproxy does not answer: ", errtext(errno));
  return FORWARD_LOST;
}

/* One that is gone has no ports any more. */
static void gvproxy_detach(struct forward *f, struct published *p)
{
  char buf[TEXT_MAX];
  char answer[TEXT_MAX];

  while (p->nremote) {
    struct rk_text t = rk_text_in(buf, sizeof buf);
    p->nremote--;
    compose(&t, "unexpose", p, p->nremote, "");
    if (f->chain)
      call(f, &t, answer, sizeof answer);
  }
}

/* The address inside: that of the port file, else the fact net/ip. Root inside can write that file,
   and what it says goes into a request: -1 if it is no IPv4 address. */
static int inside_address(struct forward const *f, struct published const *p, char *ip, size_t size,
                          struct rk_text *why)
{
  struct in6_addr unused;

  if (p->file.spec.childip[0]) {
    memcpy(ip, p->file.spec.childip, sizeof p->file.spec.childip);
    return 0;
  }
  if (rk_fact_read(f->dir, "net/ip", ip, size) <= 0)
    memcpy(ip, "10.0.2.100", 11);
  if (rk_ip_parse(ip, strlen(ip), &unused) == AF_INET)
    return 0;
  rk_text_str(why, "net/ip in the state directory is no IPv4 address: ");
  rk_text_quote(why, ip, strlen(ip));
  return -1;
}

static enum forwarded gvproxy_attach(struct forward *f, struct published *p, struct rk_text *why)
{
  char inside[RK_PORTSPEC_IPMAX] = "";

  if (inside_address(f, p, inside, sizeof inside, why) == -1)
    return FORWARD_REFUSED;
  /* the kernel's own reason, in RootlessKit's words, if it cannot be bound */
  if (bind_port(&f->bind, p, why) == -1)
    return FORWARD_REFUSED;
  bind_undo(p);
  for (uint32_t k = 0; k < p->file.spec.count; k++) {
    enum forwarded r = add(f, p, k, inside, why);
    if (r != FORWARD_LISTENING) {
      gvproxy_detach(f, p);
      return r;
    }
    p->nremote++;
  }
  return FORWARD_LISTENING;
}

/* What gvproxy cannot do is refused whether there is a chain or not. */
static enum forwarded gvproxy_check(struct published const *p, struct rk_text *why)
{
  struct rk_portspec const *s = &p->file.spec;
  struct in6_addr addr = {0};
  int child = AF_INET;

  if (s->childip[0])
    child = rk_ip_parse(s->childip, strlen(s->childip), &addr);
  if (s->proto != RK_PROTO_TCP && s->proto != RK_PROTO_TCP4 && s->proto != RK_PROTO_UDP &&
      s->proto != RK_PROTO_UDP4) {
    rk_text_str(why, "unsupported protocol ");
    rk_text_quote(why, rk_proto_name(s->proto), strlen(rk_proto_name(s->proto)));
  } else if (child != AF_INET) {
    rk_text_add(why, "unsupported IP (v6?): ", s->childip);
  } else if (addr.s6_addr[12] == 127) {
    rk_text_add(why, "gvproxy does not reach the loopback address inside: ", s->childip);
  } else if (!s->parentport) {
    rk_text_str(why, "gvproxy does not tell which free port it has chosen: give one");
  } else if (p->file.listenfd[0] || p->file.refuse_backend || p->file.idle) {
    rk_text_str(why, "gvproxy does not support listen-fd=, refuse= or idle=");
  } else if (p->file.srcip == RK_SRCIP_REQUIRE) {
    rk_text_str(why, "gvproxy shows clients as its gateway: srcip=require is impossible");
  } else {
    return FORWARD_LISTENING;
  }
  return FORWARD_REFUSED;
}

/* Each gvproxy makes its socket anew. */
static int gvproxy_stale(struct forward *f)
{
  struct stat const *asked = &f->socket;
  struct stat st;

  if (fstatat(f->dir, SOCKET_NAME, &st, AT_SYMLINK_NOFOLLOW) == -1)
    return 0;
  return st.st_ino != asked->st_ino || st.st_mtim.tv_sec != asked->st_mtim.tv_sec ||
         st.st_mtim.tv_nsec != asked->st_mtim.tv_nsec;
}

static enum forwarded gvproxy_up(struct forward *f, struct rk_text *why)
{
  (void)why;
  if (f->socket.st_ino)
    return FORWARD_LISTENING;
  if (fstatat(f->dir, SOCKET_NAME, &f->socket, AT_SYMLINK_NOFOLLOW) == -1)
    f->socket = (struct stat){0};
  return FORWARD_LISTENING;
}

static void gvproxy_down(struct forward *f)
{
  f->socket = (struct stat){0};
}

struct forwarder const forward_gvproxy = {
  .name = "gvisor-tap-vsock",
  .check = gvproxy_check,
  .up = gvproxy_up,
  .down = gvproxy_down,
  .attach = gvproxy_attach,
  .detach = gvproxy_detach,
  .stale = gvproxy_stale,
};
