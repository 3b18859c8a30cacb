/* SPDX-License-Identifier: ISC
   What a program leaves running, without a pid namespace that would end it. */
#include <rk/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/magic.h>

#include <skalibs/types.h>

#include <rk/children.h>
#include <rk/fail.h>

enum {
  STEP = 10,     /* ms between two looks */
  PATIENCE = 50, /* steps for rk-outside to clear a state directory, as rk_wait_tidy() */
  LINGER = 500   /* steps in which nothing changes: a process that is dead, but does not end */
};

/* Is it procfs, and of our own pid namespace? Else its numbers are those of other processes. */
static int is_own_proc(int proc)
{
  struct statfs fs;
  char self[UINT_FMT + 1];
  unsigned int pid;
  ssize_t len;

  if (fstatfs(proc, &fs) == -1 || (unsigned long)fs.f_type != PROC_SUPER_MAGIC)
    return 0;
  len = readlinkat(proc, "self", self, sizeof self - 1);
  if (len <= 0)
    return 0;
  self[len] = 0;
  return uint0_scan(self, &pid) && (pid_t)pid == getpid();
}

static int note_children(struct rk_wait *w)
{
  struct rk_children list;
  pid_t pid;

  if (rk_children_read(&list, w->proc, w->self) == -1)
    return -1;
  while ((pid = rk_children_next(&list))) {
    if (w->spared == RK_WAIT_SPARED)
      return rk_fail(E2BIG);
    w->spare[w->spared] = pid;
    w->spared++;
  }
  return 0;
}

/* A child was reaped: its number is free. */
static void forget(struct rk_wait *w, pid_t pid)
{
  for (size_t i = 0; i < w->spared; i++) {
    if (w->spare[i] == pid) {
      w->spared--;
      w->spare[i] = w->spare[w->spared];
      return;
    }
  }
}

static int is_spare(struct rk_wait const *w, pid_t pid)
{
  for (size_t i = 0; i < w->spared; i++)
    if (w->spare[i] == pid)
      return 1;
  return 0;
}

/* Reap what has ended. Returns how many, -1: there are no children at all. */
static int reap(struct rk_wait *w)
{
  int n = 0;
  pid_t pid;

  while ((pid = waitpid(-1, NULL, WNOHANG)) > 0) {
    forget(w, pid);
    n++;
  }
  return pid == -1 ? -1 : n;
}

struct rest {
  int killed;  /* are being ended */
  int outside; /* are rk-outside, which ends by itself when its chain has */
};

/* A child that is not reaped keeps its number: none is mistaken for another. */
static struct rest kill_children(struct rk_wait const *w, int outside_too)
{
  struct rk_children list;
  struct rest rest = {0};
  pid_t pid;

  if (rk_children_read(&list, w->proc, w->self) == -1)
    return rest;
  while ((pid = rk_children_next(&list))) {
    if (is_spare(w, pid))
      continue;
    if (!outside_too && rk_child_is_outside(w->proc, pid))
      rest.outside++;
    else if (kill(pid, SIGKILL) == 0) /* not allowed: another user's, by a set-user-id file */
      rest.killed++;
  }
  return rest;
}

static void pause_for_child(void)
{
  struct timespec const step = {.tv_nsec = STEP * 1000000L};
  uint64_t const chld = (uint64_t)1 << (SIGCHLD - 1);

  syscall(SYS_rt_sigtimedwait, &chld, NULL, &step, sizeof chld);
}

/* The children of a child that ends become ours: until there are none. */
static void end_rest(struct rk_wait *w)
{
  int patience = PATIENCE;
  int linger = LINGER;

  while (linger) {
    struct rest rest = kill_children(w, !patience);
    int reaped;

    if (!rest.killed && !rest.outside)
      return;
    if (!rest.killed && patience)
      patience--;
    pause_for_child();
    reaped = reap(w);
    if (reaped == -1)
      return;
    linger = reaped ? LINGER : linger - 1;
  }
}

int rk_wait_adopt(struct rk_wait *w)
{
  w->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (w->proc == -1)
    return -1;
  if (!is_own_proc(w->proc))
    return rk_fail(EXDEV);
  if (note_children(w) == -1)
    return -1;
  w->reaped = forget;
  w->end_rest = end_rest;
  /* Children that have ended already tell it no more: have rk_wait_for look. SIGCHLD is blocked. */
  if (kill(w->self, SIGCHLD) == -1)
    return -1;
  return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}
