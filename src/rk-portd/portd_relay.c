/* SPDX-License-Identifier: ISC
   Start rk-relay in the chain's network namespace, hand it the listening sockets, and start another when it dies. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "portd.h"

/* A relay that does not answer for so long is stopped (namespace root may stop and kill it, kernel-wise it is the same
   user) and is replaced. */
enum { ANSWER_MS = 3000, STATS_MIN = 1000, STATS_MAX = 8000, QUICK_MS = 1000, AGAIN_MIN = 50, AGAIN_MAX = 5000, PATIENCE_MS = 10000 };

static pid_t relay;          /* 0: none */
static int control = -1;
static int64_t started;
static int again = AGAIN_MIN;
static int pace = STATS_MIN;
static int srcip4, srcip6;   /* why clients' addresses cannot be kept, 0: they can */

static void hang_up(void)
{
  if (control >= 0) close(control);
  control = -1;
}

static void forget(void)
{
  hang_up();
  relay = 0;
  for (struct port *p = portd.ports; p; p = p->next) {
    p->sum.total += p->stat.total;
    p->sum.in += p->stat.in;
    p->sum.out += p->stat.out;
    p->sum.refused += p->stat.refused;
    p->sum.kept += p->stat.kept;
    p->sum.dropped += p->stat.dropped;
    memset(&p->stat, 0, sizeof p->stat);
    if (p->forwarded) portd_status_dirty(p);
    p->forwarded = 0;
  }
}

/* SIGKILL, and gone when this returns. */
static void end(void)
{
  if (!relay) return;
  kill(relay, SIGKILL);
  while (waitpid(relay, 0, 0) < 0 && errno == EINTR);
  forget();
}

/* Send, with fds, and wait for the one answer. -1: the relay is of no use any more (errno), and is ended. */
static int ask(void const *request, size_t len, int const *fds, size_t nfds, void *reply, size_t replylen)
{
  static union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(RK_RELAY_FDS_MAX * sizeof(int))];
  } cbuf;
  struct iovec iov = {.iov_base = (void *)(uintptr_t)request, .iov_len = len};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  ssize_t r;
  int e;

  if (control < 0) return errno = ENOTCONN, -1;
  if (nfds) {
    struct cmsghdr *c;
    msg.msg_control = cbuf.buf;
    msg.msg_controllen = (socklen_t)CMSG_SPACE(nfds * sizeof(int));
    c = CMSG_FIRSTHDR(&msg);
    if (!c) return errno = EINVAL, -1;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = (socklen_t)CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
  }
  do r = sendmsg(control, &msg, MSG_NOSIGNAL);
  while (r < 0 && errno == EINTR);
  if (r >= 0) {
    do r = recv(control, reply, replylen, MSG_TRUNC);
    while (r < 0 && errno == EINTR);
    if ((size_t)r == replylen) return 0;
    if (r > 0) errno = EPROTO;
    if (r == 0) errno = EPIPE;
  }
  e = errno;
  if (e == EAGAIN) {
    strerr_warnw("rk-relay does not answer: it is replaced");
    kill(relay, SIGKILL);
  }
  hang_up(); /* its end is seen by portd_relay_reaped */
  errno = e;
  return -1;
}

static void fail(struct port *p, struct rk_relay_say const *say)
{
  char text[300];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_str(&t, "rk-relay: ");
  rk_text_mem(&t, say->text, strnlen(say->text, sizeof say->text));
  rk_text_str(&t, say->text[0] ? ": " : "");
  rk_text_str(&t, portd_errtext(say->error));
  portd.driver->close(p);
  p->state = PORTD_ERROR;
  portd_port_fail(p, text, 1);
}

/* Hand one port's sockets over. 0; -1: the relay is lost, or will not have them (the port is then in error). */
static int add(struct port *p)
{
  struct rk_relay_add add = {.head = {RK_RELAY_VERSION, RK_RELAY_ADD}};
  struct rk_relay_say say;
  struct sockaddr_storage sa;

  if (p->forwarded) return 0;
  portd_target(p, &sa);
  add.id = p->id;
  add.proto = rk_proto_is_tcp(p->file.spec.proto) ? IPPROTO_TCP : IPPROTO_UDP;
  add.srcip = (uint8_t)p->file.srcip;
  add.refuse = (uint8_t)p->file.refuse_backend;
  add.idle = p->file.idle;
  add.dest.family = sa.ss_family;
  if (sa.ss_family == AF_INET) {
    add.dest.addr.v4 = ((struct sockaddr_in *)&sa)->sin_addr;
    add.dest.port = ntohs(((struct sockaddr_in *)&sa)->sin_port);
  } else {
    add.dest.addr.v6 = ((struct sockaddr_in6 *)&sa)->sin6_addr;
    add.dest.port = ntohs(((struct sockaddr_in6 *)&sa)->sin6_port);
  }
  portd_listen_again(p);
  for (add.index = 0; add.index < p->nfds; add.index += RK_RELAY_FDS_MAX) {
    size_t n = p->nfds - add.index;
    if (n > RK_RELAY_FDS_MAX) n = RK_RELAY_FDS_MAX;
    if (ask(&add, sizeof add, p->fds + add.index, n, &say, sizeof say) < 0) return -1;
    if (say.error) {
      if (add.index) {
        struct rk_relay_del del = {{RK_RELAY_VERSION, RK_RELAY_DEL}, p->id};
        struct rk_relay_say ignored;
        ask(&del, sizeof del, 0, 0, &ignored, sizeof ignored);
      }
      fail(p, &say);
      return -1;
    }
  }
  p->forwarded = 1;
  portd_status_dirty(p);
  return 0;
}

