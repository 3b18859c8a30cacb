/* SPDX-License-Identifier: ISC
   rk-outside: what a chain leaves outside: serves its few requests, keeps its state directory,
   runs its network driver.

   where    outside; started by rk-userns only
   fds      3 the control socket (SOCK_SEQPACKET, SO_PASSCRED set), 4 pidfd of the chain's process,
            5 lock of the state directory, if any
   env      reads RK_STATE_DIR
   forks    newuidmap, newgidmap, one network driver, rk-bypassd
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
#include <sys/socket.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>

#include <rk/ctl.h>
#include <rk/dump.h>
#include <rk/exit.h>
#include <rk/proc.h>
#include <rk/prog.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

#include "bypass.h"
#include "chain.h"
#include "child.h"
#include "ctl.h"
#include "network.h"
#include "survivors.h"

enum { CONTROL = 3, CHAIN = 4, LOCK = 5 };

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
  if (rk_state_leave(chain->state, chain->path, chain->made) == -1)
    strerr_warnwusys("remove the state directory ", chain->path);
}

/* Root inside may have replaced the lock. Then the next chain may be there already: what lies there
   is its own. */
static int still_ours(struct chain const *chain)
{
  int fd;
  int ours = rk_state_locked(chain->state, chain->lock);

  if (ours == -1) /* it may have passed */
    ours = rk_state_locked(chain->state, chain->lock);
  if (ours)
    return 1;
  return rk_state_lock(chain->state, O_CREAT, &fd) == 0; /* held until the exit */
}

static void finish(struct chain *chain)
{
  int wstat = rk_pidfd_status(CHAIN, chain->pid);
  int driver_runs = network_terminate(chain->network);

  bypass_end(chain->bypass);

  if (chain->state != -1 && still_ours(chain)) {
    clear_state(chain, driver_runs);
    /* another chain may wait for it: at exit it would be let go after the inotify instance, whose
       end takes some 10 ms (SRCU) */
    close(chain->lock);
  }
  network_end(chain->network);
  if (chain->ended)
    survivors_warn(chain->network->netns, wstat);
  _exit(0);
}

static void chain_ended(void *ctx, short revents)
{
  struct chain *chain = ctx;

  (void)revents;
  chain->ended = 1;
  finish(chain);
}

/* Nothing has been served yet: the chain ends with its next request, and says why in our place.
   Only one that has ended already cannot. */
static void give_up(struct chain const *chain, char const *what) __attribute__((noreturn));
static void give_up(struct chain const *chain, char const *what)
{
  struct rk_reply say = {.version = RK_OUTSIDE_FAILED, .error = errno};
  struct rk_text t = rk_text_in(say.text, sizeof say.text);
  char const *path = getenv("RK_STATE_DIR");

  rk_text_add(&t, "unable to ", what, ": ", strerror(say.error));
  if (send(CONTROL, &say, sizeof say, MSG_NOSIGNAL) == -1)
    strerr_dief(RK_EXIT_SYS, say.text);
  if (path && chain->lock != -1 && rk_state_abandon(path, chain->lock) == -1)
    strerr_warnwusys("clear the state directory ", path);
  _exit(RK_EXIT_SYS);
}

static pid_t pid_of_chain(struct chain const *chain)
{
  /* 0: gone already; the pidfd is readable, and that comes first */
  pid_t pid = rk_pidfd_pid(CHAIN);

  if (pid == -1 && errno == EBADF)
    strerr_dief(RK_EXIT_USAGE, "fd 4 is no pidfd");
  if (pid == -1)
    give_up(chain, "read /proc/self/fdinfo/4");
  return pid;
}

static void reset_signals(void)
{
  static int const outlived[] = {SIGTERM, SIGINT, SIGHUP};
  sigset_t none;

  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (int sig = 1; sig < 32; sig++)
    if (sig != SIGKILL && sig != SIGSTOP)
      signal(sig, SIG_DFL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* EFBIG tells the same */
  /* Service managers and terminals send these to every process at once (systemd.kill(5)): the
     program may have something left to do, with its network. Its end is ours. */
  for (size_t i = 0; i < sizeof outlived / sizeof *outlived; i++)
    signal(outlived[i], SIG_IGN);
}

static int set_cloexec(int fd)
{
  return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* 3 and 4 have been given; 5 is there if a state directory is. */
static void take_fds(struct chain *chain)
{
  chain->lock = LOCK;
  if (set_cloexec(LOCK) == -1) {
    if (errno != EBADF)
      give_up(chain, "take the fd of the lock");
    chain->lock = -1;
  }
  if (set_cloexec(CONTROL) == 0 && set_cloexec(CHAIN) == 0)
    return;
  if (errno == EBADF)
    strerr_dief(RK_EXIT_USAGE,
                "fds 3 and 4 are not open: this program is started by rk-userns only");
  give_up(chain, "take the fds of the chain");
}

/* Before any other fd is opened: 0 to 2 may have been closed. */
static void arrange_stdio(struct chain const *chain)
{
  struct stat st;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);

  if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1)
    give_up(chain, "open /dev/null");
  if (null > 2)
    close(null);
  if (fstat(2, &st) == -1 && errno == EBADF && dup2(0, 2) == -1)
    give_up(chain, "open stderr");
}

static void open_state(struct chain *chain, struct child *child)
{
  chain->path = getenv("RK_STATE_DIR");
  if (!chain->path || chain->lock == -1)
    return;
  chain->state = open(chain->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (chain->state == -1)
    give_up(chain, "open the state directory");
  /* before root inside can write it */
  if (rk_fact_read(chain->state, ".made", chain->made, sizeof chain->made) == -1 && errno != ENOENT)
    give_up(chain, "read .made of the state directory");
  if (child_listen(child, chain) == -1)
    give_up(chain, "listen at .child of the state directory");
  chain->jobs++;
}

int main(void)
{
  struct network network;
  struct bypass bypass;
  struct child child;
  char prog[RK_PROG_MAX];
  struct chain chain = {
    .process = {.fd = CHAIN, .events = POLLIN, .ready = chain_ended, .ctx = &chain},
    .control = {.fd = CONTROL},
    .lock = -1,
    .state = -1,
    .program = -1,
    .ruleset = -1,
    .hub = -1,
    .network = &network,
    .bypass = &bypass,
  };

  PROG = "rk-outside";
  take_fds(&chain);
  /* Namespace root has the user's own kuid: without this it could list our fds and read our memory
     (ptrace(2)). */
  if (rk_no_dump() == -1)
    give_up(&chain, "become non-dumpable");
  reset_signals();
  umask(022);
  arrange_stdio(&chain);
  chain.pid = pid_of_chain(&chain);
  network_init(&network, &chain);
  bypass_init(&bypass, &chain);
  /* The end of the chain comes first in every step: what is asked at the same moment is void. */
  if (rk_loop_add(&chain.loop, &chain.process) == -1 || ctl_serve(&chain) == -1)
    strerr_dief(RK_EXIT_BUG, "too many fds to wait for");
  open_state(&chain, &child);
  if (chain.path)
    rk_prog_dir("rk-outside", chain.path, prog);
  if (chdir("/") == -1)
    give_up(&chain, "change to /");

  while (chain.control.fd != -1 || chain.jobs)
    if (rk_loop_step(&chain.loop, -1) == -1)
      strerr_diefusys(RK_EXIT_BUG, "wait for events");
  finish(&chain);
}
