/* SPDX-License-Identifier: ISC */
#include <rk/chain.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <skalibs/djbunix.h>

#include <rk/clock.h>
#include <rk/ctl.h>
#include <rk/fail.h>
#include <rk/ns.h>
#include <rk/proc.h>
#include <rk/sys.h>
#include <rk/text.h>

/* A question under way. */
struct question {
  struct stat dir;
  int sock;
  pid_t speaker; /* the process that answers; what it says is stamped with its number by the kernel
                    at that moment */
  int speakerfd; /* pidfd of it */
  int64_t until;
  char const *words; /* what is sent: "?", or "b" for a socket to rk-bypassd, too */
  struct rk_text *why;
};

static int refuse(struct question *q, int error, char const *text)
{
  if (!q->why->len)
    rk_text_str(q->why, text);
  return rk_fail(error);
}

static int failed(struct question *q, char const *what)
{
  int e = errno;

  if (!q->why->len)
    rk_text_add(q->why, "unable to ", what, ": ", strerror(e));
  return rk_fail(e == EAGAIN ? ENOBUFS : e); /* EAGAIN means something else to the caller */
}

/* Has the process ended? A number that still had its owner after the pidfd was opened was its
   owner's all the while. */
static int ended(int pidfd)
{
  struct pollfd p = {.fd = pidfd, .events = POLLIN};
  int r = -1;

  for (int i = 0; i < 3 && r == -1; i++)
    r = poll(&p, 1, 0);
  return r != 0; /* what cannot be known is not believed */
}

static int open_userns(pid_t pid)
{
  char path[RK_PROCPATH_MAX];

  return open(rk_procpath(path, pid, "ns/user"), O_RDONLY | O_CLOEXEC);
}

/* By an fd of the socket itself: a link in its place is not followed, whatever it leads to. */
static int connect_fd(struct question *q, int path)
{
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  int on = 1;

  _Static_assert(sizeof a.sun_path >= RK_PROCPATH_MAX, "room for a path of /proc");
  rk_procpath_fd(a.sun_path, "fd", path);
  q->sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (q->sock == -1)
    return -1;
  /* before the first message is sent: else it comes without a sender */
  if (setsockopt(q->sock, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1)
    return -1;
  return connect(q->sock, (struct sockaddr *)&a, sizeof a);
}

static int reach(struct question *q, int dirfd)
{
  struct stat st;
  int r;
  int path = openat(dirfd, ".child", O_PATH | O_NOFOLLOW | O_CLOEXEC);

  if (path == -1 && errno == ENOENT)
    return refuse(q, ECONNREFUSED, ".child is missing");
  if (path == -1 || fstat(path, &st) == -1)
    return failed(q, "open .child");
  if (!S_ISSOCK(st.st_mode)) {
    close(path);
    return refuse(q, ECONNREFUSED, ".child is no socket");
  }
  r = connect_fd(q, path);
  fd_close(path); /* keeps errno */
  if (r == 0)
    return 0;
  if (errno == ECONNREFUSED)
    return refuse(q, errno, "nobody answers at .child");
  return failed(q, "connect to .child");
}

/* At most so many fds come with an answer: a pidfd, a ruleset, a socket. */
enum { FDS_MAX = 3 };

/* The sender, and the fds that came with it, -1 where there is none; what there is no room for is
   closed. Returns how many came. */
static int unpack(struct msghdr *msg, struct ucred *from, int fds[FDS_MAX])
{
  int n = 0;

  for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = rk_cmsg_next(msg, c)) {
    if (c->cmsg_level != SOL_SOCKET)
      continue;
    if (c->cmsg_type == SCM_CREDENTIALS && c->cmsg_len == CMSG_LEN(sizeof *from))
      memcpy(from, CMSG_DATA(c), sizeof *from);
    if (c->cmsg_type != SCM_RIGHTS)
      continue;
    for (size_t at = 0; CMSG_LEN(at + sizeof *fds) <= c->cmsg_len; at += sizeof *fds) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + at, sizeof fd);
      if (n < FDS_MAX)
        fds[n] = fd;
      else
        close(fd);
      n++;
    }
  }
  return n;
}

static void close_all(int fds[FDS_MAX])
{
  for (int i = 0; i < FDS_MAX; i++) {
    if (fds[i] != -1)
      fd_close(fds[i]);
    fds[i] = -1;
  }
}

/* One message, its sender, and the fds that came with it or -1. With room for so many only: one
   that is not even installed need not be closed, and close(2) of a file of FUSE may never return.
 */
