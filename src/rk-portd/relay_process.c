/* SPDX-License-Identifier: ISC */
#include "relay_process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <skalibs/djbunix.h>
#include <skalibs/strerr.h>

#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/fail.h>
#include <rk/link.h>
#include <rk/relay.h>
#include <rk/state.h>
#include <rk/sys.h>
#include "errtext.h"

/* A relay that does not answer for so long is replaced; long, since that cuts its connections and a
   machine may be busy. */
enum {
  ANSWER_MS = 20000,
  LOOK_S = 1,
  FULL_MS = 20,
  PATIENCE_MS = 10000,
};

static void hang_up(struct relay *relay)
{
  if (relay->control != -1)
    close(relay->control);
  relay->control = -1;
}

static void forget(struct relay *relay)
{
  hang_up(relay);
  relay->pid = 0;
  relay->losses++;
}

/* kill(2) of a child that has not been waited for does not fail; but we wait for it then. */
static void kill_surely(pid_t pid)
{
  for (int i = 0; i < 3 && kill(pid, SIGKILL) == -1; i++)
    ;
}

void relay_end(struct relay *relay)
{
  int wstat;

  if (!relay->pid)
    return;
  kill_surely(relay->pid);
  waitpid_nointr(relay->pid, &wstat, 0);
  forget(relay);
}

void relay_let_go(struct relay *relay)
{
  if (!relay->pid)
    return;
  relay->draining = relay->pid;
  forget(relay);
}

void relay_give_up(struct relay *relay)
{
  if (relay->pid)
    kill(relay->pid, SIGKILL);
  hang_up(relay);
}

int relay_usable(struct relay const *relay)
{
  return relay->pid && relay->control != -1;
}

/* Namespace root is the same user to the kernel, and may stop the relay. */
void relay_continue(struct relay *relay)
{
  siginfo_t si = {.si_pid = 0};

  if (!relay->pid)
    return;
  if (waitid(P_PID, (id_t)relay->pid, &si, WSTOPPED | WNOHANG) == -1)
    return;
  if (si.si_pid == relay->pid)
    kill(relay->pid, SIGCONT);
}

/* The kernel has no room for the message just now: a full queue, memory, fds in flight
   (unix(7)). */
static int no_room(int e)
{
  return e == EAGAIN || e == ENOBUFS || e == ENOMEM || e == ETOOMANYREFS;
}

static int send_to(struct relay *relay, struct msghdr const *msg, int64_t until)
{
  while (sendmsg(relay->control, msg, MSG_NOSIGNAL) == -1) {
    if (errno == EINTR)
      continue;
    if (!no_room(errno) || rk_clock_ms() >= until)
      return -1;
    if (errno != EAGAIN) /* SO_SNDTIMEO has waited */
      nanosleep(&(struct timespec){.tv_nsec = FULL_MS * 1000000}, NULL);
    relay_continue(relay);
  }
  return 0;
}

static int receive_from(struct relay *relay, void *reply, size_t replylen, int64_t until)
{
  ssize_t r;

  for (;;) {
    r = recv(relay->control, reply, replylen, MSG_TRUNC);
    if (r >= 0 || (errno != EINTR && errno != EAGAIN) || rk_clock_ms() >= until)
      break;
    relay_continue(relay);
  }
  if (r == -1)
    return -1;
  if (r == 0)
    return rk_fail(EPIPE);
  return (size_t)r == replylen ? 0 : rk_fail(EPROTO);
}

static int useless(struct relay *relay)
{
  int e = errno;

  if (e == EAGAIN)
    strerr_warnw("rk-relay does not answer: it is replaced");
  else if (e != EPIPE && e != ECONNRESET)
    strerr_warnwusys("talk to rk-relay, which is replaced");
  relay_give_up(relay);
  return rk_fail(e);
}

int relay_ask(struct relay *relay, void const *request, size_t len, int const *fds, size_t nfds,
              void *reply, size_t replylen)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(RK_RELAY_FDS_MAX * sizeof(int))];
  } control = {0};
  struct iovec iov = {.iov_base = (void *)(uintptr_t)request, .iov_len = len};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  int64_t until = rk_clock_ms() + ANSWER_MS;
  struct cmsghdr *c;

  if (relay->control == -1)
    return rk_fail(ENOTCONN);
  if (nfds) {
    msg.msg_control = control.buf;
    msg.msg_controllen = (socklen_t)CMSG_SPACE(nfds * sizeof(int));
    c = &control.align;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = (socklen_t)CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
  }
  if (send_to(relay, &msg, until) == -1)
    return useless(relay);
  if (receive_from(relay, reply, replylen, until) == -1)
    return useless(relay);
  return 0;
}

int relay_more(struct relay *relay, void *reply, size_t replylen)
{
  if (receive_from(relay, reply, replylen, 0) == 0)
    return 0;
  relay_give_up(relay);
  return -1;
}

static void child(struct chain const *chain, char const *dir, int sock, int alarm)
  __attribute__((noreturn));
