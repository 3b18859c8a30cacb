/* SPDX-License-Identifier: ISC
   rk-outside: what a chain leaves outside: serves its few requests, keeps its state directory,
   stops its network driver.

   where    outside; started by rk-userns only
   fds      3 the control socket (SOCK_SEQPACKET, SO_PASSCRED set), 4 pidfd of the chain's process,
            5 lock of the state directory, if any
   env      reads RK_STATE_DIR
   forks    newuidmap, newgidmap, one network driver
   holds    the user's host ids; whoever controls it is the user
   lives    until the chain's process is gone; leaves at once when the control socket is closed and
            nothing is left to do
   exits    0, 111
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/netlink.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include <rk/timer.h>
#include "outside.h"

enum { CONTROL = 3, CHAIN = 4, LOCK = 5, WATCH_MAX = 16, DEPTH = 8 };

struct outside outside = {
  .control = CONTROL, .chain = CHAIN, .lock = -1, .state = -1, .program = -1, .questions = -1};

static unsigned int served; /* bit per request: each once */
static unsigned int held;
static struct pollfd polled[WATCH_MAX];
static void (*callback[WATCH_MAX])(int fd, short revents);
static nfds_t npolled;

void outside_watch(int fd, short events, void (*ready)(int fd, short revents))
{
  if (npolled == WATCH_MAX)
    strerr_dief(RK_EXIT_BUG, "too many fds to watch");
  polled[npolled] = (struct pollfd){.fd = fd, .events = events};
  callback[npolled++] = ready;
}

/* Marked only: the loop that calls back is walking the table. */
void outside_unwatch(int fd)
{
  for (nfds_t i = 0; i < npolled; i++)
    if (polled[i].fd == fd)
      polled[i].fd = -1;
}

void outside_after(int ms, void (*due)(void))
{
  if (rk_after(ms, due) < 0)
    strerr_dief(RK_EXIT_BUG, "too many timers");
}

void outside_job_begin(void)
{
  held++;
}

void outside_job_end(void)
{
  held--;
}

void outside_say(void const *reply, size_t len)
{
  /* A chain that was killed meanwhile reads nothing: that is not our failure. */
  while (outside.control >= 0 && send(outside.control, reply, len, MSG_NOSIGNAL) < 0 &&
         errno == EINTR)
    ;
}

void outside_refuse(struct rk_reply *reply, size_t len, int error, char const *text)
{
  size_t n = strlen(text);

  memset(reply, 0, len);
  reply->version = RK_OUTSIDE_VERSION;
  reply->error = error;
  if (n >= sizeof reply->text)
    n = sizeof reply->text - 1;
  memcpy(reply->text, text, n);
  outside_say(reply, len);
}

static void shut(void)
{
  if (outside.control < 0)
    return;
  outside_unwatch(outside.control);
  close(outside.control);
  outside.control = -1;
}

/* child_pid has no final newline: BuildKit and others parse the raw file. The sender is the
   program's own process: the chain's, or in a pid namespace its first. It waits for the answer, so
   the number is still its own. */
static void ready(pid_t pid)
{
  struct rk_reply say = {.version = RK_OUTSIDE_VERSION};
  char text[UINT_FMT];

  if (outside.state >= 0) {
    outside.program = rk_pidfd_open(pid, 0);
    if (outside.program == -1 || rk_fact_write(outside.state, "child_pid", text,
                                               uint_fmt(text, (unsigned int)pid), 0444) == -1)
      say.error = errno;
  }
  outside_say(&say, sizeof say);
}

/* The request table. A request of another size or version, from a stranger, or for the second time
   closes the control socket: whoever sends one is not our link. */
