/* SPDX-License-Identifier: ISC
   The wall: a user namespace for the program below the one that its network driver may enter.

   P, the user namespace so far, keeps the network namespace with the tap: the hop. This process
   goes on in a child of P with the same ids, in a network namespace of its own, tied to the hop by
   a veth pair (veth(4)). Root inside has the user's id and every capability in the child; over
   processes, namespaces and mounts of P it has none (user_namespaces(7), ptrace(2)). */
#include "net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/env.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/mountinfo.h>
#include <rk/netlink.h>
#include <rk/ns.h>
#include <rk/proc.h>

static int ours(char const *path)
{
  int owner = rk_ns_owner_at(path);

  if (owner == -1 && errno != ENOENT)
    strerr_diefusys(RK_EXIT_SYS, "find the owner of ", path);
  return owner == RK_NS_OURS;
}

/* A cgroup namespace is rooted where its maker is (cgroup_namespaces(7)). */
static int at_cgroup_root(void)
{
  char text[4096];

  if (rk_slurp("/proc/self/cgroup", text, sizeof text) == -1)
    return 0;
  for (char *s = text; *s;) {
    size_t len = strcspn(s, "\n");
    if (len < 2 || s[len - 1] != '/' || s[len - 2] != ':')
      return 0;
    s += len + (s[len] == '\n');
  }
  return 1;
}

/* What belongs to P so far, root inside shall go on having power over: it is made again. Of a pid
   namespace this process cannot get another, and of a time namespace nobody needs one. */
static int to_make(struct net const *n)
{
  int flags = CLONE_NEWUSER;

  if (!n->ask.detached)
    flags |= CLONE_NEWNET;
  if (mounts_are_own())
    flags |= CLONE_NEWNS;
  if (ours("/proc/self/ns/uts"))
    flags |= CLONE_NEWUTS;
  if (ours("/proc/self/ns/ipc"))
    flags |= CLONE_NEWIPC;
  if (ours("/proc/self/ns/cgroup") && at_cgroup_root())
    flags |= CLONE_NEWCGROUP;
  return flags;
}

/* A mount namespace of a less privileged user namespace gets shared mounts as slaves
   (mount_namespaces(7)). Those that rk-copyup -p made shared are made so again. */
enum { GROUPS = 256 };
struct shared {
  unsigned int n, group[GROUPS];
};

static unsigned int peer_group(char *line, char const *tag)
{
  unsigned int group = 0;

  for (char *s = rk_mountinfo_field(line, 7); s && *s != '-'; s = rk_mountinfo_field(s, 2)) {
    if (!strncmp(s, tag, strlen(tag)))
      uint_scan(s + strlen(tag), &group);
  }
  return group;
}

