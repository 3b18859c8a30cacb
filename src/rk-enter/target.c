/* SPDX-License-Identifier: ISC */
#include "target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/chain.h>
#include <rk/exit.h>
#include <rk/host.h>
#include <rk/landlock.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

/* A loaded machine takes seconds to run rk-outside. */
enum { ANSWER_MS = 20000 };

static struct {
  char const *path; /* below /proc/PID */
  int flag;
} const KINDS[] = {
  {.path = "ns/user", .flag = CLONE_NEWUSER},     {.path = "ns/mnt", .flag = CLONE_NEWNS},
  {.path = "ns/pid", .flag = CLONE_NEWPID},       {.path = "ns/net", .flag = CLONE_NEWNET},
  {.path = "ns/uts", .flag = CLONE_NEWUTS},       {.path = "ns/ipc", .flag = CLONE_NEWIPC},
  {.path = "ns/cgroup", .flag = CLONE_NEWCGROUP}, {.path = "ns/time", .flag = CLONE_NEWTIME},
};

static void die_gone(struct target const *t) __attribute__((noreturn));
static void die_gone(struct target const *t)
{
  strerr_dief(RK_EXIT_SYS, "process ", t->name, " is gone");
}

void enter_alive(struct target const *t)
{
  struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

  if (poll(&p, 1, 0))
    die_gone(t);
}

