/* SPDX-License-Identifier: ISC
   The relay as a process: start it in the chain's network namespace, talk to it, start another when
   it dies. */
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
#include <rk/timer.h>
#include "portd.h"

/* A relay that does not answer for so long is replaced; long, since that cuts its connections and a
   machine may be busy. */
enum {
  LOOK_S = 1,
  LOOKS = 20,
  QUICK_MS = 1000,
  BACKOFF_MIN = 50,
  BACKOFF_MAX = 5000,
  PATIENCE_MS = 10000
};

static pid_t relay; /* 0: none */
static int control = -1;
static int64_t started;
static int backoff = BACKOFF_MIN;
/* the relay may serve destinations of IPv6; once wanted, its successors may, too */
static int six;
static pid_t draining; /* one that could not, and finishes its connections; 0: none */
int portd_relay_srcip4, portd_relay_srcip6;

static void hang_up(void)
{
  if (control >= 0)
    close(control);
  control = -1;
}

static void forget(void)
{
  hang_up();
  relay = 0;
  portd_relay_lost();
}

void portd_relay_end(void)
{
  if (!relay)
    return;
  kill(relay, SIGKILL);
  while (waitpid(relay, 0, 0) < 0 && errno == EINTR)
    ;
  forget();
}

int portd_relay_renew(void)
{
  if (six || !portd_relay_there())
    return 0;
  draining = relay;
  forget();
  return 1;
}

int portd_relay_there(void)
{
  return relay && control >= 0;
}

/* Namespace root is the same user to the kernel, and may stop the relay. */
void portd_relay_go_on(void)
{
  siginfo_t si = {.si_pid = 0};

  if (relay && waitid(P_PID, (id_t)relay, &si, WSTOPPED | WNOHANG) == 0 && si.si_pid == relay)
    kill(relay, SIGCONT);
}

int portd_relay_ask(void const *request, size_t len, int const *fds, size_t nfds, void *reply,
                    size_t replylen)
{
  static union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(RK_RELAY_FDS_MAX * sizeof(int))];
  } cbuf;
  struct iovec iov = {.iov_base = (void *)(uintptr_t)request, .iov_len = len};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  ssize_t r;
  int e;

  if (control < 0)
    return errno = ENOTCONN, -1;
  if (nfds) {
    struct cmsghdr *c;
    msg.msg_control = cbuf.buf;
    msg.msg_controllen = (socklen_t)CMSG_SPACE(nfds * sizeof(int));
    c = CMSG_FIRSTHDR(&msg);
    if (!c)
      return errno = EINVAL, -1;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = (socklen_t)CMSG_LEN(nfds * sizeof(int));
    memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
  }
  do
    r = sendmsg(control, &msg, MSG_NOSIGNAL);
  while (r < 0 && errno == EINTR);
  if (r >= 0) {
    for (int looks = 0;; looks++) {
      r = recv(control, reply, replylen, MSG_TRUNC);
      if (r >= 0 || (errno != EINTR && errno != EAGAIN) || looks == LOOKS)
        break;
      portd_relay_go_on();
    }
    if ((size_t)r == replylen)
      return 0;
    if (r > 0)
      errno = EPROTO;
    if (r == 0)
      errno = EPIPE;
  }
  e = errno;
  if (e == EAGAIN)
    strerr_warnw("rk-relay does not answer: it is replaced");
  else if (e != EPIPE && e != ECONNRESET)
    strerr_warnwusys("talk to rk-relay, which is replaced");
  kill(relay, SIGKILL);
  hang_up(); /* its end is seen by portd_relay_reaped */
  errno = e;
  return -1;
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
    if (fds[i] < 0 || dup2(fds[i], RK_RELAY_CONTROL_FD + i) < 0)
      strerr_diefusys(RK_EXIT_SYS, "hand fds to rk-relay");
  rk_close_range(RK_RELAY_CHAIN_FD + 1, ~0U, 0);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  setsid(); /* a Ctrl-C meant for rk-portd is not for the connections */
  if (rk_libexec("rk-relay", path, sizeof path) < 0)
    strerr_diefusys(RK_EXIT_SYS, "find rk-relay");
  execv(path, (char *const *)(uintptr_t)argv);
  strerr_diefusys(errno == ENOENT ? 127 : 126, "execute ", path);
}

