/* SPDX-License-Identifier: ISC */
#include "portd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <net/if.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/portid.h>
#include <rk/state.h>
#include "errtext.h"
#include "status.h"

enum {
  STATUS_MAX = 4096,
  AIM_MS = 100,         /* from an alarm until the sockets inside are looked for */
  STATUS_GONE_MS = 100, /* then the directory itself may be gone, too */
  SETTLE_MS = 20,       /* a socket that is bound listens in a moment */
  PATIENT_MS = 500,     /* the relay of an rk-portd that was killed lets its ports go */
  QUICK_MS = 1000       /* a relay that ends sooner is not started again at once */
};

/* Status files. */

static void dirty(struct portd *s, struct published *p)
{
  p->dirty = 1;
  s->dirty = 1;
}

static void all_dirty(struct portd *s)
{
  for (struct published *p = s->table.first; p; p = p->next)
    dirty(s, p);
}

static void start_again(struct portd *s, struct rk_timer *timer, struct rk_backoff *wait)
{
  if (!timer->at)
    rk_timer_start(&s->loop, timer, rk_backoff_next(wait));
}

static void write_status(struct portd *s, struct published *p)
{
  char buf[STATUS_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);
  struct forwarder const *ops = s->forward.ops;
  struct status_view view = {
    .driver = ops->name,
    .waiting = ops->waiting,
    .trouble = s->trouble,
    .chain = s->chain.pid != 0,
    .ours = ops->ours,
    .bypass = s->forward.bypass.chain,
    .srcip4 = s->forward.relay.srcip4,
    .srcip6 = s->forward.relay.srcip6,
  };

  p->dirty = 0;
  if (p->state == PORT_CLOSED)
    return; /* its file has not been read yet */
  if (ops->ours && port_open(p->state)) {
    if (bind_address(p, &view.listen) == -1)
      view.listen.ss_family = AF_UNSPEC;
    bind_target(p, &view.target);
  }
  status_text(p, &view, &t);
  /* ENOENT: the directory is gone, as at the end of a chain that owns it; an event that is on its
     way tells of it. */
  if (status_write(s->dir.status, p->name, &t) == 0 || errno == ENOENT) {
    p->late = 0;
    return;
  }
  if (!p->late)
    strerr_warnwusys("write ports.status/", p->name);
  p->late = 1;
  start_again(s, &s->status_again, &s->status_wait);
}

int portd_flush(struct portd *s, unsigned int most)
{
  if (!s->dirty)
    return 0;
  for (struct published *p = s->table.first; p; p = p->next) {
    if (!p->dirty)
      continue;
    if (!most)
      return 1;
    write_status(s, p);
    most--;
  }
  s->dirty = 0;
  return 0;
}

static int known(void *ctx, char const *name)
{
  struct portd *s = ctx;

  return table_find(&s->table, name) != NULL;
}

static void remove_status(struct portd *s, struct published const *p)
{
  if (unlinkat(s->dir.status, p->name, 0) == 0)
    return;
  if (errno == ENOENT)
    return;
  strerr_warnwusys("remove ports.status/", p->name);
  start_again(s, &s->status_again, &s->status_wait);
}

static void on_status_again(void *ctx)
{
  struct portd *s = ctx;
  int left = 0;

  /* what is there and belongs to no port */
  if (status_sweep(s->dir.status, known, s) == -1 && errno != ENOENT)
    left = 1;
  for (struct published *p = s->table.first; p; p = p->next) {
    if (!p->late)
      continue;
    write_status(s, p);
    left |= (int)p->late;
  }
  if (left)
    start_again(s, &s->status_again, &s->status_wait);
  else
    rk_backoff_reset(&s->status_wait);
}

/* A port's life. */

static void turn(struct portd *s, struct published *p, enum port_event event)
{
  int next = port_next(p->state, event);

  if (next == PORT_NEVER)
    strerr_dief(RK_EXIT_BUG, "a port is in a state that cannot be");
  if (next == (int)p->state)
    return;
  p->state = (enum port_state)next;
  dirty(s, p);
}

/* What this relay has counted, and its successor will not. */
static void keep_counters(struct published *p)
{
  p->sum.total += p->stat.total;
  p->sum.in += p->stat.in;
  p->sum.out += p->stat.out;
  p->sum.refused += p->stat.refused;
  p->sum.kept += p->stat.kept;
  p->sum.dropped += p->stat.dropped;
  memset(&p->stat, 0, sizeof p->stat);
}

