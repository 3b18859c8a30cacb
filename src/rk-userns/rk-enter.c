/* SPDX-License-Identifier: ISC
   rk-enter: join the namespaces of a running chain, then become prog.

   where    outside: as the user whose chain it is, or as root
   changes  the namespaces that differ, among user mnt pid net uts ipc cgroup time; uid and gid 0; capabilities; with another
            user's chain the supplementary groups; cwd if it does not exist inside; into a pid namespace also LISTEN_PID,
            WATCHDOG_PID and pdeathsig
   fds/env  reads RK_STATE_DIR
   forks    only into a pid namespace, which a process cannot enter itself: then it stays as rk-pidns does. prog gets SIGKILL
            when this one ends.
   exits    100, 111 no such chain, not ready, refused; 126, 127; else prog's, 128 + n if signal n killed it
*/
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include <skalibs/sgetopt.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/link.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/wait.h>

#define USAGE "rk-enter [ -s DIR | -p PID ] [ -n ] [ -k ] prog..."

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static struct {
  char const *path; /* below /proc/PID */
  int flag;
} const KINDS[] = {
  {"ns/user", CLONE_NEWUSER}, {"ns/mnt", CLONE_NEWNS}, {"ns/pid", CLONE_NEWPID}, {"ns/net", CLONE_NEWNET},
  {"ns/uts", CLONE_NEWUTS}, {"ns/ipc", CLONE_NEWIPC}, {"ns/cgroup", CLONE_NEWCGROUP}, {"ns/time", CLONE_NEWTIME},
};

struct target {
  unsigned int pid;
  char name[UINT_FMT];
  int pidfd;    /* the process itself, whatever becomes of its number */
  int proc;     /* its /proc directory */
  int children; /* the pid namespace of its children if that is another one, else -1 */
  int drop;     /* supplementary groups must not come along */
  int flags;    /* the namespaces that differ from ours */
};

static void alive(struct target const *t)
{
  struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

  if (poll(&p, 1, 0)) strerr_dief(RK_EXIT_SYS, "process ", t->name, " is gone");
}

static void open_process(struct target *t)
{
  char path[6 + UINT_FMT] = "/proc/";

  t->name[uint_fmt(t->name, t->pid)] = 0;
  t->pidfd = rk_pidfd_open((pid_t)t->pid, 0);
  if (t->pidfd < 0) {
    if (errno == ESRCH) strerr_dief(RK_EXIT_SYS, "process ", t->name, " is gone");
    strerr_diefusys(RK_EXIT_SYS, "open process ", t->name);
  }
  strcpy(path + 6, t->name);
  t->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (t->proc < 0) strerr_diefusys(RK_EXIT_SYS, "open ", path);
  alive(t); /* so both mean the same process */
}

/* The program of the chain in dir. A number in a file may have been given to a stranger meanwhile: the recorded identity
   must still be that of the process, after its pidfd was opened. */
static void open_state(struct target *t, char const *dir)
{
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char child[RK_IDENTITY_MAX];
  int live;

  if (fd < 0) {
    if (errno == ENOENT) strerr_dief(RK_EXIT_SYS, "no chain is running in ", dir, ": there is no such directory");
    strerr_diefusys(RK_EXIT_SYS, "open ", dir);
  }
  live = rk_state_alive(fd, NULL);
  if (live < 0) strerr_diefusys(RK_EXIT_SYS, "see whether a chain is running in ", dir);
  if (!live) strerr_dief(RK_EXIT_SYS, "no chain is running in ", dir);
  if (rk_fact_read(fd, ".child", child, sizeof child) < 0) {
    if (errno == ENOENT) strerr_dief(RK_EXIT_SYS, "the chain in ", dir, " is not ready yet");
    strerr_diefusys(RK_EXIT_SYS, "read ", dir, "/.child");
  }
  if (!uint_scan(child, &t->pid)) strerr_dief(RK_EXIT_SYS, "no process is named in ", dir, "/.child");
  open_process(t);
  if (rk_identity_alive(child) != 1 || rk_state_alive(fd, NULL) != 1) strerr_dief(RK_EXIT_SYS, "the chain in ", dir, " has ended");
  close(fd);
}

