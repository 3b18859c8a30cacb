/* SPDX-License-Identifier: ISC */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include <rk/state.h>

enum { ANSWER_S = 5 };

/* Nothing is shut down: gvproxy takes a half-closed connection for one that has gone. */
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

ssize_t api_call(struct forward const *f, struct rk_text const *request, char *answer, size_t size)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct timeval wait = {.tv_sec = ANSWER_S};
  struct rk_text path = rk_text_in(sa.sun_path, sizeof sa.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ssize_t n = -1;

  if (fd == -1)
    return -1;
  rk_text_add(&path, f->path, "/", f->ops->socket);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 &&
      connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
    n = exchange(fd, request, answer, size);
  fd_close(fd); /* keeps errno */
  return n;
}

int api_inside_address(struct forward const *f, struct published const *p, char *ip, size_t size,
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

int api_stale(struct forward *f)
{
  struct stat const *asked = &f->socket;
  struct stat st;

  if (fstatat(f->dir, f->ops->socket, &st, AT_SYMLINK_NOFOLLOW) == -1)
    return 0;
  return st.st_ino != asked->st_ino || st.st_mtim.tv_sec != asked->st_mtim.tv_sec ||
         st.st_mtim.tv_nsec != asked->st_mtim.tv_nsec;
}

enum forwarded api_up(struct forward *f, struct rk_text *why)
{
  (void)why;
  if (f->socket.st_ino)
    return FORWARD_LISTENING;
  if (fstatat(f->dir, f->ops->socket, &f->socket, AT_SYMLINK_NOFOLLOW) == -1)
    f->socket = (struct stat){0};
  return FORWARD_LISTENING;
}

void api_down(struct forward *f)
{
  f->socket = (struct stat){0};
}