static void detach(struct portd *s, struct published *p)
{
  if (!port_attached(p->state))
    return;
  if (s->forward.ops->detach)
    s->forward.ops->detach(&s->forward, p);
  keep_counters(p);
  turn(s, p, PORT_DETACHED);
}

/* All that was attached is lost. */
static void detach_all(struct portd *s)
{
  struct chain *chain = s->forward.chain;

  s->forward.chain = NULL; /* nobody is there to be asked */
  for (struct published *p = s->table.first; p; p = p->next)
    detach(s, p);
  s->forward.chain = chain;
  s->losses = s->forward.relay.losses;
}

static void notice_losses(struct portd *s)
{
  if (s->losses != s->forward.relay.losses)
    detach_all(s);
}

static void shut(struct portd *s, struct published *p)
{
  detach(s, p);
  if (port_open(p->state) && s->forward.ops->close)
    s->forward.ops->close(&s->forward, p);
}

static void set_error(struct portd *s, struct published *p, char const *text)
{
  char name[2 * PORT_NAME_MAX];
  struct rk_text t = rk_text_in(name, sizeof name);

  if (p->error && text && !strcmp(p->error, text))
    return;
  if (p->error || text)
    dirty(s, p);
  rk_text_quote(&t, p->name, p->namelen);
  if (p->error && !text)
    strerr_warni("port ", name, ": well again");
  free(p->error);
  p->error = NULL;
  if (!text)
    return;
  p->error = strdup(text);
  strerr_warnw("port ", name, ": ", text);
}

/* In error for a reason that may pass. A new reason is soon looked at again. */
static void refuse(struct portd *s, struct published *p, char const *text)
{
  if (!p->error || strcmp(p->error, text)) {
    rk_backoff_reset(&s->ports_wait);
    rk_timer_stop(&s->loop, &s->ports_again);
  }
  shut(s, p);
  turn(s, p, PORT_REFUSE);
  set_error(s, p, text);
  start_again(s, &s->ports_again, &s->ports_wait);
}

/* The chain and its ports. */

static void serving_failed(struct portd *s, char const *text)
{
  struct rk_text t = rk_text_in(s->trouble, sizeof s->trouble);

  if (strcmp(text, s->trouble)) {
    strerr_warnw("unable to serve the chain: ", text);
    rk_text_str(&t, text);
    all_dirty(s);
  }
  start_again(s, &s->chain_again, &s->chain_wait);
}

static void serving(struct portd *s)
{
  rk_backoff_reset(&s->chain_wait);
  if (s->bereft && relay_usable(&s->forward.relay)) {
    strerr_warni("well again: another rk-relay runs");
    s->bereft = 0;
  }
  if (!s->trouble[0])
    return;
  if (s->chain.pid)
    strerr_warni("well again: the chain is served");
  s->trouble[0] = 0;
  all_dirty(s);
}

/* 0; -1: no port can be served now. */
static int attach(struct portd *s, struct published *p)
{
  struct forward *f = &s->forward;
  char err[1024];
  struct rk_text why = rk_text_in(err, sizeof err);

  if (!port_open(p->state))
    return 0;
  switch (f->ops->attach(f, p, &why)) {
    case FORWARD_LISTENING: turn(s, p, PORT_ATTACHED); break;
    case FORWARD_WAITING: turn(s, p, PORT_DETACHED); break;
    case FORWARD_REFUSED: refuse(s, p, why.s); break;
    case FORWARD_LOST:
    default:
      if (why.len)
        serving_failed(s, why.s);
      return -1;
  }
  return 0;
}

static void prepare(struct portd *s, struct published const *p)
{
  if (port_open(p->state) && s->forward.ops->prepare)
    s->forward.ops->prepare(&s->forward, p);
}

/* Lead to the chain what is not led there yet: only one port, or (NULL) all. A chain that publishes
   nothing needs no relay: the first port brings it. */