/* t->pidfd's process: its name and its directory of procfs. */
static void open_proc(struct target *t)
{
  char path[RK_PROCPATH_MAX];

  t->name[uint_fmt(t->name, t->pid)] = 0;
  rk_procpath(path, (pid_t)t->pid, "");
  t->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (t->proc == -1 && errno == ENOENT)
    die_gone(t);
  if (t->proc == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  enter_alive(t); /* so both mean the same process */
}

void enter_process(struct target *t)
{
  t->name[uint_fmt(t->name, t->pid)] = 0;
  t->confined = ENTER_UNASKED;
  t->pidfd = rk_pidfd_open((pid_t)t->pid, 0);
  if (t->pidfd == -1 && errno == ESRCH)
    die_gone(t);
  if (t->pidfd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open process ", t->name);
  open_proc(t);
}

/* Die of what came of asking which process is the chain's. */
static void die_unknown(int dirfd, char const *dir, struct rk_text const *why)
{
  int e = errno;
  int started = faccessat(dirfd, "child_pid", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

  if (rk_state_alive(dirfd, NULL) == 0)
    strerr_dief(RK_EXIT_SYS, "no chain is running in ", dir);
  if (e == ESRCH)
    strerr_dief(RK_EXIT_SYS, "the chain in ", dir, " has ended");
  if (e == EAGAIN || (e == ECONNREFUSED && !started))
    strerr_dief(RK_EXIT_SYS, "the chain in ", dir, " is not ready yet");
  if (e == ECONNREFUSED)
    strerr_dief(RK_EXIT_SYS, "the rk-outside of the chain in ", dir, " is gone (", why->s,
                "), and child_pid proves nothing: name a process of the chain with -p");
  strerr_dief(RK_EXIT_SYS, "unable to find the process of the chain in ", dir, ": ", why->s);
}

static int same_file(struct stat const *a, struct stat const *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int in_our_userns(struct stat const *userns)
{
  struct stat ours;

  return stat("/proc/self/ns/user", &ours) == 0 && same_file(&ours, userns);
}

/* The program of the chain in dir. Its files are not believed: root inside can write them. */
void enter_state(struct target *t, char const *dir)
{
  char text[256];
  struct rk_text why = rk_text_in(text, sizeof text);
  struct rk_chain chain;
  struct stat st;
  int fd;

  if (!*dir)
    strerr_dief(RK_EXIT_USAGE, "the state directory must not be empty");
  fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1 && errno == ENOENT)
    strerr_dief(RK_EXIT_SYS, "no chain is running in ", dir, ": there is no such directory");
  if (fd == -1 || fstat(fd, &st) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", dir);
  if (geteuid() != 0 && st.st_uid != geteuid())
    rk_die_host("T7", RK_CHAIN_OWN, "state directory ", dir, " belongs to another user");
  if (rk_chain_enter(fd, ANSWER_MS, &chain, &why) == -1)
    die_unknown(fd, dir, &why);
  t->pidfd = chain.pidfd;
  t->ruleset = chain.ruleset;
  t->bypass = chain.bypass;
  t->confined = in_our_userns(&chain.outer) ? ENTER_ASKED : ENTER_FOREIGN;
  t->pid = (unsigned int)chain.pid;
  open_proc(t);
  close(chain.userns);
  close(fd);
}

/* fstatat(2) of a file of the target's directory. */
static void stat_of(struct target const *t, char const *path, struct stat *st)
{
  if (fstatat(t->proc, path, st, 0) == 0)
    return;
  if (errno == EACCES || errno == EPERM)
    strerr_dief(RK_EXIT_USAGE, "not allowed to enter process ", t->name,
                ": it belongs to another user, or to a chain beside this one, "
                "which is entered from outside");
  enter_alive(t);
  strerr_diefusys(RK_EXIT_SYS, "look at /proc/", t->name, "/", path);
}

/* rk-pidns itself lives outside of the pid namespace it made: what is meant is the inside. */
static void compare_children(struct target *t, struct stat const *its)
{
  static char const name[] = "ns/pid_for_children";
  struct stat children;

  if (fstatat(t->proc, name, &children, 0) == -1)
    return;
  if (same_file(its, &children))
    return;
  t->children = openat(t->proc, name, O_RDONLY | O_CLOEXEC);
  if (t->children == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/", t->name, "/", name);
  t->flags &= ~CLONE_NEWPID;
}

/* setns(2) fails as a whole if it is to join what is joined already (EINVAL) or a shared namespace
   of the host (EPERM). */
void enter_compare(struct target *t)
{
  for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
    char path[RK_PROCPATH_MAX];
    struct stat mine;
    struct stat its;
    if (stat(rk_procpath(path, 0, KINDS[i].path), &mine) == -1) {
      if (errno == ENOENT && i)
        continue; /* a kernel without */
      strerr_diefusys(RK_EXIT_SYS, "look at ", path);
    }
    stat_of(t, KINDS[i].path, &its);
    if (!same_file(&mine, &its))
      t->flags |= KINDS[i].flag;
    if (KINDS[i].flag == CLONE_NEWPID)
      compare_children(t, &its);
  }
  if (!t->flags && t->children == -1)
    strerr_dief(RK_EXIT_USAGE, "nothing to enter: process ", t->name,
                " has the same namespaces as this one");
  /* What is not inside a user namespace below ours would run with all that we may here. */
  if (!(t->flags & CLONE_NEWUSER))
    strerr_dief(RK_EXIT_USAGE, "refusing to enter process ", t->name,
                ": it is in this process's own user namespace, so it is no chain's");
}

static ssize_t read_of(struct target const *t, char const *name, char *buf, size_t size)
{
  ssize_t len = rk_fact_read(t->proc, name, buf, size);

  if (len == -1) {
    enter_alive(t);
    strerr_diefusys(RK_EXIT_SYS, "read /proc/", t->name, "/", name);
  }
  return len;
}

/* The value of a line of /proc/PID/status, whose name is given with its colon; NULL: there is no
   such line. */
static char const *value_in(char const *line, char const *name)
{
  size_t len = strlen(name);

  while (line && strncmp(line, name, len)) {
    line = strchr(line, '\n');
    if (line)
      line++;
  }
  if (!line)
    return NULL;
  line += len;
  return line + strspn(line, " \t");
}

static unsigned int filters_in(char const *status)
{
  char const *value = value_in(status, "Seccomp_filters:");
  unsigned int n = 0;

  if (value)
    uint_scan(value, &n);
  return n;
}

/* /proc does not show a Landlock domain, but how many filters there are. */
void enter_check_confined(struct target const *t)
{
  static char text[4096];
  unsigned int own;

  if (t->confined == ENTER_ASKED)
    return;
  if (rk_slurp("/proc/self/status", text, sizeof text) == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/status");
  own = filters_in(text);
  read_of(t, "status", text, sizeof text);
  /* A caller under filters of its own cannot tell them from the target's: nothing is given for
     them where root inside may have answered. */
  if (t->confined == ENTER_FOREIGN)
    own = 0;
  if (filters_in(text) < own + RK_CONFINE_FILTERS)
    return;
  /* Root inside can answer at .child for a namespace below the chain's, and so be given a program
     without the chain's confinement. */
  if (t->confined == ENTER_FOREIGN)
    strerr_dief(RK_EXIT_SYS, "unable to tell whether process ", t->name,
                " is confined by rk-confine: what answers at .child is itself inside a user "
                "namespace. To execute the program unconfined, name the process with -p");
  strerr_warnw("process ", t->name,
               " may be confined by rk-confine, and the program here will not be: its number does "
               "not tell; -s instead of -p asks rk-outside");
}

/* Is it mapped, and which groups does it have? Its user's own groups may come along if the program
   was left them (rk-idmap -g keep). */
void enter_check_ids(struct target *t)
{
  static char text[4096];
  struct stat st;
  char const *groups;

  if (!(t->flags & CLONE_NEWUSER))
    return;
  if (read_of(t, "uid_map", text, sizeof text) == 0)
    strerr_dief(RK_EXIT_SYS, "the chain of process ", t->name,
                " is not ready yet: its ids are not mapped");
  stat_of(t, ".", &st);
  read_of(t, "status", text, sizeof text);
  groups = value_in(text, "Groups:");
  if (st.st_uid != geteuid() || !groups || *groups == '\n')
    t->drop = getgroups(0, NULL) > 0;
}
