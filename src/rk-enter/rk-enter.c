/* SPDX-License-Identifier: ISC
   rk-enter: join the namespaces of a running chain, then become prog.

   where    outside: as the user whose chain it is, or as root
   changes  the namespaces that differ, among user mnt pid net uts ipc cgroup time; uid and gid 0;
            capabilities; with another user's chain the supplementary groups; session keyring; a
            seccomp filter (rk/tty.h), and rk-confine's and rk-bypass's, with their Landlock domain,
            if the chain has them; cwd if it does not exist inside; into a pid namespace also
            LISTEN_PID, WATCHDOG_PID and pdeathsig
   fds/env  refuses fds that lead outside (-f keeps them); reads RK_STATE_DIR
   forks    only into a pid namespace, which a process cannot enter itself: then it stays as
            rk-pidns does. prog gets SIGKILL when this one ends.
   exits    100, 102 fs.suid_dumpable is 1 (root); 111 no such chain, not ready, refused; 126, 127;
            else prog's, 128 + n if signal n killed it
 */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/bypass.h>
#include <rk/env.h>
#include <rk/exit.h>
#include <rk/fds.h>
#include <rk/host.h>
#include <rk/keyring.h>
#include <rk/landlock.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/proc.h>
#include <rk/sys.h>
#include <rk/tty.h>
#include <rk/wait.h>

/* From the first setns until exec this process holds fds of the outside in reach of the namespace's
   root, so it must not be dumpable. A change of ids, or capabilities gained in a namespace that is
   not this user's own, sets that to fs.suid_dumpable in the same step (commit_creds,
   kernel/cred.c). This is always so for root: setting it again would leave a moment in which root
   inside can take everything. So with 1 root does not begin. */
static void hide(void)
{
  char text[16];

  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "become non-dumpable");
  if (geteuid() != 0)
    return;
  if (rk_slurp("/proc/sys/fs/suid_dumpable", text, sizeof text) == -1)
    strerr_diefusys(RK_EXIT_SYS, "read fs.suid_dumpable");
  if (!strcmp(text, "1"))
    rk_die_host("U8", "sysctl fs.suid_dumpable=0",
                "refusing to enter as root: with fs.suid_dumpable=1 root of the namespace could "
                "read this process");
}

/* The sysctl may have changed since, or the user's ids inside may be others than outside. */
static void still_hidden(void)
{
  if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1)
    rk_die_host(
      "U8", "sysctl fs.suid_dumpable=0",
      "refusing to go on: with fs.suid_dumpable=1 root of the namespace can read this process");
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    strerr_diefusys(RK_EXIT_SYS, "become non-dumpable");
}

static void join_target(struct target *t)
{
  char cwd[PATH_MAX] = "/";
  ssize_t len = readlink("/proc/self/cwd", cwd, sizeof cwd - 1); /* getcwd(3) would bring malloc */

  if (len > 0)
    cwd[len] = 0;
  /* Root outside drops them there; inside it may be forbidden (user_namespaces(7), setgroups). */
  if (t->drop && rk_drop_groups() == 0)
    t->drop = 0;
  hide();
  close(t->proc); /* it leads to the outer procfs, and so to the outer root */
  if (setns(t->pidfd, t->flags) == -1) {
    int e = errno;
    enter_alive(t);
    errno = e;
    strerr_diefusys(RK_EXIT_SYS, "join the namespaces of process ", t->name);
  }
  still_hidden();
  if (t->children != -1 && setns(t->children, CLONE_NEWPID) == -1)
    strerr_diefusys(RK_EXIT_SYS, "join the pid namespace that process ", t->name, " made");
  if (t->drop && rk_drop_groups() == -1)
    strerr_diefusys(RK_EXIT_SYS, "drop supplementary groups");
  if (rk_become_root() == -1)
    strerr_diefusys(RK_EXIT_SYS, "become root of the user namespace");
  still_hidden();
  /* Joining a mount namespace leads to its root. */
  if ((t->flags & CLONE_NEWNS) && chdir(cwd) == -1)
    strerr_warnwusys("stay in ", cwd, " (now in /)");
}

/* Outside, DIR/netns is an empty file: the chain has mounted its namespace over it inside. */
static void find_detached(char const *dir, char *path, size_t size)
{
  char link[RK_PROCPATH_MAX];
  int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  ssize_t len;

  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", dir);
  len = readlink(rk_procpath_fd(link, "fd", fd), path, size);
  if (len == -1)
    strerr_diefusys(RK_EXIT_SYS, "read ", link);
  if ((size_t)len + sizeof "/netns" > size)
    strerr_dief(RK_EXIT_USAGE, "path too long: ", dir);
  memcpy(path + len, "/netns", sizeof "/netns");
  close(fd);
}

static void join_detached(char const *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd == -1 && errno == ENOENT)
    strerr_dief(RK_EXIT_USAGE, "there is no ", path, ": the chain was not started with rk-net -D");
  if (fd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open the detached network namespace ", path);
  if (setns(fd, CLONE_NEWNET) == -1) {
    if (errno == EINVAL)
      strerr_dief(RK_EXIT_USAGE, path,
                  " is no network namespace: the chain was not started with rk-net -D");
    strerr_diefusys(RK_EXIT_SYS, "join the network namespace ", path);
  }
  close(fd);
}