static void serve(struct portd *s, struct published *only)
{
  char err[PORTD_TEXT_MAX];
  struct rk_text why = rk_text_in(err, sizeof err);
  enum forwarded r;
  struct forward *f = &s->forward;
  unsigned int losses = f->relay.losses;

  if (!f->chain)
    return;
  if (!s->table.first) {
    serving(s);
    return;
  }
  for (struct published *p = s->table.first; p; p = p->next)
    if (!only || p == only)
      prepare(s, p);
  r = f->ops->up(f, &why);
  if (f->relay.losses != losses)
    only = NULL;
  notice_losses(s);
  if (r == FORWARD_LOST) {
    serving_failed(s, why.s);
    return;
  }
  for (struct published *p = s->table.first; p; p = p->next) {
    if ((only && p != only) || port_attached(p->state))
      continue;
    if (attach(s, p) == -1)
      return;
  }
  serving(s);
}

/* A program that binds a published port, by way of rk-bypassd. */

static void on_take(struct portd *s, struct rk_bypass_say const *take)
{
  struct published *p = table_id(&s->table, take->id);

  if (!p || !port_attached(p->state) || !s->forward.ops->take) {
    bypass_give(&s->forward.bypass, take, NULL, ENOENT);
    return;
  }
  s->forward.ops->take(&s->forward, p, take);
  keep_counters(p);
  dirty(s, p);
  if (p->bypass || !p->bypassed)
    return;
  turn(s, p, PORT_DETACHED);
  attach(s, p);
}

static void on_free(struct portd *s, uint32_t id)
{
  struct published *p = table_id(&s->table, id);

  if (!p || !p->bypass)
    return;
  p->bypass = 0;
  turn(s, p, PORT_DETACHED);
  attach(s, p);
}

/* An rk-portd before this one has ended, and the program listens on: that kept the port from being
   bound here. fd is ours. */
static void on_kept(struct portd *s, int fd)
{
  struct published *p = NULL;
  int unknown = 0;

  for (struct published *q = s->table.first; q; q = q->next) {
    unknown |= (int)q->unread;
    if (bypass_is(q, fd))
      p = q;
  }
  if (!p && !unknown)
    bypass_stop(fd); /* withdrawn meanwhile */
  if (!p || p->state != PORT_REFUSED || !s->forward.ops->take || bind_adopt(p, fd) == -1) {
    close(fd);
    return;
  }
  p->bypass = 1;
  p->bypassed = 1;
  turn(s, p, PORT_CLOSE);
  turn(s, p, PORT_BOUND);
  turn(s, p, PORT_ATTACHED);
  set_error(s, p, NULL);
  bypass_offer(&s->forward.bypass, p);
}

static void on_bypass(void *ctx, short revents)
{
  struct portd *s = ctx;
  struct bypass *b = &s->forward.bypass;
  struct rk_bypass_say say;
  int r, fd;

  (void)revents;
  while ((r = bypass_hear(b, &say, &fd)) == 1) {
    rk_backoff_reset(&s->bypass_wait);
    if (say.op == RK_BYPASS_KEPT && fd != -1) {
      on_kept(s, fd);
      continue;
    }
    if (fd != -1)
      close(fd);
    if (say.op == RK_BYPASS_TAKE)
      on_take(s, &say);
    if (say.op == RK_BYPASS_FREE)
      on_free(s, say.id);
  }
  if (r == 0)
    return;
  rk_loop_remove(&s->loop, &s->bypasswatch);
  if (b->chain)
    start_again(s, &s->bypass_again, &s->bypass_wait);
}

static void bypass_up(struct portd *s, int fd)
{
  struct bypass *b = &s->forward.bypass;

  b->fd = fd;
  b->chain = 1;
  s->bypasswatch = (struct rk_watch){.fd = fd, .events = POLLIN, .ready = on_bypass, .ctx = s};
  rk_loop_add(&s->loop, &s->bypasswatch);
  for (struct published const *p = s->table.first; p; p = p->next)
    if (s->forward.ops->take && port_attached(p->state))
      bypass_offer(b, p);
  bypass_ready(b);
}

static void on_bypass_again(void *ctx)
{
  struct portd *s = ctx;
  int fd;

  if (!s->chain.pid)
    return;
  fd = chain_bypass(&s->chain, s->dir.fd);
  if (fd == -1)
    start_again(s, &s->bypass_again, &s->bypass_wait);
  else
    bypass_up(s, fd);
}