static int same(struct stat const *a, struct stat const *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void look(struct target const *t, char const *path, struct stat *st)
{
  if (fstatat(t->proc, path, st, 0) == 0) return;
  if (errno == EACCES || errno == EPERM)
    strerr_dief(RK_EXIT_SYS, "not allowed to enter process ", t->name, ": it belongs to another user, or to a chain beside this one, "
                "which is entered from outside");
  alive(t);
  strerr_diefusys(RK_EXIT_SYS, "look at /proc/", t->name, "/", path);
}

/* setns(2) fails as a whole if it is to join what is joined already (EINVAL) or a shared namespace of the host (EPERM). */
static void compare(struct target *t)
{
  struct stat mine, its, children;
  char path[32] = "/proc/self/";

  for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
    strcpy(path + 11, KINDS[i].path);
    if (stat(path, &mine) < 0) {
      if (errno == ENOENT && i) continue; /* a kernel without */
      strerr_diefusys(RK_EXIT_SYS, "look at ", path);
    }
    look(t, KINDS[i].path, &its);
    if (!same(&mine, &its)) t->flags |= KINDS[i].flag;
    /* rk-pidns itself lives outside of the namespace it made: what is meant is the inside. */
    if (KINDS[i].flag == CLONE_NEWPID && fstatat(t->proc, "ns/pid_for_children", &children, 0) == 0 && !same(&its, &children)) {
      t->children = openat(t->proc, "ns/pid_for_children", O_RDONLY | O_CLOEXEC);
      if (t->children < 0) strerr_diefusys(RK_EXIT_SYS, "open /proc/", t->name, "/ns/pid_for_children");
      t->flags &= ~CLONE_NEWPID;
    }
  }
  if (!t->flags && t->children < 0)
    strerr_dief(RK_EXIT_SYS, "nothing to enter: process ", t->name, " has the same namespaces as this one");
}

static ssize_t read_of(struct target const *t, char const *name, char *buf, size_t size)
{
  ssize_t len = rk_fact_read(t->proc, name, buf, size);

  if (len < 0) {
    alive(t);
    strerr_diefusys(RK_EXIT_SYS, "read /proc/", t->name, "/", name);
  }
  return len;
}

/* Is it mapped, and which groups does it have? Its user's own groups may come along if the program was left them (rk-idmap -g keep). */
static void check_ids(struct target *t)
{
  static char text[4096];
  struct stat st;
  char *groups;

  if (!(t->flags & CLONE_NEWUSER)) return;
  if (read_of(t, "uid_map", text, sizeof text) == 0)
    strerr_dief(RK_EXIT_SYS, "the chain of process ", t->name, " is not ready yet: its ids are not mapped");
  look(t, ".", &st);
  read_of(t, "status", text, sizeof text);
  groups = text;
  while (groups && strncmp(groups, "Groups:", 7)) {
    groups = strchr(groups, '\n');
    if (groups) groups++;
  }
  if (groups) groups += 7 + strspn(groups + 7, " \t");
  t->drop = getgroups(0, NULL) > 0 && (st.st_uid != geteuid() || !groups || *groups == '\n');
}

static void join(struct target *t)
{
  char cwd[PATH_MAX] = "/";
  ssize_t len = readlink("/proc/self/cwd", cwd, sizeof cwd - 1); /* getcwd(3) would bring malloc */

  cwd[len > 0 ? len : 1] = 0;
  /* Who is root outside drops them there; inside it may be forbidden (user_namespaces(7), setgroups). */
  if (t->drop && rk_drop_groups() == 0) t->drop = 0;
  /* From the first setns until exec this process holds fds of the outside in reach of the namespace's root. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) strerr_diefusys(RK_EXIT_SYS, "become non-dumpable");
  if (t->flags && setns(t->pidfd, t->flags) < 0) {
    int e = errno;
    alive(t);
    errno = e;
    strerr_diefusys(RK_EXIT_SYS, "join the namespaces of process ", t->name);
  }
  if (t->children >= 0 && setns(t->children, CLONE_NEWPID) < 0)
    strerr_diefusys(RK_EXIT_SYS, "join the pid namespace that process ", t->name, " made");
  if (t->flags & CLONE_NEWUSER) {
    if (t->drop && rk_drop_groups() < 0) strerr_diefusys(RK_EXIT_SYS, "drop supplementary groups");
    if (rk_become_root() < 0) strerr_diefusys(RK_EXIT_SYS, "become root of the user namespace");
  }
  /* Joining a mount namespace leads to its root. */
  if ((t->flags & CLONE_NEWNS) && chdir(cwd) < 0) strerr_warnwusys("stay in ", cwd, " (now in /)");
}