/* What the command line says. */
struct options {
  char const *dir;
  uint32_t pid;
  char const *keep_fds;
  int detached;
  int keep;
  int keyring;
  int tty;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 's', .kind = RK_OPTION_TEXT, .at = offsetof(struct options, dir), .arg = "dir"},
  {.letter = 'p',
   .kind = RK_OPTION_NUMBER,
   .at = offsetof(struct options, pid),
   .arg = "pid",
   .text = "enter the chain of this process; there is no dir then",
   .min = 1,
   .max = INT_MAX},
  {.letter = 'n',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, detached),
   .text = "join the detached network namespace dir/netns as well"},
  RK_OPTION_KEEP_FDS(struct options, "sockets and directories although they lead outside"),
  {.letter = 'K',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, keyring),
   .text = "keep the session keyring"},
  RK_OPTION_TTY(struct options),
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-enter",
  .summary = "run a program in the namespaces of a running chain",
  .operands = "[ dir ] prog...",
  .options = OPTIONS,
};

/* Returns the number of the first argument of prog. */
static int parse_options(int argc, char const *const *argv, struct options *o)
{
  int prog = rk_options(&USAGE, argc, argv, o);

  if (o->dir && o->pid)
    rk_usage_die(&USAGE, "-s and -p exclude one another");
  if (o->pid && o->detached)
    o->dir = getenv("RK_STATE_DIR");
  if (o->pid && o->detached && !o->dir)
    rk_usage_die(&USAGE, "-n needs the state directory: give dir, or set RK_STATE_DIR");
  if (o->pid || o->dir)
    return prog;
  if (argc - prog < 2)
    rk_usage_die(&USAGE, "which chain? Give its state directory before the program, or -p pid");
  o->dir = argv[prog];
  return prog + 1;
}

static int forks(struct target const *t)
{
  return (t->flags & CLONE_NEWPID) || t->children != -1;
}

/* Only a child is in the pid namespace that was joined: this process waits for it. Returns in the
   child. */
static void enter_pidns(struct target const *t, struct rk_wait *w)
{
  pid_t child = fork();

  if (child == -1 && errno == ENOMEM)
    strerr_dief(RK_EXIT_SYS, "the pid namespace of process ", t->name, " has ended");
  if (child == -1)
    strerr_diefusys(RK_EXIT_SYS, "fork");
  if (child)
    _exit(rk_wait_for(w, child, 0, 0));
  if (rk_wait_tie(w) == -1)
    _exit(RK_EXIT_SYS);
  rk_wait_give_back(w);
  close(w->selffd);
  if (w->ttyfd != -1)
    close(w->ttyfd);
}

/* Under rk-bypass: connect and bind of prog, too, are made by rk-bypassd. */
static void hand_over(int bypass)
{
  struct rk_bypass_say const say = {.version = RK_BYPASS_VERSION, .op = RK_BYPASS_LISTEN};
  int listener = rk_trap_calls();

  if (listener == -1 && errno == EBUSY)
    strerr_dief(RK_EXIT_SYS, "another supervisor of system calls is here, and the kernel allows "
                             "one: rk-bypass cannot serve this program");
  if (listener == -1)
    strerr_diefusys(RK_EXIT_SYS, "install a seccomp filter");
  if (rk_send_fd(bypass, &say, sizeof say, listener) == -1)
    strerr_diefusys(RK_EXIT_SYS, "reach rk-bypassd");
  close(listener);
  close(bypass);
}

/* As rk-confine did it with the chain's program. */
static void confine(int ruleset)
{
  if (rk_landlock_enter(ruleset) == -1)
    strerr_diefusys(RK_EXIT_SYS, "enter a Landlock domain as the chain's");
  if (rk_confine_calls() == -1)
    strerr_diefusys(RK_EXIT_SYS, "install a seccomp filter");
  close(ruleset);
  rk_env_unset("RK_LISTEN_OPEN");
}

int main(int argc, char const *const *argv)
{
  static char netns[PATH_MAX];
  struct target t = {.children = -1, .ruleset = -1, .bypass = -1};
  struct options o = {0};
  struct rk_wait w;
  uint64_t own_netns = 0;

  PROG = "rk-enter";
  argv += parse_options(argc, argv, &o);
  t.pid = o.pid;
  if (o.detached)
    find_detached(o.dir, netns, sizeof netns);
  if (t.pid)
    enter_process(&t);
  else
    enter_state(&t, o.dir);
  enter_compare(&t);
  enter_check_ids(&t);
  enter_check_confined(&t);
  /* Root inside can trace prog and fetch its descriptors (pidfd_getfd(2)). */
  if (!o.detached && !(t.flags & CLONE_NEWNET))
    own_netns = rk_netns_cookie();
  rk_fds_refuse(o.keep_fds, RK_FDS_FILES | RK_FDS_SOCKETS, own_netns);

  if (forks(&t) && rk_wait_begin(&w) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open a pidfd");
  if (!o.keyring)
    rk_keyring_new_or_die();
  join_target(&t);
  if (o.detached)
    join_detached(netns);
  if (forks(&t))
    enter_pidns(&t, &w);
  close(t.pidfd);
  if (t.children != -1)
    close(t.children);
  if (!o.tty && (t.flags & CLONE_NEWUSER))
    rk_tty_no_input_or_die();
  if (t.bypass != -1)
    hand_over(t.bypass);
  if (t.ruleset != -1)
    confine(t.ruleset);
  rk_link_exec(argv, o.keep);
}
