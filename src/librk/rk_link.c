/* SPDX-License-Identifier: ISC */
#include <rk/link.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <skalibs/exec.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/ctl.h>
#include <rk/env.h>
#include <rk/exit.h>
#include <rk/fail.h>
#include <rk/listen.h>
#include <rk/order.h>
#include <rk/spawn.h>
#include <rk/text.h>

/* Removed before the program: they mean nothing to it. */
static char const *const PLUMBING[] = {"RK_OUTSIDE_FD", "RK_OUTSIDE_CAPS", "RK_OUTSIDE_ROOT",
                                       "RK_NET_STARTED", "RK_CONFINED"};

static char const LIBEXEC[] = "/libexec/rk/";

int rk_ctl_fd(void)
{
  char const *s = getenv("RK_OUTSIDE_FD");
  unsigned int fd;
  int type;
  socklen_t len = sizeof type;

  if (!s || !*s)
    return rk_fail(ENOENT);
  if (!uint0_scan(s, &fd) || fd > 0x7fffffff)
    return rk_fail(EBADF);
  if (getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) == -1)
    return rk_fail(errno == ENOTSOCK ? EBADF : errno);
  if (type != SOCK_SEQPACKET)
    return rk_fail(EBADF);
  if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
    return -1;
  return (int)fd;
}