static void fact_addr(char const *name, int family, void *addr)
{
  char text[INET6_ADDRSTRLEN];

  if (rk_fact_read(portd.dir, name, text, sizeof text) > 0)
    inet_pton(family, text, addr);
}

/* What is left of a chain's first seconds; its servers may need them. child_pid is written when
   they are started. */
static uint32_t patience(void)
{
  struct timespec now;
  struct stat st;
  int64_t age;

  if (fstatat(portd.dir, "child_pid", &st, AT_SYMLINK_NOFOLLOW) < 0 ||
      clock_gettime(CLOCK_REALTIME, &now) < 0)
    return 0;
  age = (now.tv_sec - st.st_mtim.tv_sec) * 1000 + (now.tv_nsec - st.st_mtim.tv_nsec) / 1000000;
  return age < 0 || age > PATIENCE_MS ? 0 : (uint32_t)(PATIENCE_MS - age);
}

static int begin(char *err, size_t errsize)
{
  struct timeval wait = {.tv_sec = LOOK_S};
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
  if (!relay)
    child(pair[1]);
  close(pair[1]);
  control = pair[0];
  started = rk_now();

  fact_addr("net/gateway", AF_INET, &s.gateway4);
  fact_addr("net/gateway6", AF_INET6, &s.gateway6);
  fact_addr("net/dns", AF_INET, &s.dns4);
  fact_addr("net/dns", AF_INET6, &s.dns6);
  s.patience = patience();
  if (portd_forward_six())
    six = 1;
  s.six = (uint32_t)six;
  if (rk_fact_read(portd.dir, "net/ifname", ifname, sizeof ifname) > 0)
    memcpy(s.ifname, ifname, strlen(ifname));
  if (portd_relay_ask(&s, sizeof s, 0, 0, &say, sizeof say) < 0) {
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
  portd_relay_srcip4 = say.srcip4;
  portd_relay_srcip6 = say.srcip6;
  return 0;
}

int portd_relay_start(char *err, size_t errsize)
{
  if (relay && control < 0)
    portd_relay_end();
  if (relay)
    return 0;
  if (begin(err, errsize) == 0)
    return 0;
  portd_relay_end();
  return -1;
}

static void restart(void)
{
  char err[sizeof portd.trouble];

  if (!portd.chain)
    return;
  if (portd.driver->up(err, sizeof err) < 0)
    portd_chain_failed(err);
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

  if (pid == draining)
    draining = 0;
  if (pid != relay)
    return;
  forget();
  if (!portd.chain || chain_ended())
    return;
  if (WIFSIGNALED(wstat)) {
    rk_text_str(&t, "signal ");
    rk_text_num(&t, WTERMSIG(wstat));
  } else {
    rk_text_str(&t, "status ");
    rk_text_num(&t, WEXITSTATUS(wstat));
  }
  strerr_warnw(
    "rk-relay ended: ", what,
    WIFSIGNALED(wstat) && WTERMSIG(wstat) == SIGSYS ? ": it broke its own system call filter" : "",
    ": starting another");
  if (rk_now() - started >= QUICK_MS)
    backoff = BACKOFF_MIN;
  portd_after(rk_now() - started >= QUICK_MS ? 0 : backoff, restart);
  if (backoff < BACKOFF_MAX)
    backoff *= 2;
}

void portd_relay_replace(void)
{
  kill(relay, SIGKILL);
  hang_up();
}

int portd_relay_more(void *reply, size_t replylen)
{
  if (recv(control, reply, replylen, MSG_TRUNC) == (ssize_t)replylen)
    return 0;
  portd_relay_replace();
  return -1;
}

void portd_relay_leave(int gently)
{
  if (!gently) {
    portd_relay_end();
    if (draining)
      kill(draining, SIGKILL);
  } else
    hang_up();
}