static void bypass_down(struct portd *s)
{
  rk_timer_stop(&s->loop, &s->bypass_again);
  rk_loop_remove(&s->loop, &s->bypasswatch);
  bypass_close(&s->forward.bypass);
  s->forward.bypass.chain = 0;
}

static void on_look(void *ctx)
{
  struct portd *s = ctx;
  int ms = s->forward.ops->look_ms;

  if (!s->chain.pid)
    return;
  if (s->forward.ops->count) {
    portd_count(s);
    ms = s->forward.pace;
  } else if (ms) {
    for (struct published *p = s->table.first; p; p = p->next)
      if (attach(s, p) == -1)
        break;
  }
  if (ms)
    rk_timer_start(&s->loop, &s->look, ms);
}

static void look_for_chain(struct portd *s);

static void on_chain_end(void *ctx, short revents)
{
  struct portd *s = ctx;

  (void)revents;
  rk_timer_stop(&s->loop, &s->look);
  rk_timer_stop(&s->loop, &s->relay_again);
  s->forward.chain = NULL;
  bypass_down(s);
  if (s->forward.ops->down)
    s->forward.ops->down(&s->forward);
  detach_all(s);
  rk_loop_remove(&s->loop, &s->chainwatch);
  chain_close(&s->chain);
  s->bereft = 0;
  serving(s);
  all_dirty(s);
  look_for_chain(s); /* the next one may be there already */
}

static void look_for_chain(struct portd *s)
{
  char text[PORTD_TEXT_MAX];
  struct rk_text why = rk_text_in(text, sizeof text);

  if (s->chain.pid) {
    if (s->trouble[0])
      serve(s, NULL);
    return;
  }
  switch (chain_open(&s->chain, s->dir.fd, s->dir.path, &why)) {
    case CHAIN_NONE: serving(s); return;
    case CHAIN_ERROR: serving_failed(s, why.s); return;
    case CHAIN_FOUND:
    default: break;
  }
  s->forward.chain = &s->chain;
  s->chainwatch = (struct rk_watch){
    .fd = s->chain.pidfd,
    .events = POLLIN,
    .ready = on_chain_end,
    .ctx = s,
  };
  rk_loop_add(&s->loop, &s->chainwatch);
  all_dirty(s);
  serve(s, NULL);
  if (s->chain.bypass != -1)
    bypass_up(s, s->chain.bypass);
  on_look(s);
}

static void on_chain_again(void *ctx)
{
  look_for_chain(ctx);
}

static void on_relay_again(void *ctx)
{
  serve(ctx, NULL);
}

/* A relay leaves with the chain, and may be seen to do so before the chain is. */
static void on_relay_exit(struct portd *s, int64_t lived, char const *what)
{
  int ms = 0;

  notice_losses(s);
  if (!s->chain.pid || chain_ended(&s->chain))
    return;
  strerr_warnw("rk-relay ended: ", what, ": starting another");
  s->bereft = 1;
  if (lived >= QUICK_MS)
    rk_backoff_reset(&s->relay_wait);
  else
    ms = rk_backoff_next(&s->relay_wait);
  rk_timer_start(&s->loop, &s->relay_again, ms);
}

void portd_children(struct portd *s)
{
  int64_t started = s->forward.relay.started;
  struct forward *f = &s->forward;
  int wstat;
  pid_t pid;

  relay_continue(&f->relay);
  while ((pid = waitpid(-1, &wstat, WNOHANG)) > 0) {
    char text[80];
    struct rk_text what = rk_text_in(text, sizeof text);
    enum forwarded r = FORWARD_LISTENING;
    if (f->ops->reaped)
      r = f->ops->reaped(f, pid, wstat, &what);
    if (r == FORWARD_LOST)
      on_relay_exit(s, rk_clock_ms() - started, what.s);
  }
}

/* Its target may have an address that nothing inside has; it may come later. */
static void tell_stray(struct published const *p, uint32_t stray)
{
  char name[2 * PORT_NAME_MAX];
  struct rk_text t = rk_text_in(name, sizeof name);

  if (stray == (p->stat.state & RK_RELAY_STRAY))
    return;
  rk_text_quote(&t, p->name, p->namelen);
  if (stray)
    strerr_warnw("port ", name, ": no interface of the chain has the address it leads to");
  else
    strerr_warni("port ", name, ": well again: an interface of the chain has its address");
}