static int serve(void const *message, size_t len, pid_t sender, int fd)
{
  struct rk_req const *head = message;

  if (len < sizeof *head || head->version != RK_OUTSIDE_VERSION || head->op > 31 ||
      (served & 1u << head->op))
    return -1;
  if (!rk_descends(sender, outside.pid, DEPTH))
    return -1;
  outside.sender = sender;
  served |= 1u << head->op;
  switch (head->op) {
    case RK_OP_IDMAP:
      if (len != sizeof(struct rk_req_idmap) || fd >= 0)
        return -1;
      req_idmap(message, fd);
      return 0;
    case RK_OP_NET:
      if (len != sizeof(struct rk_req_net) || fd < 0)
        return -1;
      if (!rk_ifname_ok(((struct rk_req_net const *)message)->plan.ifname))
        return -1;
      req_net(message, fd);
      return 0;
    case RK_OP_NET_VERIFY:
      if (len != sizeof(struct rk_req_net_verify) || fd >= 0)
        return -1;
      req_net_verify(message);
      return 0;
    case RK_OP_READY:
      if (len != sizeof(struct rk_req) || fd >= 0)
        return -1;
      ready(sender);
      return 0;
    case RK_OP_AWAIT:
      if (len != sizeof(struct rk_req) || fd >= 0)
        return -1;
      return req_await();
  }
  return -1;
}

/* What came with a message beside its bytes: the sender, and at most one fd. What fits no request
   is closed here: the kernel has installed every fd that the control buffer had room for (unix(7)),
   which alignment makes two where one is meant. -1: it was more than that. */
static int take_control(struct msghdr *msg, struct ucred *cred, int *fd)
{
  int r = msg->msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -1 : 0;

  for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = rk_cmsg_next(msg, c)) {
    if (c->cmsg_level != SOL_SOCKET)
      continue;
    if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof *cred)) {
      memcpy(cred, CMSG_DATA(c), sizeof *cred);
      continue;
    }
    if (c->cmsg_type != SCM_RIGHTS) {
      r = -1;
      continue;
    }
    for (size_t at = 0; CMSG_LEN(at + sizeof *fd) <= c->cmsg_len; at += sizeof *fd) {
      int got;
      memcpy(&got, CMSG_DATA(c) + at, sizeof got);
      if (*fd == -1) {
        *fd = got;
      } else {
        close(got);
        r = -1;
      }
    }
  }
  return r;
}

static void hear(int control, short revents)
{
  static union {
    struct rk_req head;
    struct rk_req_idmap idmap;
    struct rk_req_net net;
    char bytes[sizeof(struct rk_req_idmap) + sizeof(struct rk_req_net)];
  } message;
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int))];
  } ancillary;
  struct iovec iov = {.iov_base = message.bytes, .iov_len = sizeof message};
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = ancillary.buf,
    .msg_controllen = sizeof ancillary.buf,
  };
  struct ucred cred = {0};
  int fd = -1;
  ssize_t r = recvmsg(control, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

  (void)revents;
  if (r == -1 && (errno == EAGAIN || errno == EINTR))
    return;
  if (r == -1 && errno != ECONNRESET)
    strerr_warnwusys("receive a request");
  if (r == -1) {
    shut();
    return;
  }
  /* An empty message may carry fds, too; without any it is the end. */
  if (take_control(&msg, &cred, &fd) == -1 || (r == 0 && fd != -1) ||
      (r > 0 && serve(message.bytes, (size_t)r, cred.pid, fd) == -1)) {
    if (fd != -1)
      close(fd);
    strerr_warnw("refused a request that no rk link makes; the control socket is closed");
    shut();
    return;
  }
  if (r == 0)
    shut();
}

