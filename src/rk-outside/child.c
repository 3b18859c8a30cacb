/* SPDX-License-Identifier: ISC
   Say which process is the chain's, at the socket .child of the state directory.

   A client there must be able to see in which user namespace the answer is given (rk/chain.h),
   and the kernel shows that of a dumpable process only. rk-outside is none, and stays so: a child
   of it answers, which becomes dumpable with empty hands. Root inside can read it no more than any
   process of the outer user namespace, since it has no CAP_SYS_PTRACE there (ptrace(2)), and can
   get no core of it. */
#include "child.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <rk/ctl.h>
#include <rk/sys.h>

/* How long an answer may take, in seconds: no client holds up the others for longer. */
enum { ANSWER_S = 3, CONNECTION = 0, PROGRAM = 1, RULESET = 2, HUB = 3 };

/* What is given with an answer. */
struct gift {
  int fds[3];
  size_t n;
};

static int send_with(int to, void const *message, size_t len, struct gift const *gift)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof gift->fds)];
  } control = {0};
  size_t n = gift->n;
  struct iovec iov = {
    .iov_base = (void *)(uintptr_t)message,
    .iov_len = len,
  };
  struct msghdr msg = {
    .msg_iov = &iov,
    .msg_iovlen = 1,
  };
  struct cmsghdr *c = &control.align;

  if (n) {
    msg.msg_control = control.buf;
    msg.msg_controllen = (socklen_t)CMSG_SPACE(n * sizeof *gift->fds);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = (socklen_t)CMSG_LEN(n * sizeof *gift->fds);
    memcpy(CMSG_DATA(c), gift->fds, n * sizeof *gift->fds);
  }
  return (int)sendmsg(to, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* A new connection to rk-bypassd: its end goes through the hub, the other is the client's. If the
   hub is full, for rk-bypassd does not run, the client gets none, and asks again. */
static void add_bypass(struct gift *gift)
{
  int pair[2];
  struct gift its = {.n = 1};

  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    return;
  its.fds[0] = pair[1];
  if (send_with(HUB, "c", 1, &its) == -1)
    return;
  close(pair[1]);
  gift->fds[gift->n] = pair[0];
  gift->n++;
}

/* An fd gets the number that it has here, or that is closed. */
static void take_fd(int fd, int as)
{
  if (fd == -1) {
    close(as);
  } else if (dup2(fd, as) == -1) {
    _exit(1);
  }
}

/* Nothing else stays open. All that are open already are above these numbers (rk-outside's stdio
   and 3, 4, 5), but for the hub's own. */
static void take_fds(int connection, struct chain const *chain)
{
  take_fd(connection, CONNECTION);
  take_fd(chain->program, PROGRAM);
  take_fd(chain->ruleset, RULESET);
  take_fd(chain->hub, HUB);
  rk_close_range(HUB + 1, UINT_MAX, 0);
}

/* In the child. The limit of 1 byte also keeps a core from a program that core_pattern pipes it to
   (core(5)); raising it would take CAP_SYS_RESOURCE outside. Without capabilities, anybody of the
   same user may look (PTRACE_MODE_READ_FSCREDS of ptrace(2)). */
static void answer_connection(int connection, struct chain const *chain,
                              struct rk_reply_child *answer)
{
  struct rlimit const no_core = {.rlim_cur = 1, .rlim_max = 1};
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}};
  struct gift gift = {.n = 0};
  char question;

  alarm(ANSWER_S);
  take_fds(connection, chain);
  if (setrlimit(RLIMIT_CORE, &no_core) == -1)
    _exit(1);
  if (syscall(SYS_capset, &head, none) == -1)
    _exit(1);
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1)
    _exit(1);
  if (send_with(CONNECTION, answer, sizeof *answer, &gift) == -1)
    _exit(1);
  if (recv(CONNECTION, &question, 1, 0) != 1)
    _exit(1);
  if (chain->program == -1) {
    answer->error = EAGAIN;
  } else {
    gift = (struct gift){.fds = {PROGRAM, RULESET}, .n = answer->confined ? 2 : 1};
    if (question == 'b' && chain->hub != -1)
      add_bypass(&gift);
    answer->bypass = gift.n > 1U + answer->confined;
  }
  if (send_with(CONNECTION, answer, sizeof *answer, &gift) == -1)
    _exit(1);
  /* The client is sure of the answer only while this process lives: wait until it hangs up. */
  recv(CONNECTION, &question, 1, 0);
  _exit(0);
}

/* A process that answers. 0, or -1: the client sees the end of file, and asks again. */
static int start_answer(struct child *child, int connection)
{
  struct rk_reply_child answer = {.version = RK_OUTSIDE_VERSION};
  struct stat st;

  if (fstat(child->chain->state, &st) == -1)
    return -1;
  answer.confined = child->chain->ruleset != -1;
  answer.dev = st.st_dev;
  answer.ino = st.st_ino;
  child->pid = fork();
  if (child->pid == 0)
    answer_connection(connection, child->chain, &answer);
  if (child->pid == -1)
    return -1;
  child->answer.fd = rk_pidfd_open(child->pid, 0);
  if (child->answer.fd != -1)
    return 0;
  kill(child->pid, SIGKILL);
  waitpid(child->pid, NULL, 0);
  return -1;
}

/* One connection at a time: the others wait in the queue. */
static void client_waits(void *ctx, short revents)
{
  struct child *child = ctx;
  struct rk_loop *loop = &child->chain->loop;
  int connection = accept4(child->socket.fd, NULL, NULL, SOCK_CLOEXEC);

  (void)revents;
  if (connection == -1)
    return;
  if (start_answer(child, connection) == 0) {
    rk_loop_remove(loop, &child->socket);
    rk_loop_add(loop, &child->answer);
  } else {
    child->pid = 0;
  }
  close(connection);
}

static void answer_ended(void *ctx, short revents)
{
  struct child *child = ctx;
  struct rk_loop *loop = &child->chain->loop;

  (void)revents;
  waitpid(child->pid, NULL, 0);
  child->pid = 0;
  rk_loop_remove(loop, &child->answer);
  close(child->answer.fd);
  child->answer.fd = -1;
  rk_loop_add(loop, &child->socket);
}

/* By a path relative to the directory: its own may be too long for an address (unix(7)), and may
   lead elsewhere by now. */
int child_listen(struct child *child, struct chain *chain)
{
  struct sockaddr_un const a = {.sun_family = AF_UNIX, .sun_path = ".child"};
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  *child = (struct child){
    .chain = chain,
    .socket = {.fd = fd, .events = POLLIN, .ready = client_waits, .ctx = child},
    .answer = {.fd = -1, .events = POLLIN, .ready = answer_ended, .ctx = child},
  };
  if (fd == -1 || fchdir(chain->state) == -1)
    return -1;
  if (unlink(a.sun_path) == -1 && errno != ENOENT)
    return -1;
  if (bind(fd, (struct sockaddr const *)&a, sizeof a) == -1)
    return -1;
  if (listen(fd, SOMAXCONN) == -1)
    return -1;
  return rk_loop_add(&chain->loop, &child->socket);
}
