/* SPDX-License-Identifier: ISC
   Request "bypass": this is the listener of the chain's seccomp filter. A filter whose listener is
   closed fails every trapped call with ENOSYS, and gets no other (seccomp(2)). So it is kept here,
   and rk-bypassd, which uses it, is started again whenever it ends. */
#include "bypass.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>

#include <rk/bypass.h>
#include <rk/clock.h>
#include <rk/exit.h>
#include <rk/link.h>
#include <rk/proc.h>
#include <rk/sys.h>
#include <rk/text.h>

#include "ctl.h"

enum {
  FIRST = 40, /* above what it gets */
  LASTED_MS = 1000,
  END_MS = 2000 /* it may close a file of a FUSE server inside that answers nothing */
};

static void start(struct bypass *b);

static void __attribute__((noreturn)) become(struct bypass const *b)
{
  char const *const argv[] = {"rk-bypassd", b->chain->path, NULL};

  for (int i = 0; i < BYPASS_FDS; i++)
    if (dup2(b->fds[i], RK_BYPASS_NOTIFY_FD + i) == -1)
      _exit(RK_EXIT_SYS);
  for (unsigned int i = 0; i < b->nmore; i++)
    if (dup2(b->more[i], RK_BYPASS_MORE_FD + (int)i) == -1)
      _exit(RK_EXIT_SYS);
  rk_close_range(RK_BYPASS_MORE_FD + b->nmore, UINT_MAX, 0);
  execv(b->file, (char **)(uintptr_t)argv);
  strerr_diefusys(RK_EXIT_NOEXEC, "exec ", b->file);
}

static void again(struct bypass *b)
{
  rk_timer_start(&b->chain->loop, &b->again, rk_backoff_next(&b->wait));
}

static void due(void *ctx)
{
  start(ctx);
}

/* Nothing is left that the filter applies to: poll(2) of the listener says so (seccomp(2)). */
static int unused(int listener)
{
  struct pollfd p = {.fd = listener, .events = 0};

  return poll(&p, 1, 0) == 1 && (p.revents & POLLHUP);
}

