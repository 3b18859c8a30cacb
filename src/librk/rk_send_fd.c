/* SPDX-License-Identifier: ISC */
#include <rk/sys.h>

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

int rk_send_fd(int to, void const *message, size_t len, int fd)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof fd)];
  } control = {0};
  struct iovec iov = {.iov_base = (void *)(uintptr_t)message, .iov_len = len};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  struct cmsghdr *c;

  if (fd != -1) {
    msg.msg_control = control.buf;
    msg.msg_controllen = sizeof control.buf;
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  return sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) == -1 ? -1 : 0;
}

ssize_t rk_recv_fd(int from, void *message, size_t len, int *fd)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof *fd)];
  } control;
  struct iovec iov = {.iov_base = message, .iov_len = len};
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
    .msg_control = control.buf,
    .msg_controllen = CMSG_LEN(sizeof *fd), /* without the padding, where another would fit */
  };
  struct cmsghdr const *c;
  ssize_t n = recvmsg(from, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

  *fd = -1;
  if (n == -1)
    return -1;
  c = CMSG_FIRSTHDR(&msg);
  if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
    memcpy(fd, CMSG_DATA(c), sizeof *fd);
  return n;
}