static void on_stat(void *ctx, struct rk_relay_stat const *stat)
{
  struct portd *s = ctx;
  struct published *p = table_id(&s->table, stat->id);
  struct rk_relay_stat counted = *stat;

  counted.id = 0;
  if (!p || !memcmp(&p->stat, &counted, sizeof p->stat))
    return;
  tell_stray(p, counted.state & RK_RELAY_STRAY);
  p->stat = counted;
  dirty(s, p);
}

void portd_count(struct portd *s)
{
  size_t ports = 0;

  if (!s->forward.ops->count)
    return;
  for (struct published *p = s->table.first; p; p = p->next)
    ports++;
  s->forward.ops->count(&s->forward, ports, on_stat, s);
}

/* slirp4netns has made its socket: it is another one, or is ready by now. */
static void on_socket(void *ctx)
{
  struct portd *s = ctx;

  if (!s->chain.pid)
    return;
  if (!s->forward.ops->stale(&s->forward)) {
    if (s->trouble[0])
      serve(s, NULL);
    return;
  }
  s->forward.ops->down(&s->forward);
  detach_all(s);
  serve(s, NULL);
  all_dirty(s);
}

/* Port files. */

static void in_conflict(struct portd *s, struct published *p, struct published const *other,
                        struct rk_text *why)
{
  rk_text_num(why, other->id);
  if (!p->borrowed) {
    rk_text_str(why, " (");
    rk_text_quote(why, other->name, other->namelen);
    rk_text_str(why, ")");
  }
  refuse(s, p, why->s);
}

static void on_links(void *ctx);

/* Its file is good, and nothing of it is open. */
static void open_port(struct portd *s, struct published *p)
{
  char err[1024];
  struct rk_text why = rk_text_in(err, sizeof err);
  struct forward *f = &s->forward;
  struct published *other = table_conflict(&s->table, p);
  enum forwarded r = FORWARD_LISTENING;

  turn(s, p, PORT_CLOSE);
  memset(&p->sum, 0, sizeof p->sum);
  if (other) {
    rk_text_str(&why, "conflict with ID ");
    in_conflict(s, p, other, &why);
    return;
  }
  if (f->ops->check)
    r = f->ops->check(p, &why);
  /* before the interface is looked for */
  if (rk_portfile_link(&p->file)[0] && links_follow(&s->links, &s->loop, on_links, s) == -1) {
    rk_text_add(&why, "unable to follow the host's interfaces: ", errtext(errno));
    r = FORWARD_REFUSED;
  }
  if (r == FORWARD_LISTENING && f->ops->open)
    r = f->ops->open(f, p, &why);
  else if (r == FORWARD_LISTENING)
    r = FORWARD_WAITING;
  if (r == FORWARD_REFUSED) {
    refuse(s, p, why.s);
    return;
  }
  turn(s, p, r == FORWARD_LISTENING ? PORT_BOUND : PORT_ACCEPTED);
  other = table_borrower(&s->table, p);
  if (other) {
    why = rk_text_in(err, sizeof err);
    rk_text_add(&why, "listen-fd=", p->file.listenfd, ": in use by ID ");
    in_conflict(s, p, other, &why);
    return;
  }
  if (!s->trouble[0])
    serve(s, p);
  if (port_open(p->state))
    set_error(s, p, NULL);
}

/* Interfaces have come, gone or another name. */
static void on_links(void *ctx)
{
  struct portd *s = ctx;

  for (struct published *p = s->table.first; p; p = p->next) {
    char const *name = rk_portfile_link(&p->file);
    if (!*name || !port_open(p->state))
      continue;
    if (if_nametoindex(name) == p->ifindex)
      continue;
    shut(s, p);
    open_port(s, p);
  }
}

/* Other options, but the same host side: its sockets and their clients stay. */
static void change_port(struct portd *s, struct published *p, struct rk_portfile const *file)
{
  char err[1024];
  struct rk_text why = rk_text_in(err, sizeof err);
  enum forwarded r = FORWARD_LISTENING;

  detach(s, p);
  p->file = *file;
  dirty(s, p);
  if (s->forward.ops->check)
    r = s->forward.ops->check(p, &why);
  if (r == FORWARD_REFUSED)
    refuse(s, p, why.s);
  else if (!s->trouble[0])
    serve(s, p);
}