static void process_ended(void *ctx, short revents)
{
  struct bypass *b = ctx;
  char text[80];
  struct rk_text how = rk_text_in(text, sizeof text);
  int status;

  (void)revents;
  if (waitpid(b->pid, &status, WNOHANG) != b->pid)
    return;
  b->pid = 0;
  rk_loop_remove(&b->chain->loop, &b->process);
  close(b->process.fd);
  b->process.fd = -1;
  if (unused(b->fds[0]))
    return;
  rk_text_str(&how, WIFSIGNALED(status) ? "signal " : "status ");
  rk_text_num(&how, WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  strerr_warnw("rk-bypassd ended: ", text, ": starting another");
  if (rk_clock_ms() - b->since >= LASTED_MS)
    rk_backoff_reset(&b->wait);
  again(b);
}

static void forget_unused(struct bypass *b)
{
  unsigned int i = 0;

  while (i < b->nmore) {
    if (!unused(b->more[i])) {
      i++;
      continue;
    }
    close(b->more[i]);
    b->nmore--;
    b->more[i] = b->more[b->nmore];
  }
}

static void start(struct bypass *b)
{
  b->since = rk_clock_ms();
  b->pid = fork();
  if (b->pid == 0)
    become(b);
  if (b->pid == -1) {
    b->pid = 0;
    strerr_warnwusys("start rk-bypassd");
    again(b);
    return;
  }
  b->process.fd = rk_pidfd_open(b->pid, 0);
  if (b->process.fd != -1) {
    rk_loop_add(&b->chain->loop, &b->process);
    return;
  }
  strerr_warnwusys("open a pidfd of rk-bypassd");
  kill(b->pid, SIGKILL);
  waitpid(b->pid, NULL, 0);
  b->pid = 0;
  again(b);
}

/* Out of the way of the numbers that rk-bypassd gets. fd may be -1. */
static int move_up(int fd)
{
  int up, e;

  if (fd == -1)
    return -1;
  up = fcntl(fd, F_DUPFD_CLOEXEC, FIRST);
  e = errno;
  close(fd);
  errno = e;
  return up;
}

/* rk-bypassd has got a listener from rk-enter: its successor is to have it, too. */
static void hub_ready(void *ctx, short revents)
{
  struct bypass *b = ctx;
  char byte;
  int fd;

  (void)revents;
  if (rk_recv_fd(b->hub.fd, &byte, 1, &fd) == -1 || fd == -1)
    return;
  forget_unused(b);
  fd = move_up(fd);
  if (fd == -1)
    return;
  if (b->nmore == RK_BYPASS_MORE) {
    close(fd);
    return;
  }
  b->more[b->nmore] = fd;
  b->nmore++;
}

void bypass_init(struct bypass *b, struct chain *chain)
{
  *b = (struct bypass){
    .chain = chain,
    .process = {.fd = -1, .events = POLLIN, .ready = process_ended, .ctx = b},
    .hub = {.fd = -1, .events = POLLIN, .ready = hub_ready, .ctx = b},
    .again = {.due = due, .ctx = b},
    .wait = {.min = 10, .max = 5000},
  };
  for (int i = 0; i < BYPASS_FDS; i++)
    b->fds[i] = -1;
}

void bypass_end(struct bypass *b)
{
  struct pollfd ended = {.fd = b->process.fd, .events = POLLIN};

  if (!b->pid)
    return;
  kill(b->pid, SIGKILL);
  if (poll(&ended, 1, END_MS) == 1)
    waitpid(b->pid, NULL, 0);
  else
    strerr_warnw("rk-bypassd waits for a file system of the chain, and ends with that");
  b->pid = 0;
}

static int make_page(struct rk_req_bypass const *ask)
{
  struct rk_bypass_page const head = {.first_port = ask->first_port, .netns = ask->netns};
  size_t len = offsetof(struct rk_bypass_page, slot);
  int fd = memfd_create("rk-bypass", MFD_CLOEXEC);

  if (fd == -1)
    return -1;
  if (ftruncate(fd, sizeof head) == 0 && pwrite(fd, &head, len, 0) == (ssize_t)len)
    return move_up(fd);
  close(fd);
  return -1;
}

static int open_userns(pid_t pid)
{
  char path[RK_PROCPATH_MAX];

  return move_up(open(rk_procpath(path, pid, "ns/user"), O_RDONLY | O_CLOEXEC));
}

/* NULL, or what failed, with errno. */
static char const *prepare(struct bypass *b, struct rk_req_bypass const *ask, int listener)
{
  int pair[2];

  if (b->chain->state == -1) {
    close(listener);
    errno = ENOENT;
    return "find the state directory";
  }
  b->fds[RK_BYPASS_NOTIFY_FD - RK_BYPASS_NOTIFY_FD] = move_up(listener);
  b->fds[RK_BYPASS_PAGE_FD - RK_BYPASS_NOTIFY_FD] = make_page(ask);
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    return "make a socket";
  b->chain->hub = move_up(pair[0]);
  b->fds[RK_BYPASS_HUB_FD - RK_BYPASS_NOTIFY_FD] = move_up(pair[1]);
  b->fds[RK_BYPASS_CHAIN_FD - RK_BYPASS_NOTIFY_FD] = fcntl(b->chain->process.fd, F_DUPFD_CLOEXEC,
                                                           FIRST);
  b->fds[RK_BYPASS_USERNS_FD - RK_BYPASS_NOTIFY_FD] = open_userns(b->chain->sender);
  for (int i = 0; i < BYPASS_FDS; i++)
    if (b->fds[i] == -1)
      return "open what it needs";
  if (rk_libexec("rk-bypassd", b->file, sizeof b->file) == -1 || access(b->file, X_OK) == -1)
    return "find it";
  return NULL;
}

ssize_t req_bypass(struct chain *chain, void const *request, int fd, union ctl_reply *reply)
{
  struct rk_req_bypass const *ask = request;
  char const *failed = prepare(chain->bypass, ask, fd);

  if (failed) {
    ctl_error(&reply->head, errno, failed);
    return sizeof reply->head;
  }
  chain->jobs++;
  chain->bypass->hub.fd = chain->hub;
  rk_loop_add(&chain->loop, &chain->bypass->hub);
  start(chain->bypass);
  return sizeof reply->head;
}