static void each_mount(struct shared *s, void (*fn)(struct shared *, char *line))
{
  static struct rk_mountinfo m;
  int r;

  memset(&m, 0, sizeof m);
  m.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (m.fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/mountinfo");
  while ((r = rk_mountinfo_next(&m)) == 1)
    fn(s, m.line);
  if (r == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/mountinfo");
  close(m.fd);
}

static void note_shared(struct shared *s, char *line)
{
  unsigned int group = peer_group(line, "shared:");

  for (unsigned int i = 0; i < s->n; i++) {
    if (s->group[i] == group)
      return;
  }
  if (group && s->n < GROUPS)
    s->group[s->n++] = group;
}

static void share_again(struct shared *s, char *line)
{
  unsigned int group = peer_group(line, "master:");
  char *path = rk_mountinfo_field(line, 5);

  for (unsigned int i = 0; i < s->n && path; i++) {
    if (s->group[i] != group)
      continue;
    rk_mountinfo_unescape(path);
    if (mount(NULL, path, NULL, MS_SHARED, NULL) == -1 && errno != EINVAL && errno != ENOENT)
      strerr_diefusys(RK_EXIT_SYS, "make ", path, " a shared mount again");
    return;
  }
}

static void __attribute__((noreturn)) die_unshare(void)
{
  char const *const what =
    "unable to make the namespaces of the program, apart from those of the network driver: ";

  if (errno == ENOSPC)
    rk_die_host("U5",
                "raise user.max_user_namespaces, user.max_net_namespaces and "
                "user.max_mnt_namespaces, or nest less deeply (32 levels)",
                what, "their number is limited on this host");
  strerr_diefusys(RK_EXIT_SYS, "make the namespaces of the program");
}

/* The process in the hop has failed: it has said why. */
static void __attribute__((noreturn)) die_hop(struct net *n)
{
  int status;

  if (n->hoppid > 0 && waitpid(n->hoppid, &status, 0) == n->hoppid && WIFEXITED(status) &&
      WEXITSTATUS(status))
    _exit(WEXITSTATUS(status));
  strerr_dief(RK_EXIT_SYS, "the process between the network driver and the program was killed");
}

/* The process in the hop ends when our end of the socket is closed. */
static void ask_hop(struct net *n, void const *ask, size_t len, int *answer)
{
  ssize_t r;

  do
    r = send(n->hop, ask, len, MSG_NOSIGNAL);
  while (r == -1 && errno == EINTR);
  if (r != -1) {
    do
      r = recv(n->hop, answer, sizeof *answer, 0);
    while (r == -1 && errno == EINTR);
  }
  if (r == sizeof *answer)
    return;
  if (r == -1 && errno != EPIPE && errno != ECONNRESET)
    strerr_diefusys(RK_EXIT_SYS, "ask the process between the network driver and the program");
  die_hop(n);
}

void wall_begin(struct net *n, int stays)
{
  int pair[2];
  int proc = open("/proc/self", O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (proc == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self");
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    strerr_diefusys(RK_EXIT_SYS, "make a socket pair");
  n->hoppid = fork();
  if (n->hoppid == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (n->hoppid == 0) {
    close(pair[0]);
    hop_run(n, pair[1], proc, stays);
  }
  close(pair[1]);
  close(proc);
  close(n->rtnl); /* in the hop */
  n->hop = pair[0];
}

void wall_make(struct net *n)
{
  struct shared shared = {0};
  int flags = to_make(n);
  int made;

  if (flags & CLONE_NEWNS)
    each_mount(&shared, note_shared);
  if (unshare(flags) == -1)
    die_unshare();
  if (shared.n)
    each_mount(&shared, share_again);
  netns_do(n, netns_make_inner);
  ask_hop(n, &n->inner, sizeof n->inner, &made);
}

int wall_rounds(struct net *n, int rounds)
{
  struct hop_question const ask = {.gateway = n->say.plan.gateway, .rounds = rounds};
  int answered;

  ask_hop(n, &ask, sizeof ask, &answered);
  if (answered >= 0)
    return answered;
  errno = -answered;
  strerr_diefusys(RK_EXIT_SYS, "ask for the gateway of the network driver");
}

static void await(struct net *n)
{
  if (n->hoppid > 0)
    waitpid(n->hoppid, NULL, 0);
  n->hoppid = 0;
}

/* It is no child of the chain's by then. */
void wall_keep(struct net *n)
{
  char number[UINT_FMT];
  int fd = rk_fd_high(n->hop, F_DUPFD);

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "keep a socket open");
  close(n->hop);
  await(n);
  number[uint_fmt(number, (unsigned int)fd)] = 0;
  if (setenv("RK_NET_STARTED", number, 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "set RK_NET_STARTED");
}

int wall_take(struct net *n)
{
  char const *s = getenv("RK_NET_STARTED");
  unsigned int fd;
  int type = 0;
  socklen_t len = sizeof type;

  if (!s)
    return 0;
  if (uint0_scan(s, &fd) && fd > 2 && fd < 0x7fffffff &&
      getsockopt((int)fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_SEQPACKET &&
      fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
    n->hop = (int)fd;
  rk_env_unset("RK_NET_STARTED");
  return 1;
}

void wall_end(struct net *n)
{
  if (n->hop == -1)
    return;
  close(n->hop);
  n->hop = -1;
  await(n);
}