static void del(struct port *p)
{
  struct rk_relay_del d = {{RK_RELAY_VERSION, RK_RELAY_DEL}, p->id};
  struct rk_relay_say say;

  if (p->forwarded) ask(&d, sizeof d, 0, 0, &say, sizeof say);
  p->forwarded = 0;
}

static void child(int sock)
{
  static char const *const argv[] = {"rk-relay", 0};
  char path[4096];
  sigset_t none;
  int fds[3];

  PROG = "rk-portd (relay)";
  fds[0] = fcntl(sock, F_DUPFD, 10);
  fds[1] = fcntl(portd.netns, F_DUPFD, 10);
  fds[2] = fcntl(portd.chainfd, F_DUPFD, 10);
  for (int i = 0; i < 3; i++)
    if (fds[i] < 0 || dup2(fds[i], RK_RELAY_CONTROL_FD + i) < 0) strerr_diefusys(RK_EXIT_SYS, "hand fds to rk-relay");
  rk_close_range(RK_RELAY_CHAIN_FD + 1, ~0U, 0);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  setsid(); /* a Ctrl-C meant for rk-portd is not for the connections */
  if (rk_libexec("rk-relay", path, sizeof path) < 0) strerr_diefusys(RK_EXIT_SYS, "find rk-relay");
  execv(path, (char *const *)(uintptr_t)argv);
  strerr_diefusys(errno == ENOENT ? 127 : 126, "execute ", path);
}

static void fact_addr(char const *name, int family, void *addr)
{
  char text[INET6_ADDRSTRLEN];

  if (rk_fact_read(portd.dir, name, text, sizeof text) > 0) inet_pton(family, text, addr);
}

/* What is left of a chain's first seconds; its servers may need them. child_pid is written when they are started. */
static uint32_t patience(void)
{
  struct timespec now;
  struct stat st;
  int64_t age;

  if (fstatat(portd.dir, "child_pid", &st, AT_SYMLINK_NOFOLLOW) < 0 || clock_gettime(CLOCK_REALTIME, &now) < 0) return 0;
  age = (now.tv_sec - st.st_mtim.tv_sec) * 1000 + (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
  return age < 0 || age > PATIENCE_MS ? 0 : (uint32_t)(PATIENCE_MS - age);
}

static int start(char *err, size_t errsize)
{
  struct timeval wait = {.tv_sec = ANSWER_MS / 1000, .tv_usec = ANSWER_MS % 1000 * 1000};
  struct rk_relay_start s = {.head = {RK_RELAY_VERSION, RK_RELAY_START}};
  struct rk_relay_say say;
  struct rk_text t = rk_text_in(err, errsize);
  int pair[2];
  char ifname[sizeof s.ifname];

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
      setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 ||
      setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) < 0) {
    rk_text_str(&t, "unable to make a socket for rk-relay: ");
    rk_text_str(&t, portd_errtext(errno));
    return -1;
  }
  relay = fork();
  if (relay < 0) {
    relay = 0;
    close(pair[0]);
    close(pair[1]);
    rk_text_str(&t, "unable to fork rk-relay: ");
    rk_text_str(&t, portd_errtext(errno));
    return -1;
  }
  if (!relay) child(pair[1]);
  close(pair[1]);
  control = pair[0];
  started = portd_now();

  fact_addr("net/gateway", AF_INET, &s.gateway4);
  fact_addr("net/gateway6", AF_INET6, &s.gateway6);
  s.patience = patience();
  if (rk_fact_read(portd.dir, "net/ifname", ifname, sizeof ifname) > 0) memcpy(s.ifname, ifname, strlen(ifname));
  if (ask(&s, sizeof s, 0, 0, &say, sizeof say) < 0) {
    rk_text_str(&t, "rk-relay did not start: ");
    rk_text_str(&t, portd_errtext(errno));
    return -1;
  }
  if (say.error) {
    rk_text_str(&t, "rk-relay: ");
    rk_text_mem(&t, say.text, strnlen(say.text, sizeof say.text));
    rk_text_str(&t, say.text[0] ? ": " : "");
    rk_text_str(&t, portd_errtext(say.error));
    return -1;
  }
  srcip4 = say.srcip4;
  srcip6 = say.srcip6;
  return 0;
}