/* The path may lead elsewhere by now. */
static void remove_directory(void)
{
  struct stat ours, there;

  if (fstat(outside.state, &ours) == -1 || lstat(outside.path, &there) == -1)
    return;
  if (ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
    rmdir(outside.path);
}

static void say_left(int e)
{
  char text[8 * RK_STATE_PATH_MAX + 256];
  struct rk_text t = rk_text_in(text, sizeof text);
  int whole = !strcmp(outside.made, "temporary");

  if (!whole && rk_state_aside(outside.state, 0) == -1)
    e = errno;
  rk_state_left(&t, outside.path, whole ? "" : "/.old-*", e);
  strerr_warnw(text);
}

static void clear_state(int alone)
{
  struct timespec const pause = {.tv_nsec = 2000000};
  int temporary = !strcmp(outside.made, "temporary");
  int r;

  /* rk-portd and rk-apid may be writing their last facts there */
  for (int tries = 50;
       (r = rk_state_clear(outside.state, temporary)) == -1 && errno == ENOTEMPTY && tries--;)
    nanosleep(&pause, 0);
  /* the driver has been dying meanwhile, and may have left something */
  if (!alone && driver_end())
    r = rk_state_clear(outside.state, temporary);
  if (r == -1)
    say_left(errno);
  /* Somebody else's files may still lie there; then the directory is not ours to take away, but
     known to be ours to the next. */
  if (outside.made[0] && !rk_state_bare(outside.state))
    rk_fact_write(outside.state, ".made", outside.made, strlen(outside.made), 0600);
  unlinkat(outside.state, "lock", 0);
  if (outside.made[0])
    remove_directory();
}

/* Root inside may have replaced the lock. Then the next chain may be there already: what lies there
   is its own. */
static int still_ours(void)
{
  int fd;

  if (rk_state_locked(outside.state, LOCK))
    return 1;
  return rk_state_lock(outside.state, O_CREAT, &fd) == 0; /* held until the exit */
}

static void finish(void)
{
  int alone = driver_terminate();

  if (outside.state != -1 && still_ours()) {
    clear_state(alone);
    /* somebody may wait for it: at exit it would be let go after the inotify instance, whose end
       takes some 10 ms (SRCU) */
    close(LOCK);
  }
  driver_end();
  _exit(0);
}

static void gone(int chain, short revents)
{
  (void)chain;
  (void)revents;
  finish();
}

static pid_t pid_of(void)
{
  /* 0: gone already; the pidfd is readable, and that comes first */
  pid_t pid = rk_pidfd_pid(CHAIN);

  if (pid == -1 && errno == EBADF)
    strerr_dief(RK_EXIT_USAGE, "fd 4 is no pidfd");
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/fdinfo/4");
  return pid;
}

static int step(void)
{
  if (poll(polled, npolled, rk_timer_wait()) < 0 && errno != EINTR)
    return -1;
  for (nfds_t i = 0, n = npolled; i < n; i++)
    if (polled[i].fd >= 0 && polled[i].revents)
      callback[i](polled[i].fd, polled[i].revents);
  for (nfds_t i = 0; i < npolled;)
    if (polled[i].fd < 0) {
      polled[i] = polled[--npolled];
      callback[i] = callback[npolled];
    } else
      polled[i++].revents = 0;
  rk_timer_run();
  return 0;
}

int main(void)
{
  struct stat st;
  sigset_t none;
  int null;

  PROG = "rk-outside";
  /* Namespace root has the user's own kuid: without this it could list our fds and read our memory
     (ptrace(2)). */
  rk_no_dump_or_die();
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  for (int sig = 1; sig < 32; sig++)
    if (sig != SIGKILL && sig != SIGSTOP)
      signal(sig, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  umask(022);
  if (fcntl(CONTROL, F_SETFD, FD_CLOEXEC) < 0 || fcntl(CHAIN, F_SETFD, FD_CLOEXEC) < 0)
    strerr_dief(RK_EXIT_USAGE,
                "fds 3 and 4 are not open: this program is started by rk-userns only");
  if (fcntl(LOCK, F_SETFD, FD_CLOEXEC) == 0)
    outside.lock = LOCK;
  /* before any other fd is opened: 0 to 2 may have been closed */
  null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0)
    strerr_diefusys(RK_EXIT_SYS, "open /dev/null");
  if (null > 2)
    close(null);
  if (fstat(2, &st) < 0 && dup2(0, 2) < 0)
    strerr_diefusys(RK_EXIT_SYS, "open stderr");
  outside.pid = pid_of();
  outside.path = getenv("RK_STATE_DIR");
  if (outside.path && outside.lock >= 0) {
    outside.state = open(outside.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (outside.state < 0)
      strerr_diefusys(RK_EXIT_SYS, "open the state directory ", outside.path);
    /* before root inside can write it */
    rk_fact_read(outside.state, ".made", outside.made, sizeof outside.made);
    if (outside_child_listen() == -1)
      strerr_diefusys(RK_EXIT_SYS, "listen at ", outside.path, "/.child");
    outside_job_begin();
  }
  if (chdir("/") < 0)
    strerr_diefusys(RK_EXIT_SYS, "change to /");

  outside_watch(CHAIN, POLLIN, gone);
  outside_watch(CONTROL, POLLIN, hear);
  while (outside.control >= 0 || held)
    if (step() < 0)
      strerr_diefusys(RK_EXIT_SYS, "poll");
  finish();
}
