/* SPDX-License-Identifier: ISC */
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
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include "target.h"

/* A loaded machine takes seconds to run rk-outside. */
enum { ANSWER_MS = 20000 };

static struct {
  char const *path; /* below /proc/PID */
  int flag;
} const KINDS[] = {
  {"ns/user", CLONE_NEWUSER},     {"ns/mnt", CLONE_NEWNS},    {"ns/pid", CLONE_NEWPID},
  {"ns/net", CLONE_NEWNET},       {"ns/uts", CLONE_NEWUTS},   {"ns/ipc", CLONE_NEWIPC},
  {"ns/cgroup", CLONE_NEWCGROUP}, {"ns/time", CLONE_NEWTIME},
};

void enter_alive(struct target const *t)
{
  struct pollfd p = {.fd = t->pidfd, .events = POLLIN};

  if (poll(&p, 1, 0))
    strerr_dief(RK_EXIT_SYS, "process ", t->name, " is gone");
}

/* t->pidfd's process: its name and its directory of procfs. */
static void open_proc(struct target *t)
{
  char path[6 + UINT_FMT] = "/proc/";

  t->name[uint_fmt(t->name, t->pid)] = 0;
  strcpy(path + 6, t->name);
  t->proc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (t->proc == -1 && errno == ENOENT)
    strerr_dief(RK_EXIT_SYS, "process ", t->name, " is gone");
  if (t->proc == -1)
    strerr_diefusys(RK_EXIT_SYS, "open ", path);
  enter_alive(t); /* so both mean the same process */
}

void enter_process(struct target *t)
{
  t->name[uint_fmt(t->name, t->pid)] = 0;
  t->pidfd = rk_pidfd_open((pid_t)t->pid, 0);
  if (t->pidfd == -1 && errno == ESRCH)
    strerr_dief(RK_EXIT_SYS, "process ", t->name, " is gone");
  if (t->pidfd == -1)
    strerr_diefusys(RK_EXIT_SYS, "open process ", t->name);
  open_proc(t);
}

/* Die of what came of asking which process is the chain's. */
static void unknown(int dirfd, char const *dir, struct rk_text const *why)
{
  int e = errno, started = faccessat(dirfd, "child_pid", F_OK, AT_SYMLINK_NOFOLLOW) == 0;

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
    strerr_dief(RK_EXIT_SYS, dir, " belongs to another user");
  if (rk_chain_find(fd, ANSWER_MS, &chain, &why) == -1)
    unknown(fd, dir, &why);
  t->pidfd = chain.pidfd;
  t->pid = (unsigned int)chain.pid;
  open_proc(t);
  close(chain.userns);
  close(fd);
}

static int same(struct stat const *a, struct stat const *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void look(struct target const *t, char const *path, struct stat *st)
{
  if (fstatat(t->proc, path, st, 0) == 0)
    return;
  if (errno == EACCES || errno == EPERM)
    strerr_dief(RK_EXIT_SYS, "not allowed to enter process ", t->name,
                ": it belongs to another user, or to a chain beside this one, "
                "which is entered from outside");
  enter_alive(t);
  strerr_diefusys(RK_EXIT_SYS, "look at /proc/", t->name, "/", path);
}

/* setns(2) fails as a whole if it is to join what is joined already (EINVAL) or a shared namespace
   of the host (EPERM). */
void enter_compare(struct target *t)
{
  struct stat mine, its, children;
  char path[32] = "/proc/self/";

  for (size_t i = 0; i < sizeof KINDS / sizeof *KINDS; i++) {
    strcpy(path + 11, KINDS[i].path);
    if (stat(path, &mine) < 0) {
      if (errno == ENOENT && i)
        continue; /* a kernel without */
      strerr_diefusys(RK_EXIT_SYS, "look at ", path);
    }
    look(t, KINDS[i].path, &its);
    if (!same(&mine, &its))
      t->flags |= KINDS[i].flag;
    /* rk-pidns itself lives outside of the namespace it made: what is meant is the inside. */
    if (KINDS[i].flag == CLONE_NEWPID &&
        fstatat(t->proc, "ns/pid_for_children", &children, 0) == 0 && !same(&its, &children)) {
      t->children = openat(t->proc, "ns/pid_for_children", O_RDONLY | O_CLOEXEC);
      if (t->children < 0)
        strerr_diefusys(RK_EXIT_SYS, "open /proc/", t->name, "/ns/pid_for_children");
      t->flags &= ~CLONE_NEWPID;
    }
  }
  if (!t->flags && t->children < 0)
    strerr_dief(RK_EXIT_SYS, "nothing to enter: process ", t->name,
                " has the same namespaces as this one");
  /* What is not inside a user namespace below ours would run with all that we may here. */
  if (!(t->flags & CLONE_NEWUSER))
    strerr_dief(RK_EXIT_SYS, "refusing to enter process ", t->name,
                ": it is in this process's own user namespace, so it is no chain's");
}

static ssize_t read_of(struct target const *t, char const *name, char *buf, size_t size)
{
  ssize_t len = rk_fact_read(t->proc, name, buf, size);

  if (len < 0) {
    enter_alive(t);
    strerr_diefusys(RK_EXIT_SYS, "read /proc/", t->name, "/", name);
  }
  return len;
}

/* Is it mapped, and which groups does it have? Its user's own groups may come along if the program
   was left them (rk-idmap -g keep). */
void enter_check_ids(struct target *t)
{
  static char text[4096];
  struct stat st;
  char *groups;

  if (!(t->flags & CLONE_NEWUSER))
    return;
  if (read_of(t, "uid_map", text, sizeof text) == 0)
    strerr_dief(RK_EXIT_SYS, "the chain of process ", t->name,
                " is not ready yet: its ids are not mapped");
  look(t, ".", &st);
  read_of(t, "status", text, sizeof text);
  groups = text;
  while (groups && strncmp(groups, "Groups:", 7)) {
    groups = strchr(groups, '\n');
    if (groups)
      groups++;
  }
  if (groups)
    groups += 7 + strspn(groups + 7, " \t");
  t->drop = getgroups(0, NULL) > 0 && (st.st_uid != geteuid() || !groups || *groups == '\n');
}