static int relay_up(char *err, size_t errsize)
{
  if (relay && control < 0) end();
  if (!relay) {
    if (start(err, errsize) < 0) {
      end();
      return -1;
    }
    pace = STATS_MIN;
  }
  for (struct port *p = portd.ports; p; p = p->next)
    if (p->state == PORTD_LISTENING && add(p) < 0 && control < 0) break; /* its death is on its way by SIGCHLD */
  return 0;
}

static void relay_down(void)
{
  end();
  again = AGAIN_MIN;
}

static void restart(void)
{
  char err[sizeof portd.trouble];

  if (!portd.chain) return;
  if (relay_up(err, sizeof err) < 0) portd_chain_failed(err);
}

/* The relay leaves with the chain, and may be seen to do so before the chain is. */
static int chain_ended(void)
{
  struct pollfd p = {.fd = portd.chainfd, .events = POLLIN};

  return poll(&p, 1, 0) == 1;
}

void portd_relay_reaped(pid_t pid, int wstat)
{
  char what[40];
  struct rk_text t = rk_text_in(what, sizeof what);

  if (pid != relay) return;
  forget();
  if (!portd.chain || chain_ended()) return;
  if (WIFSIGNALED(wstat)) {
    rk_text_str(&t, "signal ");
    rk_text_num(&t, WTERMSIG(wstat));
  } else {
    rk_text_str(&t, "status ");
    rk_text_num(&t, WEXITSTATUS(wstat));
  }
  strerr_warnw("rk-relay ended: ", what,
               WIFSIGNALED(wstat) && WTERMSIG(wstat) == SIGSYS ? ": it broke its own system call filter" : "", ": starting another");
  if (portd_now() - started >= QUICK_MS) again = AGAIN_MIN;
  portd_after(portd_now() - started >= QUICK_MS ? 0 : again, restart);
  if (again < AGAIN_MAX) again *= 2;
}

void portd_relay_leave(int gently)
{
  if (!gently) end();
  else hang_up();
}

static int relay_open(struct port *p, char *err, size_t errsize)
{
  if (portd_bind(p, err, errsize) < 0) return -1;
  p->state = PORTD_LISTENING;
  if (relay && control >= 0 && add(p) < 0 && p->state == PORTD_ERROR) {
    struct rk_text t = rk_text_in(err, errsize);
    rk_text_str(&t, p->error ? p->error : "rk-relay refused it");
    return -1;
  }
  return PORTD_LISTENING;
}

static void relay_close(struct port *p)
{
  del(p);
  portd_unbind(p);
}

static void relay_change(struct port *p)
{
  del(p);
  if (relay && control >= 0) add(p);
}

void portd_relay_stats(void)
{
  static struct rk_relay_stats s;
  struct rk_relay_head ask_stats = {RK_RELAY_VERSION, RK_RELAY_STATS};
  int changed = 0;

  if (!relay || control < 0) return;
  if (ask(&ask_stats, sizeof ask_stats, 0, 0, &s, sizeof s) < 0) return;
  for (;;) {
    for (uint32_t i = 0; i < s.n && i < RK_RELAY_STATS_MAX; i++) {
      struct port *p = portd_port_id(s.stat[i].id);
      s.stat[i].id = 0;
      if (!p || !memcmp(&p->stat, &s.stat[i], sizeof p->stat)) continue;
      p->stat = s.stat[i];
      portd_status_dirty(p);
      changed = 1;
    }
    if (!s.more) break;
    if (recv(control, &s, sizeof s, MSG_TRUNC) != sizeof s) {
      kill(relay, SIGKILL);
      hang_up();
      break;
    }
  }
  pace = changed ? STATS_MIN : pace * 2 > STATS_MAX ? STATS_MAX : pace * 2;
}

static int relay_tick(void)
{
  portd_relay_stats();
  return pace;
}

void portd_relay_srcip(struct port const *p, struct rk_text *t)
{
  int e = srcip4 ? srcip4 : srcip6;

  if (portd.driver != &portd_by_relay) {
    if (p->forwarded) rk_text_str(t, "srcip=kept\n"); /* both do, by their nature */
    return;
  }
  if (p->file.srcip == RK_SRCIP_NO || p->file.srcip == RK_SRCIP_PLAIN) {
    rk_text_str(t, p->file.srcip == RK_SRCIP_NO ? "srcip=gateway\n" : "srcip=plain\n");
    return;
  }
  if (!p->forwarded) return;
  rk_text_str(t, !e ? "srcip=kept\n" : p->file.srcip == RK_SRCIP_REQUIRE ? "srcip=refused" : "srcip=gateway");
  if (!e) return;
  rk_text_str(t, srcip4 && srcip6 ? "\nsrcip-reason=" : srcip4 ? " for IPv4\nsrcip-reason=" : " for IPv6\nsrcip-reason=");
  rk_text_str(t, portd_errtext(e));
  rk_text_str(t, "\n");
}

struct portd_driver const portd_by_relay = {
  .name = "relay", .open = relay_open, .close = relay_close, .change = relay_change, .up = relay_up, .down = relay_down, .tick = relay_tick,
};