/* Outside, DIR/netns is an empty file: the chain has mounted its namespace over it inside. */
static void find_detached(char const *dir, char *path, size_t size)
{
  char link[14 + UINT_FMT] = "/proc/self/fd/";
  int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  ssize_t len;

  if (fd < 0) strerr_diefusys(RK_EXIT_SYS, "open ", dir);
  link[14 + uint_fmt(link + 14, (unsigned int)fd)] = 0;
  len = readlink(link, path, size);
  if (len < 0) strerr_diefusys(RK_EXIT_SYS, "read ", link);
  if ((size_t)len + sizeof "/netns" > size) strerr_dief(RK_EXIT_USAGE, "path too long: ", dir);
  memcpy(path + len, "/netns", sizeof "/netns");
  close(fd);
}

static void join_detached(char const *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0) strerr_diefusys(RK_EXIT_SYS, "open the detached network namespace ", path);
  if (setns(fd, CLONE_NEWNET) < 0) {
    if (errno == EINVAL) strerr_dief(RK_EXIT_SYS, path, " is no network namespace: the chain was not started with rk-net -D");
    strerr_diefusys(RK_EXIT_SYS, "join the network namespace ", path);
  }
  close(fd);
}

int main(int argc, char const *const *argv)
{
  struct target t = {.children = -1};
  struct rk_wait w;
  char const *dir = NULL;
  static char netns[PATH_MAX];
  int detached = 0, keep = 0, forks;

  PROG = "rk-enter";
  {
    subgetopt l = SUBGETOPT_ZERO;
    for (;;) {
      int opt = subgetopt_r(argc, argv, "s:p:nk", &l);
      if (opt == -1) break;
      switch (opt) {
        case 's': dir = l.arg; break;
        case 'p':
          if (!uint0_scan(l.arg, &t.pid) || !t.pid || t.pid > INT_MAX) strerr_dieusage(RK_EXIT_USAGE, USAGE);
          break;
        case 'n': detached = 1; break;
        case 'k': keep = 1; break;
        default: strerr_dieusage(RK_EXIT_USAGE, USAGE);
      }
    }
    argc -= l.ind;
    argv += l.ind;
  }
  if (!argc || (dir && t.pid)) strerr_dieusage(RK_EXIT_USAGE, USAGE);
  if (!dir && (detached || !t.pid)) dir = getenv("RK_STATE_DIR");
  if (!dir && !t.pid) strerr_dief(RK_EXIT_USAGE, "which chain? Give -s DIR or -p PID, or set RK_STATE_DIR");
  if (!dir && detached) strerr_dief(RK_EXIT_USAGE, "option -n needs the state directory: give -s DIR, or set RK_STATE_DIR");
  if (detached) find_detached(dir, netns, sizeof netns);

  if (t.pid) open_process(&t);
  else open_state(&t, dir);
  compare(&t);
  check_ids(&t);

  forks = (t.flags & CLONE_NEWPID) || t.children >= 0;
  if (forks && rk_wait_begin(&w) < 0) strerr_diefusys(RK_EXIT_SYS, "open a pidfd");
  join(&t);
  if (detached) join_detached(netns);
  if (forks) {
    pid_t child = fork();
    if (child < 0) {
      if (errno == ENOMEM) strerr_dief(RK_EXIT_SYS, "the pid namespace of process ", t.name, " has ended");
      strerr_diefusys(RK_EXIT_SYS, "fork");
    }
    if (child) _exit(rk_wait_for(&w, child, 0, 0));
    if (rk_wait_tie(&w) < 0) _exit(RK_EXIT_SYS);
    rk_wait_give_back(&w);
    close(w.selffd);
    if (w.ttyfd >= 0) close(w.ttyfd);
  }
  close(t.pidfd);
  close(t.proc);
  if (t.children >= 0) close(t.children);
  rk_link_exec(argv, keep);
}
