/* SPDX-License-Identifier: ISC
   rk-outside: what a chain leaves outside: serves its few requests, keeps its state directory,
   runs its network driver.

   where    outside; started by rk-userns only
   fds      3 the control socket (SOCK_SEQPACKET, SO_PASSCRED set), 4 pidfd of the chain's process,
            5 lock of the state directory, if any
   env      reads RK_STATE_DIR
   forks    newuidmap, newgidmap, one network driver
   holds    the user's host ids; whoever controls it is the user
   lives    until the chain's process is gone; leaves at once when the control socket is closed and
            nothing is left to do
   exits    0, 111
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

#include "chain.h"
#include "child.h"
#include "ctl.h"
#include "network.h"

enum { CONTROL = 3, CHAIN = 4, LOCK = 5 };

/* The path may lead elsewhere by now. */
static void remove_directory(struct chain const *chain)
{
  struct stat ours, there;

  if (fstat(chain->state, &ours) == -1 || lstat(chain->path, &there) == -1)
    return;
  if (ours.st_ino == there.st_ino && ours.st_dev == there.st_dev)
    rmdir(chain->path);
}

static int is_temporary(struct chain const *chain)
{
  return !strcmp(chain->made, "temporary");
}

static void warn_left(struct chain const *chain, int error)
{
  char text[8 * RK_STATE_PATH_MAX + 256];
  struct rk_text t = rk_text_in(text, sizeof text);
  int whole = is_temporary(chain);

  if (!whole && rk_state_aside(chain->state, 0) == -1)
    error = errno;
  rk_state_left(&t, chain->path, whole ? "" : "/.old-*", error);
  strerr_warnw(text);
}

static void clear_state(struct chain *chain, int driver_runs)
{
  struct timespec const pause = {.tv_nsec = 2000000};
  int temporary = is_temporary(chain);
  int r = rk_state_clear(chain->state, temporary);

  /* rk-portd and rk-apid may be writing their last facts there */
  for (int tries = 50; r == -1 && errno == ENOTEMPTY && tries; tries--) {
    nanosleep(&pause, NULL);
    r = rk_state_clear(chain->state, temporary);
  }
  /* the driver has been dying meanwhile, and may have left something */
  if (driver_runs && network_end(chain->network))
    r = rk_state_clear(chain->state, temporary);
  if (r == -1)
    warn_left(chain, errno);
  /* Files of others may still lie there; then the directory is not ours to take away, but known to
     be ours to the next. */
  if (chain->made[0] && !rk_state_bare(chain->state))
    rk_fact_write(chain->state, ".made", chain->made, strlen(chain->made), 0600);
  unlinkat(chain->state, "lock", 0);
  if (chain->made[0])
    remove_directory(chain);
}

/* Root inside may have replaced the lock. Then the next chain may be there already: what lies there
   is its own. */
static int still_ours(struct chain const *chain)
{
  int fd;

  if (rk_state_locked(chain->state, chain->lock))
    return 1;
  return rk_state_lock(chain->state, O_CREAT, &fd) == 0; /* held until the exit */
}

static void finish(struct chain *chain)
{
  int driver_runs = network_terminate(chain->network);

  if (chain->state != -1 && still_ours(chain)) {
    clear_state(chain, driver_runs);
    /* another chain may wait for it: at exit it would be let go after the inotify instance, whose
       end takes some 10 ms (SRCU) */
    close(chain->lock);
  }
  network_end(chain->network);
  _exit(0);
}

static void chain_ended(void *ctx, short revents)
{
  (void)revents;
  finish(ctx);
}

static pid_t pid_of_chain(void)
{
  /* 0: gone already; the pidfd is readable, and that comes first */
  pid_t pid = rk_pidfd_pid(CHAIN);

  if (pid == -1 && errno == EBADF)
    strerr_dief(RK_EXIT_USAGE, "fd 4 is no pidfd");
  if (pid == -1)
    strerr_diefusys(RK_EXIT_SYS, "read /proc/self/fdinfo/4");
  return pid;
}

static void reset_signals(void)
{
  sigset_t none;

  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int sig = 1; sig < 32; sig++)
    if (sig != SIGKILL && sig != SIGSTOP)
      signal(sig, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
}

static int set_cloexec(int fd)
{
  return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* Before any other fd is opened: 0 to 2 may have been closed. */
static void arrange_stdio(void)
{
  struct stat st;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);

  if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /dev/null");
  if (null > 2)
    close(null);
  if (fstat(2, &st) == -1 && dup2(0, 2) == -1)
    strerr_diefusys(RK_EXIT_SYS, "open stderr");
}

static void open_state(struct chain *chain, struct child *child)
{
  chain->path = getenv("RK_STATE_DIR");
  if (!chain->path || chain->lock == -1)
    return;
  chain->state = open(chain->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (chain->state == -1)
    strerr_diefusys(RK_EXIT_SYS, "open the state directory ", chain->path);
  /* before root inside can write it */
  rk_fact_read(chain->state, ".made", chain->made, sizeof chain->made);
  if (child_listen(child, chain) == -1)
    strerr_diefusys(RK_EXIT_SYS, "listen at ", chain->path, "/.child");
  chain->jobs++;
}

int main(void)
{
  struct network network;
  struct child child;
  struct chain chain = {
    .process = {.fd = CHAIN, .events = POLLIN, .ready = chain_ended, .ctx = &chain},
    .control = {.fd = CONTROL},
    .lock = -1,
    .state = -1,
    .program = -1,
    .ruleset = -1,
    .network = &network,
  };

  PROG = "rk-outside";
  /* Namespace root has the user's own kuid: without this it could list our fds and read our memory
     (ptrace(2)). */
  rk_no_dump_or_die();
  reset_signals();
  umask(022);
  if (set_cloexec(CONTROL) == -1 || set_cloexec(CHAIN) == -1)
    strerr_dief(RK_EXIT_USAGE,
                "fds 3 and 4 are not open: this program is started by rk-userns only");
  if (set_cloexec(LOCK) == 0)
    chain.lock = LOCK;
  arrange_stdio();
  chain.pid = pid_of_chain();
  network_init(&network, &chain);
  /* The end of the chain comes first in every step: what is asked at the same moment is void. */
  if (rk_loop_add(&chain.loop, &chain.process) == -1 || ctl_serve(&chain) == -1)
    strerr_dief(RK_EXIT_BUG, "too many fds to wait for");
  open_state(&chain, &child);
  if (chdir("/") == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to /");

  while (chain.control.fd != -1 || chain.jobs)
    if (rk_loop_step(&chain.loop, -1) == -1)
      strerr_diefusys(RK_EXIT_SYS, "wait for events");
  finish(&chain);
}