static int hear(struct question *q, struct rk_reply_child *say, struct ucred *from,
                int fds[FDS_MAX], size_t room)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof *from) + CMSG_SPACE(FDS_MAX * sizeof *fds)];
  } control;
  struct iovec iov = {.iov_base = say, .iov_len = sizeof *say};
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = control.buf,
    .msg_controllen = (socklen_t)(CMSG_SPACE(sizeof *from) +
                                  (room ? CMSG_SPACE(room * sizeof *fds) : 0)),
  };
  struct pollfd p = {.fd = q->sock, .events = POLLIN};
  ssize_t n;
  int came;

  for (int i = 0; i < FDS_MAX; i++)
    fds[i] = -1;
  *from = (struct ucred){0};
  do {
    int64_t left = q->until - rk_clock_ms();
    if (poll(&p, 1, left > 0 ? (int)left : 0) == 0)
      return refuse(q, ETIMEDOUT, "no answer at .child");
    n = recvmsg(q->sock, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (n == -1 && (errno == EAGAIN || errno == EINTR) && rk_clock_ms() < q->until);
  if (n == 0)
    return rk_fail(ECONNRESET);
  if (n == -1 && errno == ECONNRESET)
    return -1;
  if (n == -1)
    return failed(q, "receive an answer at .child");
  came = unpack(&msg, from, fds);
  if (came <= FDS_MAX && n == sizeof *say && say->version == RK_OUTSIDE_VERSION &&
      !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
    return 0;
  close_all(fds);
  return refuse(q, EPROTO, "what answers at .child is not an rk-outside of this version");
}

/* The first message: who speaks, and from which user namespace? */
static int meet(struct question *q, struct rk_chain *chain)
{
  struct rk_reply_child say;
  struct ucred from;
  int fds[FDS_MAX];
  int userns, r;

  if (hear(q, &say, &from, fds, 0) == -1)
    return -1;
  if (from.uid != q->dir.st_uid)
    return refuse(q, EPERM, "what answers at .child is another user's");
  if (from.pid <= 0)
    return refuse(q, EPERM,
                  "what answers at .child is in a pid namespace that is not visible from here");
  q->speaker = from.pid;
  q->speakerfd = rk_pidfd_open(from.pid, 0);
  if (q->speakerfd == -1 && errno == ESRCH)
    return rk_fail(ECONNRESET);
  if (q->speakerfd == -1)
    return failed(q, "open a pidfd of what answers at .child");
  userns = open_userns(from.pid);
  if (userns == -1 && (errno == EACCES || errno == EPERM))
    return refuse(q, EPERM,
                  "its rk-outside cannot be looked at from here: a chain beside this one is "
                  "entered from outside");
  if (userns == -1 && errno == ENOENT)
    return rk_fail(ECONNRESET);
  if (userns == -1)
    return failed(q, "look at what answers at .child");
  r = fstat(userns, &chain->outer);
  fd_close(userns);
  if (r == -1 || ended(q->speakerfd))
    return rk_fail(ECONNRESET);
  return 0;
}

/* The fds of the second message: a pidfd, and what it says of the others. */
static int take(struct question *q, struct rk_reply_child const *say, int fds[FDS_MAX],
                struct rk_chain *chain)
{
  int n = 0;

  for (int i = 0; i < FDS_MAX; i++)
    if (fds[i] != -1)
      n++;
  if (say->error || n == 0) {
    close_all(fds);
    return refuse(q, EPROTO, "what answers at .child names no process");
  }
  if (n != 1 + !!say->confined + !!say->bypass) {
    close_all(fds);
    return refuse(q, EPROTO, "what answers at .child does not say how the chain is confined");
  }
  chain->pidfd = fds[0];
  if (say->confined)
    chain->ruleset = fds[1];
  if (say->bypass)
    chain->bypass = fds[n - 1];
  return 0;
}

/* The second: of the same process, which has not ended meanwhile. */
static int ask(struct question *q, struct rk_chain *chain)
{
  struct rk_reply_child say;
  struct ucred from;
  int fds[FDS_MAX];

  if (send(q->sock, q->words, 1, MSG_NOSIGNAL) == -1)
    return rk_fail(ECONNRESET);
  if (hear(q, &say, &from, fds, FDS_MAX) == -1)
    return -1;
  if (from.pid != q->speaker || ended(q->speakerfd)) {
    close_all(fds);
    return refuse(q, EPERM, "what answers at .child has changed");
  }
  if (say.dev != q->dir.st_dev || say.ino != q->dir.st_ino) {
    close_all(fds);
    return refuse(q, EPERM, "the rk-outside at .child is that of another directory");
  }
  if (say.error == EAGAIN) {
    close_all(fds);
    return refuse(q, EAGAIN, "the chain is not ready yet");
  }
  return take(q, &say, fds, chain);
}

/* Is the process that it names one over which it, and the directory's owner, have power? */
static int judge(struct question *q, struct rk_chain *chain)
{
  uid_t owner;
  int userns;

  chain->pid = rk_pidfd_pid(chain->pidfd);
  if (chain->pid == -1)
    return failed(q, "read the pidfd that came from .child");
  if (chain->pid == 0)
    return refuse(q, ESRCH, "the chain has ended");
  userns = open_userns(chain->pid);
  if (userns == -1 && errno == ENOENT)
    return refuse(q, ESRCH, "the chain has ended");
  if (userns == -1 && (errno == EACCES || errno == EPERM))
    return refuse(q, EPERM,
                  "what answers at .child names a process that this user may not examine");
  if (userns == -1)
    return failed(q, "look at the chain's process");
  chain->userns = rk_ns_child_of(&chain->outer, userns);
  fd_close(userns); /* keeps errno */
  if (chain->userns != -1 && ended(chain->pidfd))
    return refuse(q, ESRCH, "the chain has ended");
  if (chain->userns == -1 && errno == EXDEV)
    return refuse(q, EPERM,
                  "what answers at .child is no rk-outside: it is not outside the user namespace "
                  "of the process that it names");
  if (chain->userns == -1)
    return failed(q, "find the chain's user namespace");
  if (ioctl(chain->userns, NS_GET_OWNER_UID, &owner) == -1)
    return failed(q, "find whose the chain's user namespace is");
  if (owner != q->dir.st_uid)
    return refuse(q, EPERM,
                  "what answers at .child names a process in a user namespace of another user");
  return 0;
}

static void forget(struct rk_chain *chain)
{
  if (chain->pidfd != -1)
    fd_close(chain->pidfd);
  if (chain->userns != -1)
    fd_close(chain->userns);
  if (chain->ruleset != -1)
    fd_close(chain->ruleset);
  if (chain->bypass != -1)
    fd_close(chain->bypass);
  chain->pidfd = -1;
  chain->userns = -1;
  chain->ruleset = -1;
  chain->bypass = -1;
}

static int once(struct question *q, int dirfd, struct rk_chain *chain)
{
  int r;

  q->sock = -1;
  q->speakerfd = -1;
  r = reach(q, dirfd);
  if (r == 0)
    r = meet(q, chain);
  if (r == 0)
    r = ask(q, chain);
  if (r == 0)
    r = judge(q, chain);
  if (q->sock != -1)
    fd_close(q->sock);
  if (q->speakerfd != -1)
    fd_close(q->speakerfd);
  if (r == -1)
    forget(chain);
  return r;
}

/* Root inside can answer for a user namespace below the chain's. Then the socket is not
   rk-bypassd's, and what is handed to it (sockets of the host) would be root inside's. */
static void keep_bypass(struct rk_chain *chain)
{
  struct stat own;

  if (chain->bypass == -1)
    return;
  if (stat("/proc/self/ns/user", &own) == 0 && own.st_dev == chain->outer.st_dev &&
      own.st_ino == chain->outer.st_ino)
    return;
  close(chain->bypass);
  chain->bypass = -1;
}

static int find(int dirfd, int ms, char const *words, struct rk_chain *chain, struct rk_text *why)
{
  struct question q = {.until = rk_clock_ms() + ms, .words = words, .why = why};

  chain->pidfd = -1;
  chain->userns = -1;
  chain->ruleset = -1;
  chain->bypass = -1;
  if (fstat(dirfd, &q.dir) == -1)
    return failed(&q, "look at the state directory");
  /* rk-outside may be busy with another (a full queue), or its answer may have been killed: ask
     again. */
  while (once(&q, dirfd, chain) == -1) {
    if (why->len)
      return -1;
    if (rk_clock_ms() >= q.until)
      return refuse(&q, ETIMEDOUT, "no answer at .child");
    poll(NULL, 0, 5);
  }
  keep_bypass(chain);
  return 0;
}

int rk_chain_enter(int dirfd, int ms, struct rk_chain *chain, struct rk_text *why)
{
  return find(dirfd, ms, "b", chain, why);
}

int rk_chain_bypass(int dirfd, int ms, struct rk_chain *chain, struct rk_text *why)
{
  if (find(dirfd, ms, "b", chain, why) == -1)
    return -1;
  if (chain->ruleset != -1)
    close(chain->ruleset);
  chain->ruleset = -1;
  return 0;
}

int rk_chain_find(int dirfd, int ms, struct rk_chain *chain, struct rk_text *why)
{
  if (find(dirfd, ms, "?", chain, why) == -1)
    return -1;
  if (chain->ruleset != -1)
    close(chain->ruleset);
  chain->ruleset = -1;
  return 0;
}

int rk_chain_owns(struct rk_chain const *chain, int nsfd)
{
  struct stat mine, its;
  int child, userns = ioctl(nsfd, NS_GET_USERNS);

  if (userns == -1)
    return errno == EPERM ? 0 : -1;
  child = rk_ns_child_of(&chain->outer, userns);
  fd_close(userns);
  if (child == -1)
    return errno == EXDEV ? 0 : -1;
  if (fstat(child, &its) == -1 || fstat(chain->userns, &mine) == -1)
    its.st_ino = 0;
  fd_close(child);
  return its.st_ino == mine.st_ino && its.st_dev == mine.st_dev;
}

char const *rk_chain_foreign(int dirfd)
{
  struct stat st;

  if (fstat(dirfd, &st) == -1 || st.st_uid != geteuid())
    return "belongs to another user";
  if (st.st_mode & 022)
    return "is writable by others";
  return NULL;
}
