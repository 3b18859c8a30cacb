/* SPDX-License-Identifier: ISC
   -P relay: bind here, hand the listening sockets to rk-relay, and read its counters. */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/stat.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include "errtext.h"
#include "forward.h"

enum { STATS_MIN = 1000, STATS_MAX = 8000, UNIX_WAIT_S = 10 };

/* Does it need IPv6 of the relay (rk/relay.h)? */
static int needs_six(struct published const *p)
{
  struct sockaddr_storage sa;

  bind_target(p, &sa);
  if (sa.ss_family == AF_INET6)
    return 1;
  return p->file.refuse_backend && rk_proto_is_udp(p->file.spec.proto) &&
         strchr(p->file.spec.parentip, ':');
}

static enum forwarded relay_open(struct forward *f, struct published *p, struct rk_text *why)
{
  if (bind_port(&f->bind, p, why) == 0)
    return FORWARD_LISTENING;
  return errno == ENODEV ? FORWARD_WAITING : FORWARD_REFUSED;
}

static void relay_close(struct forward *f, struct published *p)
{
  (void)f;
  bind_undo(p);
}

static void relay_prepare(struct forward *f, struct published const *p)
{
  if (needs_six(p))
    f->six = 1;
  if (p->file.spec.childpath[0])
    f->sockets = 1;
}

static enum forwarded relay_up(struct forward *f, struct rk_text *why)
{
  /* this relay's filter forbids IPv6, or unix sockets: another does it, and this one finishes its
     connections */
  if ((f->six && !f->relay.six) || (f->sockets && !f->relay.sockets))
    relay_let_go(&f->relay);
  if (f->sockets)
    f->relay.sockets = 1;
  if (!relay_usable(&f->relay))
    f->pace = STATS_MIN;
  if (relay_start(&f->relay, f->dir, f->path, f->chain, f->six, why) == -1)
    return FORWARD_LOST;
  f->six = f->relay.six;
  return FORWARD_LISTENING;
}

static void relay_down(struct forward *f)
{
  relay_end(&f->relay);
}

static void del(struct forward *f, struct published const *p)
{
  struct rk_relay_del d = {.head = {RK_RELAY_VERSION, RK_RELAY_DEL}, .id = p->id};
  struct rk_relay_say ignored;

  if (relay_usable(&f->relay))
    relay_ask(&f->relay, &d, sizeof d, NULL, 0, &ignored, sizeof ignored);
}

/* Whatever the program does with its socket: it is not ours any more, and another is bound when the
   port is attached again. A chain that has ended has left it. */
static void take_back(struct forward *f, struct published *p)
{
  bypass_drop(&f->bypass, p);
  bypass_stop(p->fds[0]);
  bind_undo(p);
  p->bypass = 0;
}

static void relay_detach(struct forward *f, struct published *p)
{
  p->apart = NULL;
  if (f->chain && p->bypass) {
    take_back(f, p);
  } else if (f->chain) {
    bypass_drop(&f->bypass, p);
    del(f, p);
  } else if (!f->bypass.chain) {
    p->bypass = 0;
  }
}

static struct rk_relay_add request(struct published const *p)
{
  struct rk_relay_add add = {
    .head = {RK_RELAY_VERSION, RK_RELAY_ADD},
    .id = p->id,
    .proto = rk_proto_is_tcp(p->file.spec.proto) ? IPPROTO_TCP : IPPROTO_UDP,
    .srcip = (uint8_t)p->file.srcip,
    .refuse = (uint8_t)p->file.refuse_backend,
    .idle = p->file.idle,
    .wait = (uint8_t)p->file.wait,
    .wait_s = p->file.wait_s,
  };
  struct sockaddr_storage sa;
  struct sockaddr_in const *four = (void const *)&sa;
  struct sockaddr_in6 const *six = (void const *)&sa;

