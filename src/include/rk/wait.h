/* SPDX-License-Identifier: ISC
   Acting for a child, so that a process that watches this one sees one program: signals go in,
   stops and the exit status come out. Used by rk-pidns and rk-enter, whose child is in another pid
   namespace, and by rk-reap. Single-threaded callers only. */
#ifndef RK_WAIT_H
#define RK_WAIT_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

enum { RK_WAIT_SPARED = 64 };

struct rk_wait {
  uint64_t mask;         /* the signal mask to give back to the child, bit n-1 is signal n */
  struct sigaction chld; /* its disposition of SIGCHLD */
  pid_t self;            /* this process, in its own pid namespace */
  int selffd;            /* pidfd of it */
  int ttyfd;             /* the controlling terminal, -1: none */
  pid_t foreground;      /* its foreground process group before the fork, 0: unknown */
  /* Set by rk_wait_adopt, else -1 and NULL: by pointers, so that what ends no rest does not link
     it. */
  int proc; /* the procfs of this pid namespace */
  void (*reaped)(struct rk_wait *w, pid_t pid);
  void (*end_rest)(struct rk_wait *w);
  size_t spared; /* children that this process had before */
  pid_t spare[RK_WAIT_SPARED];
};

/* Before the fork: block every signal (all 64: libc keeps some to itself, the kernel does not),
   take SIGCHLD, remember the terminal. The fds are close-on-exec. 0, or -1 with errno of
   pidfd_open(2). */
int rk_wait_begin(struct rk_wait *w);

/* Before the fork, if no pid namespace ends what the child leaves: become a subreaper (prctl(2)),
   so that orphans among the descendants become this process's children. When the child has ended,
   rk_wait_for then kills and reaps all children, and what becomes one by that; but not those that
   this process has now, nor those that it is not allowed to signal. Among them a rk-outside has
   500 ms to tidy its chain up. 0, or -1 with errno: ENOENT: no /proc, or a kernel without
   CONFIG_PROC_CHILDREN; EXDEV: /proc is not the procfs of this pid namespace; E2BIG: more than
   RK_WAIT_SPARED children. */
int rk_wait_adopt(struct rk_wait *w);

/* In a child: get SIGKILL when the waiter dies (PR_SET_PDEATHSIG, prctl(2)). Since getppid() is 0
   across pid namespaces, the waiter's pidfd tells whether it was dead before. 0, or -1 with errno
   (ESRCH: it is dead, leave). */
int rk_wait_tie(struct rk_wait const *w);

/* In the child that becomes the program: give signal mask and dispositions back, and let LISTEN_PID
   and WATCHDOG_PID name this process if they named the waiter (sd_listen_fds(3),
   sd_watchdog_enabled(3)). */
void rk_wait_give_back(struct rk_wait const *w);

enum {
  RK_WAIT_INIT = 1, /* the child is pid 1: the kernel drops stop signals that it has no handler
                       for */
  RK_WAIT_SAME = 2  /* if a signal ended the child, die by the same one (without a core): status 128
                       + n could be an exit, too */
};

/* In the waiter: close every fd (the child's pipes must end when the child closes them), leave the
   working directory, then
   - forward every signal but SIGCHLD to child, once: what the terminal sent to the whole process
     group has arrived there already;
   - stop when the child stops and continue it when continued, if there is a terminal and so perhaps
     a shell with job control;
   - reap all other children; when child has ended, rk_wait_tidy(), kill helper (pid 1 of its
     namespace, or 0) and wait for it, give the terminal back to the group that had it if the
     present one is gone.
   Returns the exit status to pass on: 0-255 unchanged, 128 + n for death by signal n. */
int rk_wait_for(struct rk_wait *w, pid_t child, pid_t helper, unsigned int flags);

/* Wait until no rk-outside is left among the orphans of the pid namespace whose procfs is at /proc,
   which this process is outside of; 500 ms at most. A chain that has ended in there is tidied up by
   its rk-outside, which dies with the namespace. */
void rk_wait_tidy(void);

#endif
