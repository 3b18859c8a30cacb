/* SPDX-License-Identifier: ISC */
#include <rk/notify.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>

#include <rk/fail.h>
#include <rk/proc.h>

static int open_timer(int ms)
{
  struct timespec const every = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
  struct itimerspec const spec = {.it_interval = every, .it_value = every};
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

  if (fd == -1)
    return -1;
  if (timerfd_settime(fd, 0, &spec, NULL) == 0)
    return fd;
  close(fd);
  return -1;
}

int rk_notify_open(struct rk_notify *n, int ms)
{
  *n = (struct rk_notify){.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK), .ms = ms};
  if (n->fd == -1 && errno == EMFILE) {
    n->sysctl = "fs.inotify.max_user_instances";
    n->fd = open_timer(ms); /* EMFILE again: it was the limit of open files */
  }
  return n->fd == -1 ? -1 : 0;
}

/* The number stays: a loop may wait for it already. */
int rk_notify_poll(struct rk_notify *n, char const *sysctl)
{
  int timer = open_timer(n->ms);
  int r;

  if (timer == -1)
    return -1;
  r = dup3(timer, n->fd, O_CLOEXEC);
  close(timer);
  if (r == -1)
    return -1;
  n->sysctl = sysctl;
  return 0;
}

int rk_notify_add(struct rk_notify *n, char const *path, uint32_t mask)
{
  int wd;

  if (n->sysctl)
    return 0;
  wd = inotify_add_watch(n->fd, path, mask);
  if (wd == -1 && errno == ENOSPC)
    return rk_notify_poll(n, "fs.inotify.max_user_watches");
  return wd;
}

int rk_notify_add_fd(struct rk_notify *n, int dir, uint32_t mask)
{
  char path[RK_PROCPATH_MAX];

  return rk_notify_add(n, rk_procpath_fd(path, "fd", dir), mask);
}

ssize_t rk_notify_read(struct rk_notify const *n, void *buf, size_t size)
{
  struct inotify_event const lost = {.wd = -1, .mask = IN_Q_OVERFLOW};
  uint64_t times;
  ssize_t r;

  if (!n->sysctl)
    return read(n->fd, buf, size);
  if (size < sizeof lost)
    return rk_fail(EINVAL);
  r = read(n->fd, &times, sizeof times);
  if (r <= 0)
    return r;
  memcpy(buf, &lost, sizeof lost);
  return sizeof lost;
}