static void new_file(struct portd *s, struct published *p, struct rk_portfile const *file)
{
  if (!port_open(p->state) || !table_same_side(file, &p->file)) {
    shut(s, p);
    p->file = *file;
    open_port(s, p);
  } else if (memcmp(file, &p->file, sizeof *file) != 0) {
    change_port(s, p, file);
  }
}

static void bad_file(struct portd *s, struct published *p, char const *text)
{
  shut(s, p);
  memset(&p->file, 0, sizeof p->file);
  turn(s, p, PORT_FILE_BAD);
  set_error(s, p, text);
}

/* What the file says is not known: a port that is there stays as it is. why: empty while somebody
   is writing it. His close is an event, which may be told before the kernel counts him out. */
static void unread_file(struct portd *s, struct published *p, struct rk_text const *why)
{
  if (!p->unread) {
    rk_backoff_reset(&s->ports_wait);
    rk_timer_stop(&s->loop, &s->ports_again);
  }
  p->unread = 1;
  if (why->len && (p->state == PORT_CLOSED || p->state == PORT_REFUSED))
    refuse(s, p, why->s);
  start_again(s, &s->ports_again, &s->ports_wait);
}

static void remove_port(struct portd *s, struct published *p)
{
  shut(s, p);
  remove_status(s, p);
  table_remove(&s->table, p);
}

/* Try again what may have become possible. */
static void retry_ports(struct portd *s)
{
  for (struct published *p = s->table.first; p; p = p->next)
    if (p->state == PORT_REFUSED && !p->unread)
      open_port(s, p);
}

/* Its file is gone. */
static void forget_port(struct portd *s, struct published *p)
{
  rk_portid_forget(s->dir.fd, p->name);
  remove_port(s, p);
}

static void withdraw(struct portd *s, struct published *p)
{
  if (!p)
    return;
  forget_port(s, p);
  retry_ports(s); /* what was in conflict with it may not be now */
}

static void load_port(void *ctx, char const *name)
{
  struct portd *s = ctx;
  struct published *p = table_find(&s->table, name);
  char err[RK_PORTSPEC_ERRMAX + 32];
  struct rk_text why = rk_text_in(err, sizeof err);
  struct timespec mtime = {0, 0};
  struct rk_portfile file;
  enum file_read r;

  if (s->dir.ports == -1)
    return;
  if (strlen(name) > PORT_NAME_MAX) {
    strerr_warnw("port ", name, ": name longer than 250 bytes, ignored");
    return;
  }
  r = table_read(s->dir.ports, name, &file, &mtime, &why);
  if (p)
    p->seen = r != FILE_GONE;
  if (r == FILE_GONE) {
    withdraw(s, p);
    return;
  }
  if (!p)
    p = table_add(&s->table, name);
  if (!p) {
    strerr_warnwusys("follow port ", name);
    rk_timer_start(&s->loop, &s->scan_again, rk_backoff_next(&s->scan_wait));
    return;
  }
  p->seen = 1;
  if (r == FILE_LATER || r == FILE_WRITING) {
    unread_file(s, p, &why);
    return;
  }
  p->unread = 0;
  if (memcmp(&p->mtime, &mtime, sizeof mtime) != 0)
    dirty(s, p);
  p->mtime = mtime;
  if (r == FILE_GOOD && rk_portdefault_apply(&s->usual, &file, err, sizeof err) == -1)
    r = FILE_BAD;
  if (r == FILE_BAD)
    bad_file(s, p, err);
  else
    new_file(s, p, &file);
}

static void on_ports_again(void *ctx)
{
  struct portd *s = ctx;
  struct published *next;

  for (struct published *p = s->table.first; p; p = next) {
    next = p->next; /* the file may be gone, and p with it */
    if (p->unread)
      load_port(s, p->name);
  }
  retry_ports(s);
}

/* What could not be bound for want of an address perhaps can be. */
static void on_address(void *ctx)
{
  struct portd *s = ctx;

  rk_backoff_reset(&s->ports_wait);
  if (s->ports_again.at) /* some port waits for that */
    rk_timer_start(&s->loop, &s->ports_again, rk_backoff_next(&s->ports_wait));
}

/* The file has changed: what it was before does not count. */
static void reload_port(struct portd *s, char const *name)
{
  struct published *p = table_find(&s->table, name);

  if (p)
    p->unread = 0;
  load_port(s, name);
}