static void child(struct chain const *chain, char const *dir, int sock, int alarm)
{
  char const *const argv[] = {"rk-relay", dir, NULL};
  int const given[] = {sock, chain->netns, chain->pidfd, alarm};
  int const n = alarm == -1 ? 3 : 4;
  char path[4096];
  sigset_t none;
  int fds[4];

  PROG = "rk-portd (relay)";
  for (int i = 0; i < n; i++)
    fds[i] = fcntl(given[i], F_DUPFD, 10);
  for (int i = 0; i < n; i++)
    if (fds[i] == -1 || dup2(fds[i], RK_RELAY_CONTROL_FD + i) == -1)
      strerr_diefusys(RK_EXIT_SYS, "hand fds to rk-relay");
  rk_close_range((unsigned int)(RK_RELAY_CONTROL_FD + n), ~0U, 0);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  setsid(); /* a Ctrl-C meant for rk-portd is not for the connections */
  if (rk_libexec("rk-relay", path, sizeof path) == -1)
    strerr_diefusys(RK_EXIT_SYS, "find rk-relay");
  execv(path, (char *const *)(uintptr_t)argv);
  strerr_diefusys(errno == ENOENT ? 127 : 126, "execute ", path);
}

static void fact_addr(int dir, char const *name, int family, void *addr)
{
  char text[INET6_ADDRSTRLEN];

  if (rk_fact_read(dir, name, text, sizeof text) > 0)
    inet_pton(family, text, addr);
}

/* What is left of a chain's first seconds; its servers may need them. child_pid is written when
   they are started. */
static uint32_t patience(int dir)
{
  struct timespec const *then;
  struct timespec now;
  struct stat st;
  int64_t age;

  if (fstatat(dir, "child_pid", &st, AT_SYMLINK_NOFOLLOW) == -1)
    return 0;
  if (clock_gettime(CLOCK_REALTIME, &now) == -1)
    return 0;
  then = &st.st_mtim;
  age = (now.tv_sec - then->tv_sec) * 1000 + (now.tv_nsec - then->tv_nsec) / 1000000;
  if (age < 0 || age > PATIENCE_MS)
    return 0;
  return (uint32_t)(PATIENCE_MS - age);
}

static int control_pair(int pair[2])
{
  struct timeval wait = {.tv_sec = LOOK_S};

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    return -1;
  if (setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
      setsockopt(pair[0], SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0)
    return 0;
  fd_close(pair[0]);
  fd_close(pair[1]);
  return -1;
}

static int spawn(struct relay *relay, struct chain const *chain, char const *dir,
                 struct rk_text *why)
{
  int pair[2];
  pid_t pid;

  if (control_pair(pair) == -1) {
    rk_text_add(why, "unable to make a socket for rk-relay: ", errtext(errno));
    return -1;
  }
  pid = fork();
  if (pid == 0)
    child(chain, dir, pair[1], relay->alarm);
  fd_close(pair[1]);
  if (pid == -1) {
    fd_close(pair[0]);
    rk_text_add(why, "unable to fork rk-relay: ", errtext(errno));
    return -1;
  }
  relay->pid = pid;
  relay->control = pair[0];
  relay->started = rk_clock_ms();
  return 0;
}

static int configure(struct relay *relay, int dir, struct rk_text *why)
{
  struct rk_relay_start s = {.head = {RK_RELAY_VERSION, RK_RELAY_START},
                             .patience = patience(dir),
                             .six = (uint32_t)relay->six,
                             .sockets = (uint32_t)relay->sockets};
  struct rk_relay_say say;
  char ifname[sizeof s.ifname];

  fact_addr(dir, "net/gateway", AF_INET, &s.gateway4);
  fact_addr(dir, "net/gateway6", AF_INET6, &s.gateway6);
  fact_addr(dir, "net/dns", AF_INET, &s.dns4);
  fact_addr(dir, "net/dns6", AF_INET6, &s.dns6);
  if (rk_fact_read(dir, "net/ifname", ifname, sizeof ifname) > 0)
    memcpy(s.ifname, ifname, strlen(ifname));
  if (relay_ask(relay, &s, sizeof s, NULL, 0, &say, sizeof say) == -1) {
    rk_text_add(why, "rk-relay did not start: ", errtext(errno));
    return -1;
  }
  if (say.error) {
    rk_text_str(why, "rk-relay: ");
    rk_text_mem(why, say.text, strnlen(say.text, sizeof say.text));
    rk_text_add(why, say.text[0] ? ": " : "", errtext(say.error));
    return -1;
  }
  relay->srcip4 = say.srcip4;
  relay->srcip6 = say.srcip6;
  return 0;
}

int relay_start(struct relay *relay, int dir, char const *path, struct chain const *chain, int six,
                struct rk_text *why)
{
  if (relay_usable(relay))
    return 0;
  relay_end(relay);
  if (six)
    relay->six = 1;
  if (spawn(relay, chain, path, why) == -1)
    return -1;
  if (configure(relay, dir, why) == 0)
    return 0;
  relay_end(relay);
  return -1;
}

int relay_reaped(struct relay *relay, pid_t pid, int wstat, struct rk_text *what)
{
  if (pid == relay->draining)
    relay->draining = 0;
  if (pid != relay->pid)
    return 0;
  forget(relay);
  if (!WIFSIGNALED(wstat)) {
    rk_text_str(what, "status ");
    rk_text_num(what, WEXITSTATUS(wstat));
    return 1;
  }
  rk_text_str(what, "signal ");
  rk_text_num(what, WTERMSIG(wstat));
  if (WTERMSIG(wstat) == SIGSYS)
    rk_text_str(what, ": it broke its own system call filter");
  return 1;
}

void relay_leave(struct relay *relay, int gently)
{
  if (gently) {
    hang_up(relay);
    return;
  }
  relay_end(relay);
  if (relay->draining)
    kill(relay->draining, SIGKILL);
}