  if (p->file.spec.childpath[0]) {
    add.dest.family = AF_UNIX;
    if (add.wait == RK_WAIT_START) { /* a server that starts anew makes its socket anew */
      add.wait = RK_WAIT_FOR;
      add.wait_s = UNIX_WAIT_S;
    }
    return add;
  }
  add.host = !p->file.spec.childip[0];
  bind_target(p, &sa);
  add.dest.family = sa.ss_family;
  if (sa.ss_family == AF_INET) {
    add.dest.addr.v4 = four->sin_addr;
    add.dest.port = ntohs(four->sin_port);
  } else {
    add.dest.addr.v6 = six->sin6_addr;
    add.dest.port = ntohs(six->sin6_port);
  }
  return add;
}

static enum forwarded complain(struct rk_relay_say const *say, struct rk_text *why)
{
  rk_text_str(why, "rk-relay: ");
  rk_text_mem(why, say->text, strnlen(say->text, sizeof say->text));
  rk_text_add(why, say->text[0] ? ": " : "", errtext(say->error));
  return FORWARD_REFUSED;
}

/* The file of the unix socket that it leads to; -1: there is none that may be used. */
static int find_socket(struct forward *f, struct published *p)
{
  struct stat st;
  int fd = chain_socket(f->chain, p->file.spec.childpath);

  if (fd != -1 && fstat(fd, &st) == -1) {
    fd_close(fd); /* keeps errno */
    fd = -1;
  }
  p->aimerror = fd == -1 ? errno : 0;
  if (fd == -1)
    return -1;
  p->aimdev = st.st_dev;
  p->aimino = st.st_ino;
  return fd;
}

static enum forwarded attach_unix(struct forward *f, struct published *p, struct rk_text *why)
{
  struct rk_relay_add add = request(p);
  struct rk_relay_say say;
  int fds[2] = {p->fds[0], find_socket(f, p)};
  int r;

  add.dest.port = fds[1] != -1;
  r = relay_ask(&f->relay, &add, sizeof add, fds, fds[1] == -1 ? 1 : 2, &say, sizeof say);
  if (fds[1] != -1)
    close(fds[1]);
  if (r == -1)
    return FORWARD_LOST;
  return say.error ? complain(&say, why) : FORWARD_LISTENING;
}

static int relay_aim(struct forward *f, struct published *p)
{
  struct rk_relay_del aim = {.head = {RK_RELAY_VERSION, RK_RELAY_AIM}, .id = p->id};
  struct rk_relay_say ignored;
  dev_t dev = p->aimdev;
  ino_t ino = p->aimino;
  int was = p->aimerror;
  int fd;

  if (!p->file.spec.childpath[0] || !relay_usable(&f->relay))
    return 0;
  fd = find_socket(f, p);
  if (fd == -1)
    return p->aimerror != was;
  if (was || dev != p->aimdev || ino != p->aimino)
    relay_ask(&f->relay, &aim, sizeof aim, &fd, 1, &ignored, sizeof ignored);
  close(fd);
  return was != 0;
}

/* The program may have kept the socket, or what it did with it (SCM_RIGHTS hides it from
   rk-bypassd); and the relay is to have none of IPv4 (one() of bind.c). So: another. */
static void renew(struct published *p)
{
  bypass_stop(p->fds[0]);
  if (bind_again(p, AF_INET6))
    bind_undo(p);
}

/* Hand its sockets over. */
static enum forwarded relay_attach(struct forward *f, struct published *p, struct rk_text *why)
{
  struct rk_relay_say say = {.error = 0};
  struct rk_relay_add add;