/* The directories. */

/* ports could not be followed or read (errno): what is published stays, and it is tried again. */
static int unread_ports(struct portd *s)
{
  int e = errno;

  if (!s->unfollowed)
    strerr_warnwusys("follow ", s->dir.path, "/ports");
  s->unfollowed = 1;
  start_again(s, &s->scan_again, &s->scan_wait);
  errno = e;
  return -1;
}

/* One that cannot be read is as bad as one that says nonsense: a port is not opened to the world
   because of that. */
static void read_default(struct portd *s)
{
  char text[RK_PORTSPEC_IPMAX + 16];
  ssize_t n = rk_fact_read(s->dir.ports, ".default", text, sizeof text);
  int was = s->usual.bad;

  if (n == -1)
    s->usual = (struct rk_portdefault){.bad = errno != ENOENT};
  else
    rk_portdefault_parse(text, (size_t)n, &s->usual);
  if (s->usual.bad && !was)
    strerr_warnw("ports/.default is not an address: ports that name none are not opened");
}

/* Read all port files. 0, or -1 with errno: they could not all be found. */
static int scan(struct portd *s)
{
  struct published *next;
  int r = 0;

  if (dir_follow(&s->dir) == -1) {
    /* another thing has that name: no port file is there, and this is told once */
    if (errno != ENOTDIR && errno != EPERM)
      return unread_ports(s);
    unread_ports(s);
    rk_timer_stop(&s->loop, &s->scan_again);
  }
  for (struct published *p = s->table.first; p; p = p->next)
    p->seen = 0;
  if (s->dir.ports != -1)
    read_default(s);
  if (s->dir.ports != -1)
    r = dir_each(&s->dir, load_port, s);
  if (r == -1)
    return unread_ports(s);
  for (struct published *p = s->table.first; p; p = next) {
    next = p->next;
    if (!p->seen)
      forget_port(s, p);
  }
  retry_ports(s);
  if (s->dir.ports != -1)
    s->unfollowed = 0;
  rk_backoff_reset(&s->scan_wait);
  return 0;
}

static void on_scan_again(void *ctx)
{
  scan(ctx);
}

static void close_all(struct portd *s)
{
  while (s->table.first)
    remove_port(s, s->table.first);
}

/* The programs keep the sockets that they have, and the next rk-portd takes them up. */
static void leave_bypassed(struct portd *s)
{
  bypass_close(&s->forward.bypass);
  for (struct published *p = s->table.first; p; p = p->next)
    p->bypass = 0;
}

void portd_leave(struct portd *s, int gently)
{
  if (gently)
    leave_bypassed(s);
  /* first: a connection must not be accepted and dropped when its port goes */
  if (s->forward.ops->leave)
    s->forward.ops->leave(&s->forward, gently);
  close_all(s);
  status_sweep(s->dir.status, known, s);
  _exit(0);
}

static void gone(struct portd *s)
{
  strerr_warni("the state directory is gone");
  portd_leave(s, 0);
}

static void on_status_gone(void *ctx)
{
  struct portd *s = ctx;

  if (dir_status_again(&s->dir) == -1)
    gone(s);
  all_dirty(s);
}

/* Whoever wants the counters as they are now knows that they are by the removal of the file. */
static void refresh(struct portd *s)
{
  portd_count(s);
  portd_flush(s, ~0U);
  unlinkat(s->dir.ports, ".refresh", 0);
}

static void on_dir(void *ctx, enum dir_event event, char const *name)
{
  struct portd *s = ctx;

  switch (event) {
    case DIR_PORT: reload_port(s, name); break;
    case DIR_PORT_GONE: withdraw(s, table_find(&s->table, name)); break;
    case DIR_PORTS: scan(s); break;
    case DIR_DEFAULT: scan(s); break;
    case DIR_REFRESH: refresh(s); break;
    case DIR_STATUS_GONE: rk_timer_start(&s->loop, &s->status_gone, STATUS_GONE_MS); break;
    case DIR_CHAIN: look_for_chain(s); break;
    case DIR_SOCKET:
      if (s->forward.ops->stale)
        rk_timer_start(&s->loop, &s->socket, SETTLE_MS);
      break;
    case DIR_OVERFLOW:
      portd_rescan(s);
      if (s->forward.ops->stale)
        on_socket(s);
      break;
    case DIR_MOVED: gone(s);
  }
}

