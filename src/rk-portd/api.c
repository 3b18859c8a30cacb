/* SPDX-License-Identifier: ISC */
#include "api.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <skalibs/djbunix.h>

#include <rk/clock.h>
#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/state.h>

enum { ANSWER_S = 5 };

/* Root inside may answer in the place of the driver, byte by byte: all of it has one limit. */
static ssize_t receive(int fd, char *answer, size_t size)
{
  struct pollfd more = {.fd = fd, .events = POLLIN};
  int64_t until = rk_clock_ms() + ANSWER_S * 1000;
  size_t n = 0;
  ssize_t r = 1;

  while (r && n + 1 < size) {
    int64_t left = until - rk_clock_ms();
    if (left <= 0 || poll(&more, 1, (int)left) == 0)
      return rk_fail(ETIMEDOUT);
    r = recv(fd, answer + n, size - 1 - n, MSG_DONTWAIT);
    if (r == -1 && errno != EAGAIN && errno != EINTR)
      return -1;
    n += r > 0 ? (size_t)r : 0;
  }
  answer[n] = 0;
  return (ssize_t)n;
}

/* By an fd of the socket itself: a link in its place is not followed, which may lead to where root
   inside cannot go. */
static int reach(struct forward const *f, int fd)
{
  struct sockaddr_un sa = {.sun_family = AF_UNIX};
  struct stat st;
  int path = openat(f->dir, f->ops->socket, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  int r;

  if (path == -1)
    return -1;
  rk_procpath_fd(sa.sun_path, "fd", path);
  r = fstat(path, &st);
  if (r == 0 && !S_ISSOCK(st.st_mode))
    r = rk_fail(ECONNREFUSED);
  if (r == 0)
    r = connect(fd, (struct sockaddr *)&sa, sizeof sa);
  fd_close(path); /* keeps errno */
  return r;
}

ssize_t api_call(struct forward const *f, struct rk_text const *request, char *answer, size_t size)
{
  struct timeval wait = {.tv_sec = ANSWER_S};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ssize_t n = -1;

  if (fd == -1)
    return -1;
  if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0 && reach(f, fd) == 0 &&
      send(fd, request->s, request->len, MSG_NOSIGNAL) == (ssize_t)request->len &&
      (!f->ops->half_closes || shutdown(fd, SHUT_WR) == 0))
    n = receive(fd, answer, size);
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

enum { WORDS_MAX = 600 };

void api_detach(struct forward *f, struct published *p, struct api_words const *words)
{
  char buf[WORDS_MAX];
  char answer[WORDS_MAX];
  int asked = f->chain != NULL;

  while (p->nremote) {
    struct rk_text t = rk_text_in(buf, sizeof buf);
    p->nremote--;
    words->del(&t, p, p->nremote);
    if (asked && api_call(f, &t, answer, sizeof answer) == -1)
      asked = 0;
  }
}

enum forwarded api_attach(struct forward *f, struct published *p, struct api_words const *words,
                          char const *inside, struct rk_text *why)
{
  /* the kernel's own reason, in RootlessKit's words, if it cannot be bound */
  if (bind_port(&f->bind, p, why) == -1)
    return FORWARD_REFUSED;
  bind_undo(p);
  for (uint32_t k = 0; k < p->file.spec.count; k++) {
    enum forwarded r = words->add(f, p, k, inside, why);
    if (r != FORWARD_LISTENING) {
      api_detach(f, p, words);
      return r;
    }
    p->nremote++;
  }
  return FORWARD_LISTENING;
}
