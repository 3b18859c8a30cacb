/* SPDX-License-Identifier: ISC
   Open the network namespace of the chain's program. Where it is detached, only a path inside leads
   to it, and the file systems there are root inside's: an open(2) may wait for ever, even for
   SIGKILL (FUSE, a request that was taken and is never answered). So a child opens it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/vfs.h>

#include <skalibs/djbunix.h>
#include <skalibs/types.h>

#include <rk/chain.h>
#include <rk/fail.h>
#include <rk/ns.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>
#include "chain.h"

enum { OPEN_MS = 2000 };

static int open_link(pid_t pid, char const *name, int flags)
{
  char path[40];
  struct rk_text t = rk_text_in(path, sizeof path);

  rk_text_str(&t, "/proc/");
  rk_text_num(&t, pid);
  rk_text_str(&t, name);
  return open(path, flags | O_CLOEXEC);
}

/* DIR/netns inside. Nothing but a namespace is opened for reading: not a FIFO, not a device. */
static int open_netns(char const *dirpath, pid_t pid)
{
  char inner[RK_STATE_PATH_MAX + sizeof "/netns"], path[40];
  struct rk_text name = rk_text_in(inner, sizeof inner), again = rk_text_in(path, sizeof path);
  struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                         .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  struct statfs fs;
  int fd, root = open_link(pid, "/root", O_PATH | O_DIRECTORY);

  if (root == -1)
    return -1;
  rk_text_str(&name, dirpath + 1);
  rk_text_str(&name, "/netns");
  if (name.cut)
    return rk_fail(ENAMETOOLONG);
  fd = rk_openat2(root, inner, &how);
  if (fd == -1 || fstatfs(fd, &fs) == -1)
    return -1;
  if (fs.f_type != NSFS_MAGIC)
    return rk_fail(EINVAL);
  rk_text_str(&again, "/proc/self/fd/");
  rk_text_num(&again, fd);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/* In the child: the errno of open, with the fd if that is 0. */
static void hand_over(int sock, chain_open_fn *open, char const *path, pid_t pid)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(int))];
  } control = {0};
  int fd, error = 0;
  struct iovec iov = {.iov_base = &error, .iov_len = sizeof error};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  struct cmsghdr *c;

  /* It may stay for long: it must not keep ports bound, or the relay alive. */
  if (dup2(sock, 0) == -1 || rk_close_range(1, ~0U, 0) == -1)
    _exit(1);
  fd = open(path, pid);
  if (fd == -1) {
    error = errno;
  } else {
    msg.msg_control = control.buf;
    msg.msg_controllen = sizeof control.buf;
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  sendmsg(0, &msg, MSG_NOSIGNAL);
  _exit(0);
}

static int receive(int sock)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(int))];
  } control;
  int fd = -1;
  int error = EIO;
  struct iovec iov = {.iov_base = &error, .iov_len = sizeof error};
  struct msghdr msg = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.buf,
                       .msg_controllen = sizeof control.buf};
  struct pollfd p = {.fd = sock, .events = POLLIN};
  struct cmsghdr *c;

  if (poll(&p, 1, OPEN_MS) != 1)
    return rk_fail(ETIMEDOUT);
  if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != sizeof error)
    return rk_fail(EIO);
  c = CMSG_FIRSTHDR(&msg);
  if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fd))
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
  return fd == -1 ? rk_fail(error ? error : EIO) : fd;
}

/* One child at a time: who cannot be killed must not become many. */
int chain_open_inside(chain_open_fn *open, char const *path, int *openerfd, pid_t pid)
{
  struct pollfd before = {.fd = *openerfd, .events = POLLIN};
  int pair[2], fd;
  pid_t child;

  if (*openerfd != -1) {
    if (poll(&before, 1, 0) != 1)
      return rk_fail(ETIMEDOUT);
    close(*openerfd);
    *openerfd = -1;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    return -1;
  child = fork();
  if (child == 0)
    hand_over(pair[1], open, path, pid);
  fd_close(pair[1]);
  /* a zombie at most: it is reaped at SIGCHLD, which is blocked here */
  if (child != -1)
    *openerfd = rk_pidfd_open(child, 0);
  fd = child == -1 ? -1 : receive(pair[0]);
  fd_close(pair[0]);
  if (fd == -1 && child != -1) {
    int e = errno;
    kill(child, SIGKILL);
    errno = e;
  }
  return fd;
}

int chain_netns(int dir, char const *path, int *openerfd, struct rk_chain const *found)
{
  struct pollfd ended = {.fd = found->pidfd, .events = POLLIN};
  int owns;
  int fd;

  if (faccessat(dir, "netns", F_OK, AT_SYMLINK_NOFOLLOW) == 0)
    fd = chain_open_inside(open_netns, path, openerfd, found->pid);
  else if (errno == ENOENT)
    fd = open_link(found->pid, "/ns/net", O_RDONLY);
  else
    return -1;
  if (fd == -1)
    return -1;
  if (poll(&ended, 1, 0) != 0) {
    errno = ESRCH; /* the number may be another's by now */
  } else if (ioctl(fd, NS_GET_NSTYPE) != CLONE_NEWNET) {
    errno = EINVAL;
  } else {
    owns = rk_chain_owns(found, fd);
    if (owns == 1)
      return fd;
    if (owns == 0)
      errno = rk_ns_owner(fd) == RK_NS_INNER ? EPERM : EXDEV;
  }
  fd_close(fd);
  return -1;
}