void portd_rescan(struct portd *s)
{
  scan(s);
  look_for_chain(s);
}

static void on_aim(void *ctx)
{
  struct portd *s = ctx;

  for (struct published *p = s->table.first; p; p = p->next) {
    if (port_attached(p->state) && s->forward.chain && s->forward.ops->aim(&s->forward, p))
      dirty(s, p);
  }
}

/* A child looks for each of them: not more often than that. */
static void on_alarm(void *ctx, short revents)
{
  struct portd *s = ctx;
  uint64_t rings;

  (void)revents;
  if (read(s->alarm.fd, &rings, sizeof rings) == -1)
    return;
  if (!s->aim.at)
    rk_timer_start(&s->loop, &s->aim, AIM_MS);
}

/* Only rk-relay rings. */
static void watch_alarm(struct portd *s)
{
  s->forward.relay.alarm = -1;
  if (!s->forward.ops->aim)
    return;
  s->forward.relay.alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (s->forward.relay.alarm == -1)
    strerr_diefusys(RK_EXIT_SYS, "make an eventfd");
  s->alarm = (struct rk_watch){
    .fd = s->forward.relay.alarm,
    .events = POLLIN,
    .ready = on_alarm,
    .ctx = s,
  };
  rk_loop_add(&s->loop, &s->alarm);
}

static struct rk_timer timer(struct portd *s, void (*due)(void *ctx))
{
  return (struct rk_timer){.due = due, .ctx = s};
}

static struct rk_backoff between(int min, int max)
{
  return (struct rk_backoff){.min = min, .max = max};
}

/* Ids of ports that were withdrawn while there was no rk-portd. */
static void sweep_ids(struct portd *s)
{
  int names = rk_portid_names(s->dir.fd);

  if (names == -1 && errno == ENOENT)
    return;
  if (names == -1 || status_sweep(names, known, s) == -1)
    strerr_warnwusys("clear ", s->dir.path, "/.port-ids");
  if (names != -1)
    close(names);
}

static void set_timers(struct portd *s)
{
  s->chain_again = timer(s, on_chain_again);
  s->relay_again = timer(s, on_relay_again);
  s->ports_again = timer(s, on_ports_again);
  s->bypass_again = timer(s, on_bypass_again);
  s->scan_again = timer(s, on_scan_again);
  s->status_again = timer(s, on_status_again);
  s->look = timer(s, on_look);
  s->aim = timer(s, on_aim);
  s->status_gone = timer(s, on_status_gone);
  s->socket = timer(s, on_socket);
  s->chain_wait = between(100, 5000);
  s->relay_wait = between(50, 5000);
  s->ports_wait = between(20, 5000);
  s->scan_wait = between(100, 5000);
  s->status_wait = between(100, 5000);
  s->bypass_wait = between(5, 1000);
}

void portd_start(struct portd *s, char const *path)
{
  int stale;

  set_timers(s);
  s->chain.pidfd = -1;
  s->chain.netns = -1;
  s->chain.openerfd = -1;
  s->forward.relay.control = -1;
  s->forward.bypass.fd = -1;
  watch_alarm(s);
  s->forward.diag = -1;
  dir_open(&s->dir, path, &s->loop, on_dir, s);
  rk_prog_dir("rk-portd", s->dir.path, s->prog);
  s->forward.dir = s->dir.fd;
  s->table.dir = s->dir.fd;
  s->forward.path = s->dir.path;
  /* What an rk-portd before this one left: nothing of it is true any more. */
  stale = status_sweep(s->dir.status, known, s);
  if (stale == -1)
    strerr_warnwusys("clear ", s->dir.path, "/ports.status");
  if (stale > 0)
    s->forward.bind.patient = rk_clock_ms() + PATIENT_MS;
  if (addresses_follow(&s->addresses, &s->loop, on_address, s) == -1)
    strerr_warnwusys("follow the host's addresses: ports are tried again every five seconds");
  if (scan(s) == -1)
    strerr_diefusys(RK_EXIT_SYS, "follow ", s->dir.path, "/ports");
  sweep_ids(s);
  look_for_chain(s);
  portd_flush(s, ~0U);
}
