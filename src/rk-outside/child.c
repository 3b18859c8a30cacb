/* SPDX-License-Identifier: ISC
   Tell whoever asks from outside which process is the chain's: the socket .child of the state
   directory.

   The one who asks must be able to see in which user namespace the answer is given (rk/chain.h),
   and the kernel shows that of a dumpable process only. rk-outside is none, and stays so: a child
   of it answers, which becomes dumpable with empty hands. Root inside can read it no more than any
   process of the outer user namespace, since it has no CAP_SYS_PTRACE there (ptrace(2)), and can
   get no core of it. */
#include "outside.h"

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

#include <rk/sys.h>

/* How long an answer may take, in seconds: nobody holds up the others for longer. */
enum { TELL_S = 3, CONNECTION = 0, PROGRAM = 1 };

static int say(struct rk_reply_child const *answer, int pidfd)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof pidfd)];
  } control = {0};
  struct iovec iov = {.iov_base = (void *)(uintptr_t)answer, .iov_len = sizeof *answer};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  struct cmsghdr *c;

  if (pidfd != -1) {
    msg.msg_control = control.buf;
    msg.msg_controllen = sizeof control.buf;
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof pidfd);
    memcpy(CMSG_DATA(c), &pidfd, sizeof pidfd);
  }
  return (int)sendmsg(CONNECTION, &msg, MSG_NOSIGNAL);
}

/* In the child. The limit of 1 byte also keeps a core from a program that core_pattern pipes it to
   (core(5)); raising it would take CAP_SYS_RESOURCE outside. Without capabilities, anybody of the
   same user may look (PTRACE_MODE_READ_FSCREDS of ptrace(2)). */
static void tell(int connection, struct rk_reply_child *answer)
{
  struct rlimit const no_core = {.rlim_cur = 1, .rlim_max = 1};
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct none[2] = {{0}};
  char question;

  alarm(TELL_S);
  if (dup2(connection, CONNECTION) == -1 ||
      (outside.program != -1 && dup2(outside.program, PROGRAM) == -1))
    _exit(1);
  rk_close_range(outside.program == -1 ? PROGRAM : PROGRAM + 1, UINT_MAX, 0);
  if (setrlimit(RLIMIT_CORE, &no_core) == -1 || syscall(SYS_capset, &head, none) == -1)
    _exit(1);
  if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1)
    _exit(1);
  if (say(answer, -1) == -1 || recv(CONNECTION, &question, 1, 0) != 1)
    _exit(1);
  if (outside.program == -1)
    answer->error = EAGAIN;
  if (say(answer, outside.program == -1 ? -1 : PROGRAM) == -1)
    _exit(1);
  /* It is sure of the answer only while the speaker lives: wait until it hangs up. */
  recv(CONNECTION, &question, 1, 0);
  _exit(0);
}

static void told(int fd, short revents);

static void asked(int fd, short revents)
{
  struct rk_reply_child answer = {.version = RK_OUTSIDE_VERSION};
  struct stat st;
  int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

  (void)revents;
  if (connection == -1)
    return;
  if (fstat(outside.state, &st) == 0) {
    answer.dev = st.st_dev;
    answer.ino = st.st_ino;
    outside.teller = fork();
    if (outside.teller == 0)
      tell(connection, &answer);
  }
  close(connection);
  if (outside.teller <= 0) {
    outside.teller = 0; /* whoever asked sees the end of file, and asks again */
    return;
  }
  outside.tellerfd = rk_pidfd_open(outside.teller, 0);
  if (outside.tellerfd == -1) {
    kill(outside.teller, SIGKILL);
    waitpid(outside.teller, NULL, 0);
    outside.teller = 0;
    return;
  }
  outside_unwatch(outside.questions); /* one at a time: the others wait in the queue */
  outside_watch(outside.tellerfd, POLLIN, told);
}

static void told(int fd, short revents)
{
  (void)revents;
  waitpid(outside.teller, NULL, 0);
  outside.teller = 0;
  outside_unwatch(fd);
  close(fd);
  outside.tellerfd = -1;
  outside_watch(outside.questions, POLLIN, asked);
}

/* By a path relative to the directory: its own may be too long for an address (unix(7)), and may
   lead elsewhere by now. */
int outside_child_listen(void)
{
  struct sockaddr_un const a = {.sun_family = AF_UNIX, .sun_path = ".child"};

  outside.questions = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (outside.questions == -1 || fchdir(outside.state) == -1)
    return -1;
  if (unlink(a.sun_path) == -1 && errno != ENOENT)
    return -1;
  if (bind(outside.questions, (struct sockaddr const *)&a, sizeof a) == -1 ||
      listen(outside.questions, SOMAXCONN) == -1)
    return -1;
  outside_watch(outside.questions, POLLIN, asked);
  return 0;
}