  p->loopback = 0; /* of another chain, perhaps */
  add = request(p);
  if (p->bypass)
    return FORWARD_LISTENING; /* the relay was lost, and is not needed */
  if (p->nfds && p->bypassed)
    renew(p);
  if (!p->nfds && p->bypassed && bind_port(&f->bind, p, why) == -1)
    return FORWARD_REFUSED;
  if (!p->nfds)
    return FORWARD_WAITING;
  p->bypassed = 0;
  if (p->file.spec.childpath[0])
    return attach_unix(f, p, why);
  bind_listen_again(p);
  for (add.index = 0; add.index < p->nfds; add.index += RK_RELAY_FDS_MAX) {
    size_t n = p->nfds - add.index;
    if (n > RK_RELAY_FDS_MAX)
      n = RK_RELAY_FDS_MAX;
    if (relay_ask(&f->relay, &add, sizeof add, p->fds + add.index, n, &say, sizeof say) == -1)
      return FORWARD_LOST;
    if (!say.error)
      continue;
    if (add.index)
      del(f, p);
    return complain(&say, why);
  }
  p->loopback = say.loopback != 0;
  bypass_offer(&f->bypass, p);
  return FORWARD_LISTENING;
}

/* The program binds the port: give it the socket, which the relay has no longer. If it could not be
   bound anew, neither has it (bypassed without bypass). */
static void relay_take(struct forward *f, struct published *p, struct rk_bypass_say const *take)
{
  enum bypass_fit fit = BYPASS_NEVER;
  int error = 0;

  if (bypass_eligible(p))
    fit = bypass_fit(p, take);
  if (fit == BYPASS_NEVER || (fit == BYPASS_ANEW && p->bypass)) {
    bypass_give(&f->bypass, take, p, EAFNOSUPPORT);
    if (!p->bypass)
      p->apart = "the server's socket is of IPv4 or of IPv6 only, the port is not (/tcp4, /tcp6)";
    return;
  }
  p->apart = NULL;
  if (!p->bypass)
    del(f, p);
  if (fit == BYPASS_ANEW)
    error = bind_again(p, (int)take->family);
  if (error && p->fds[0] == -1)
    bind_undo(p);
  bypass_give(&f->bypass, take, p, error);
  p->bypass = !error;
  p->bypassed = 1;
}

/* most: each answer names a port at least, and a relay that was taken over must not keep us for
   ever. */
static void relay_count(struct forward *f, size_t most,
                        void (*each)(void *ctx, struct rk_relay_stat const *stat), void *ctx)
{
  struct rk_relay_head ask = {RK_RELAY_VERSION, RK_RELAY_STATS};
  struct rk_relay_stats s;
  int changed = 0;

  if (!relay_usable(&f->relay)) {
    f->pace = STATS_MIN;
    return;
  }
  if (relay_ask(&f->relay, &ask, sizeof ask, NULL, 0, &s, sizeof s) == -1)
    return;
  for (;;) {
    for (uint32_t i = 0; i < s.n && i < RK_RELAY_STATS_MAX; i++)
      each(ctx, &s.stat[i]);
    if (s.n)
      changed = 1;
    if (!s.more)
      break;
    if (!most) {
      strerr_warnw("rk-relay answers without end: it is replaced");
      relay_give_up(&f->relay);
      break;
    }
    most--;
    if (relay_more(&f->relay, &s, sizeof s) == -1)
      break;
  }
  f->pace *= 2;
  if (f->pace > STATS_MAX)
    f->pace = STATS_MAX;
  if (changed)
    f->pace = STATS_MIN;
}

static enum forwarded relay_child(struct forward *f, pid_t pid, int wstat, struct rk_text *what)
{
  if (relay_reaped(&f->relay, pid, wstat, what))
    return FORWARD_LOST;
  return FORWARD_LISTENING;
}

static void relay_quit(struct forward *f, int gently)
{
  relay_leave(&f->relay, gently);
}

struct forwarder const forward_relay = {
  .name = "relay",
  .ours = 1,
  .open = relay_open,
  .close = relay_close,
  .prepare = relay_prepare,
  .up = relay_up,
  .down = relay_down,
  .attach = relay_attach,
  .detach = relay_detach,
  .take = relay_take,
  .aim = relay_aim,
  .count = relay_count,
  .reaped = relay_child,
  .leave = relay_quit,
};