int rk_ctl_send(void const *request, size_t len, int fd)
{
  union {
    struct cmsghdr align;
    char buf[CMSG_SPACE(sizeof(int))];
  } ancillary = {0};
  struct iovec iov = {.iov_base = (void *)(uintptr_t)request, .iov_len = len};
  struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
  int control = rk_ctl_fd();
  ssize_t r;

  if (control == -1)
    return -1;
  if (fd != -1) {
    struct cmsghdr *c;
    msg.msg_control = ancillary.buf;
    msg.msg_controllen = sizeof ancillary.buf;
    c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  do
    r = sendmsg(control, &msg, MSG_NOSIGNAL);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return rk_fail(errno == ECONNRESET ? EPIPE : errno);
  return 0;
}

/* unix(7): a request that rk-outside has not read, for it ended, gives ECONNRESET once, before what
   it has sent. */
static int receive(struct rk_reply *reply, size_t replylen, int flags)
{
  int control = rk_ctl_fd();
  int resets = 0;
  ssize_t r;

  reply->version = RK_OUTSIDE_VERSION; /* so far no reason is there */
  if (control == -1)
    return -1;
  do {
    r = recv(control, reply, replylen, MSG_TRUNC | flags);
    if (r == -1 && errno == ECONNRESET)
      resets++;
  } while (r == -1 && (errno == EINTR || (errno == ECONNRESET && resets == 1)));
  if (r == -1 && errno != ECONNRESET)
    return -1;
  if (r < 1 || (r == sizeof *reply && reply->version == RK_OUTSIDE_FAILED))
    return rk_fail(EPIPE);
  return (size_t)r == replylen ? 0 : rk_fail(EPROTO);
}

int rk_ctl_recv(void *reply, size_t replylen)
{
  return receive(reply, replylen, 0);
}

/* After a request could not be sent. Does not wait; keeps errno. */
static void read_last_word(struct rk_reply *said)
{
  int e = errno;

  receive(said, sizeof *said, MSG_DONTWAIT);
  errno = e;
}

int rk_ctl_call(void const *request, size_t len, int fd, void *reply, size_t replylen)
{
  if (rk_ctl_send(request, len, fd) == 0)
    return receive(reply, replylen, 0);
  read_last_word(reply);
  return -1;
}

void rk_ctl_die(char const *what, struct rk_reply const *said)
{
  struct rk_reply last;

  if (!said) {
    read_last_word(&last);
    said = &last;
  }
  if (errno == ENOENT)
    strerr_dief(RK_EXIT_USAGE, "unable to ", what,
                ": no control socket to rk-outside: start the chain with rk-userns, "
                "and put only rk links (or links given -k) between");
  if (errno == EBADF)
    strerr_dieinvalid(RK_EXIT_USAGE, "RK_OUTSIDE_FD");
  if (errno == EPIPE && said->version == RK_OUTSIDE_FAILED)
    strerr_dief(RK_EXIT_SYS, "unable to ", what, ": rk-outside was ", said->text);
  if (errno == EPIPE)
    strerr_dief(RK_EXIT_SYS, "unable to ", what, ": rk-outside is gone");
  strerr_diefusys(RK_EXIT_SYS, what);
}

void rk_ctl_call_or_die(char const *what, void const *request, size_t len, int fd, void *reply,
                        size_t replylen)
{
  if (rk_ctl_call(request, len, fd, reply, replylen) == -1)
    rk_ctl_die(what, reply);
}

static enum rk_ctl_closed say_ready(struct rk_reply *said)
{
  static struct rk_req const ask = {.version = RK_OUTSIDE_VERSION, .op = RK_OP_READY};

  if (getenv("RK_NET_STARTED"))
    return RK_CTL_UNTESTED;
  if (!getenv("RK_STATE_DIR"))
    return RK_CTL_CLOSED;
  if (rk_ctl_call(&ask, sizeof ask, -1, said, sizeof *said) == -1)
    return RK_CTL_UNSAID;
  errno = said->error;
  return said->error ? RK_CTL_UNWRITTEN : RK_CTL_CLOSED;
}

/* The control socket, or -1: there is none, or what the variable names is none. Only that says so:
   after another error it may be there, and prog would have it. */
static int find_control(void)
{
  int control = rk_ctl_fd();

  if (control == -1 && errno != ENOENT && errno != EBADF)
    strerr_diefusys(RK_EXIT_SYS, "check the control socket");
  return control;
}

enum rk_ctl_closed rk_ctl_try_close(struct rk_reply *said)
{
  int control = rk_ctl_fd();

  said->version = RK_OUTSIDE_VERSION;
  if (control == -1 && errno != ENOENT && errno != EBADF)
    return RK_CTL_UNSAID;
  if (control != -1) {
    enum rk_ctl_closed r = say_ready(said);
    if (r != RK_CTL_CLOSED)
      return r;
    close(control);
  }
  for (size_t i = 0; i < sizeof PLUMBING / sizeof *PLUMBING; i++)
    rk_env_unset(PLUMBING[i]);
  return RK_CTL_CLOSED;
}

void rk_ctl_close_die(enum rk_ctl_closed failed, struct rk_reply const *said)
{
  if (failed == RK_CTL_UNTESTED)
    strerr_dief(RK_EXIT_USAGE, "rk-net -s needs rk-net -w before the program");
  if (failed == RK_CTL_UNSAID)
    rk_ctl_die("say ready", said);
  strerr_diefusys(RK_EXIT_SYS, "write the state directory");
}

void rk_ctl_close(void)
{
  struct rk_reply said;
  enum rk_ctl_closed r = rk_ctl_try_close(&said);

  if (r != RK_CTL_CLOSED)
    rk_ctl_close_die(r, &said);
}

/* The running program's file. 0, or -1 with errno. */
static int own_path(char *path, size_t size)
{
  ssize_t r = readlink("/proc/self/exe", path, size);

  if (r == -1)
    return -1;
  if ((size_t)r >= size)
    return rk_fail(ENAMETOOLONG);
  path[r] = 0;
  return 0;
}

/* The end of the path becomes a and b. */
static int replace_end(char *path, size_t size, char *end, char const *a, char const *b)
{
  struct rk_text t = rk_text_in(end, size - (size_t)(end - path));

  rk_text_add(&t, a, b);
  return t.cut ? rk_fail(ENAMETOOLONG) : 0;
}

/* The file name in the directory of the running program. 0, or -1 with errno. */
static int beside(char const *name, char *path, size_t size)
{
  char *dir;

  if (own_path(path, size) == -1)
    return -1;
  dir = strrchr(path, '/');
  if (!dir)
    return rk_fail(ENOENT);
  return replace_end(path, size, dir, "/", name);
}

/* Only a file that is not there is another one: whatever else stat(2) says may pass. */
static int look_at(char const *path, struct stat *st)
{
  if (stat(path, st) == 0)
    return 1;
  if (errno != ENOENT && errno != ENOTDIR)
    strerr_diefusys(RK_EXIT_SYS, "stat ", path);
  return 0;
}

/* Is what exec finds for prog the file base beside this program? path becomes what it finds. */
static int leads_to_own(char const *prog, char const *base, char *path)
{
  char own[PATH_MAX];
  struct stat want;
  struct stat is;

  if (rk_which(prog, path, PATH_MAX) == -1)
    strerr_dieexec(errno == ENOENT ? 127 : 126, prog);
  /* An empty element of PATH gives a bare name, which exec would look up once more, and
     elsewhere. */
  if (!strchr(path, '/'))
    return 0;
  if (beside(base, own, sizeof own) == -1) {
    if (errno == ENOENT)
      return 0; /* without /proc nobody can tell */
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/exe");
  }
  if (!look_at(own, &want) || !look_at(path, &is))
    return 0;
  return want.st_dev == is.st_dev && want.st_ino == is.st_ino;
}

/* Is prog one of our own links? Its name is looked up as exec would, and must lead to the very file
   that lies in the directory of the running program under that name: a name alone is anybody's.
   Symlinks on the way change nothing. path: of PATH_MAX bytes, that file. */
static int is_link(char const *prog, char *path)
{
  char const *base = strrchr(prog, '/');

  base = base ? base + 1 : prog;
  if (!rk_order_is_link(base))
    return 0;
  if (leads_to_own(prog, base, path))
    return 1;
  if (find_control() != -1)
    strerr_warnw(
      prog,
      " is not the file of that name beside this program: it does not get the control socket to "
      "rk-outside (-k passes it on)");
  return 0;
}

int rk_link_is(char const *prog)
{
  char path[PATH_MAX];

  return is_link(prog, path);
}

/* execve(2) fails with ENOENT for the file and for what it names as its interpreter. */
static void __attribute__((noreturn)) exec_or_die(char const *file, char const *const *argv)
{
  char path[PATH_MAX];
  int e;

  exec_a(file, argv);
  e = errno;
  if (e == ENOENT && rk_which(file, path, sizeof path) != -1)
    strerr_dief(RK_EXIT_NOTFOUND, "unable to exec ", argv[0],
                ": the interpreter that it names is missing");
  errno = e;
  strerr_dieexec(e == ENOENT ? RK_EXIT_NOTFOUND : RK_EXIT_NOEXEC, argv[0]);
}

void rk_link_exec(char const *const *argv, int keep)
{
  char path[PATH_MAX];
  char const *file = argv[0];
  int control = find_control();

  if (!*argv[0])
    strerr_dief(127, "the program's name is empty");
  if (!keep && is_link(argv[0], path)) {
    keep = 1;
    file = path; /* what was looked at is what is executed */
  }
  if (keep) {
    if (control != -1 && fcntl(control, F_SETFD, 0) == -1)
      strerr_diefusys(RK_EXIT_SYS, "keep the control socket open");
  } else {
    if (control != -1 && rk_order_unmapped())
      strerr_warnw("no ids are mapped, ", argv[0], " runs as nobody: put rk-idmap before it");
    rk_listen_end(argv[0]);
    rk_ctl_close();
  }
  exec_or_die(file, argv);
}

int rk_libexec(char const *name, char *path, size_t size)
{
  char *dir = NULL;

  if (own_path(path, size) == -1)
    return -1;
  /* the last one, should the prefix itself hold such a name */
  for (char *next = strstr(path, LIBEXEC); next; next = strstr(next + 1, LIBEXEC))
    dir = next;
  if (!dir) { /* PREFIX/bin, or any directory beside libexec */
    dir = strrchr(path, '/');
    if (dir)
      *dir = 0;
    dir = strrchr(path, '/');
  }
  if (!dir)
    return rk_fail(ENOENT);
  return replace_end(path, size, dir, LIBEXEC, name);
}
