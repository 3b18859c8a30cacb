/* SPDX-License-Identifier: ISC
   rk-outside's request "net": run one network driver for one network namespace, and again whenever
   it dies.

   The driver gets fds 3 (network namespace), 4 (user namespace), 5 (its report), 6 (end-of-file:
   leave) and the plan in its environment (doc/rk-net-drivers.7). Its stderr is kept: shown if it
   fails to start, its last line in net/status if it dies. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/wait.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/sys.h>
#include <rk/text.h>

enum {
  CLOSED_MS = 500,  /* to die, after it has closed its report without being ready */
  START_MS = 10000, /* to become ready (a DHCP lease with conflict detection takes 4 s) */
  END_MS = 300,     /* to leave when told to */
  PAUSE_MS = 20,
  PAUSE_MAX_MS = 30000, /* before it is started again: doubled each time */
  STEADY_MS = 10000,    /* a driver that lived that long starts afresh in that count */
  HOPELESS = 6,         /* starts that failed in a row: "failed"; still tried, every PAUSE_MAX_MS */
  FIRST_FD = 10
};

struct netup netdriver;

static int netns = -1, userns = -1, report = -1, errors = -1, leave = -1, pidfd = -1;
static pid_t driver;
/* of the first start: its outcome is known, told, and the chain has wired its side */
static enum { NOTHING, STARTING, KNOWN, TOLD, VERIFIED } stage;
static struct rk_reply_net outcome;
static int awaited; /* the chain waits for it */
/* its report is awaited for another time: then the loopback test is due again */
static int restarted;
static int untested; /* that is due, but the first is not judged yet */
static int refused;  /* it failed that test: it is not started again */
static int fails;
static int64_t since;
static char const *because; /* why it was killed by us, null: it was not */
static char errtext[RK_NET_LOG];
static size_t loglen;

static void died(int fd, short revents);
static void start_due(void);
static void late(void);

static int64_t now(void)
{
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void driver_status(char const *state, char const *why)
{
  char text[256];
  struct rk_text t = rk_text_in(text, sizeof text - 1);

  rk_text_str(&t, state);
  if (why) {
    rk_text_str(&t, ": ");
    rk_text_safe(&t, why, strlen(why)); /* the driver's words among it */
  }
  text[t.len] = '\n';
  if (netup_fact("status", text, t.len + 1) == -1)
    strerr_warnwusys("write net/status");
}

/* A pipe out of the way of the fds that a driver gets. */
static int pipe_up(int p[2])
{
  int low[2], r = 0;

  if (pipe2(low, O_CLOEXEC) == -1)
    return -1;
  for (int i = 0; i < 2; i++) {
    p[i] = fcntl(low[i], F_DUPFD_CLOEXEC, FIRST_FD);
    close(low[i]);
    if (p[i] == -1)
      r = -1;
  }
  return r;
}

static void drop(int *fd)
{
  if (*fd == -1)
    return;
  outside_unwatch(*fd);
  close(*fd);
  *fd = -1;
}

/* The driver's own words, with room made by forgetting the oldest. */
static void listen_errors(int fd, short revents)
{
  ssize_t r;

  (void)revents;
  for (;;) {
    if (loglen > sizeof errtext * 3 / 4) {
      memmove(errtext, errtext + loglen / 2, loglen - loglen / 2);
      loglen -= loglen / 2;
    }
    r = read(fd, errtext + loglen, sizeof errtext - 1 - loglen);
    if (r > 0)
      errtext[loglen += (size_t)r] = 0;
    else if (r == 0)
      drop(&errors);
    if (r <= 0)
      return;
  }
}

/* The line that says why it died: the one with "fatal", else its last. */
static char const *last_words(void)
{
  char *s, *end;

  while (loglen && errtext[loglen - 1] == '\n')
    errtext[--loglen] = 0;
  s = strstr(errtext, ": fatal: ");
  if (s) {
    end = strchr(s, '\n');
    if (end)
      *end = 0;
  }
  s = strrchr(errtext, '\n');
  return s ? s + 1 : errtext;
}

static void reply_send(void)
{
  if (stage != KNOWN || !awaited)
    return;
  stage = TOLD;
  outside_say(&outcome, sizeof outcome);
}

int req_await(void)
{
  if (stage == NOTHING)
    return -1;
  awaited = 1;
  reply_send();
  return 0;
}

/* How the first start went; until the chain asks, a driver may still die. */
static void answer(int error, char const *text, int status)
{
  size_t n = strlen(text);

  if (stage > KNOWN)
    return;
  stage = KNOWN;
  outcome = (struct rk_reply_net){.head = {.version = RK_OUTSIDE_VERSION, .error = error},
                                  .status = status,
                                  .plan = netdriver.ask};
  memcpy(outcome.head.text, text, n < sizeof outcome.head.text ? n : sizeof outcome.head.text - 1);
  memcpy(outcome.log, errtext, loglen);
  if (!error)
    leaktest_fill(&outcome);
  reply_send();
}

static void kill_driver(char const *why)
{
  because = why;
  if (driver > 0)
    kill(-driver, SIGKILL);
}

static void retested(char const *where, int cut)
{
  static char text[128];
  struct rk_text t = rk_text_in(text, sizeof text - 1);

  if (where) {
    rk_text_str(&t, "the host's loopback can be reached from inside: ");
    rk_text_str(&t, where);
    refused = 1;
  } else if (cut)
    rk_text_str(&t, "the test that the host's loopback is closed was cut short");
  else {
    driver_status("up", 0);
    return;
  }
  text[t.len] = 0;
  kill_driver(text);
}

static void retest(void)
{
  untested = stage != VERIFIED; /* the listeners are those of the first test until then */
  if (!untested && leaktest_repeat(userns, netns, retested) == -1)
    kill_driver("unable to test that the host's loopback is closed");
}

static void hear(int fd, short revents)
{
  char buf[512];
  char const *line;
  ssize_t r = read(fd, buf, sizeof buf);

  (void)revents;
  if (r < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  if (r <= 0) {
    /* closed: there is nothing more to say, or the driver is about to be found dead */
    drop(&report);
    if (!netdriver.ready)
      outside_after(CLOSED_MS, late);
    return;
  }
  switch (report_take(buf, (size_t)r, &line)) {
    case 0: return;
    case -1: {
      static char text[192];
      struct rk_text t = rk_text_in(text, sizeof text);
      rk_text_str(&t, "its report has an invalid line: ");
      rk_text_quote(&t, line, strlen(line));
      drop(&report);
      kill_driver(text);
      return;
    }
  }
  outside_after(-1, late);
  netdriver.ready = 1;
  /* net/ is there before the program all the same: rk-net asks for the verdict next */
  answer(0, "", -1);
  if (report_facts())
    strerr_warnwusys("write net/ in the state directory");
  etc_dns_changed();
  if (restarted && !netdriver.ask.host_loopback)
    retest();
  else
    driver_status("up", 0);
  restarted = 0;
}

static int start(void)
{
  int reportp[2] = {-1, -1}, errorsp[2] = {-1, -1}, leavep[2] = {-1, -1}, e;
  pid_t parent = getpid();

  report_begin();
  loglen = 0;
  errtext[0] = 0;
  because = 0;
  netdriver.resident = 1;
  if (pipe_up(reportp) == -1 || pipe_up(errorsp) == -1 || pipe_up(leavep) == -1)
    goto failed;
  driver = fork();
  if (driver == -1)
    goto failed;
  if (!driver)
    driver_exec((int const[]){errorsp[1], netns, userns, reportp[1], leavep[0]}, parent);
  setpgid(driver, driver);
  close(reportp[1]);
  close(errorsp[1]);
  close(leavep[0]);
  report = reportp[0];
  errors = errorsp[0];
  leave = leavep[1];
  fcntl(report, F_SETFL, O_NONBLOCK);
  fcntl(errors, F_SETFL, O_NONBLOCK);
  pidfd = rk_pidfd_open(driver, 0);
  if (pidfd == -1) {
    e = errno;
    kill(-driver, SIGKILL);
    waitpid(driver, 0, 0);
    drop(&report);
    drop(&errors);
    drop(&leave);
    return driver = 0, errno = e, -1;
  }
  since = now();
  outside_watch(report, POLLIN, hear);
  outside_watch(errors, POLLIN, listen_errors);
  outside_watch(pidfd, POLLIN, died);
  outside_after(START_MS, late);
  return 0;
failed:
  e = errno;
  for (int i = 0; i < 2; i++) {
    if (reportp[i] != -1)
      close(reportp[i]);
    if (errorsp[i] != -1)
      close(errorsp[i]);
    if (leavep[i] != -1)
      close(leavep[i]);
  }
  return driver = 0, errno = e, -1;
}

static void late(void)
{
  kill_driver(report == -1 ? "it closed its report before it was ready"
                           : "it did not become ready within 10 seconds");
}

static void describe(char *text, size_t size, int status)
{
  struct rk_text t = rk_text_in(text, size);
  char const *words = last_words();

  rk_text_str(&t, netdriver.ask.driver);
  if (because)
    rk_text_str(&t, " was ended: "), rk_text_str(&t, because);
  else if (WIFSIGNALED(status))
    rk_text_str(&t, " was killed by signal "), rk_text_num(&t, WTERMSIG(status));
  else
    rk_text_str(&t, " exited with status "), rk_text_num(&t, WEXITSTATUS(status));
  /* whom somebody killed has nothing to say about it */
  if (!because && WIFSIGNALED(status) &&
      (WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM))
    return;
  if (*words)
    rk_text_str(&t, " ("), rk_text_str(&t, words), rk_text_str(&t, ")");
}

/* It will be started again, sooner or later. */
static void postpone(char const *why)
{
  int pause = PAUSE_MS;

  if (netdriver.ready && now() - since >= STEADY_MS)
    fails = 0;
  for (int i = 0; i < fails && pause < PAUSE_MAX_MS; i++)
    pause *= 2;
  if (pause > PAUSE_MAX_MS)
    pause = PAUSE_MAX_MS;
  fails++;
  driver_status(fails > HOPELESS ? "failed" : "restarting", why);
  strerr_warnw("network driver ", why,
               fails > HOPELESS ? "; trying again every 30 seconds" : "; starting it again");
  outside_after(pause, start_due);
}

static void died(int fd, short revents)
{
  char why[224];
  int status;

  (void)revents;
  if (fd != pidfd)
    return;
  /* children it may have left in its process group, whose number is not free before the wait */
  kill(-driver, SIGKILL);
  if (waitpid(driver, &status, WNOHANG) != driver)
    return;
  driver = 0;
  drop(&pidfd);
  if (report != -1)
    hear(report, 0); /* a one-shot driver reports and is gone */
  if (errors != -1)
    listen_errors(errors, 0);
  drop(&report);
  drop(&errors);
  drop(&leave);
  outside_after(-1, late);
  if (netdriver.ready && !netdriver.resident && WIFEXITED(status) && !WEXITSTATUS(status))
    return;
  if (stage < TOLD) {
    netdriver.ready = 0;
    answer(ECHILD, because ? because : "", because ? -1 : status);
    return;
  }
  describe(why, sizeof why, status);
  untested = 0;
  leaktest_stop();
  if (refused) {
    driver_status("failed", why);
    strerr_warnw("network driver ", why, "; it is not started again");
    return;
  }
  postpone(why);
}

static void start_due(void)
{
  restarted = 1;
  if (start() == -1)
    postpone(strerror(errno));
}

void driver_restart(void)
{
  if (driver > 0)
    kill_driver("the host's resolver changed");
}

void req_net(struct rk_req_net const *ask, int fd)
{
  char path[32] = "/proc/";
  size_t n = 6;

  netdriver.ask = ask->plan;
  netdriver.pid = outside.sender;
  netdriver.ask.driver[sizeof netdriver.ask.driver - 1] = 0;
  netdriver.ask.ifname[sizeof netdriver.ask.ifname - 1] = 0;
  outside_job_begin();
  stage = STARTING;
  if (!strcmp(netdriver.ask.driver, "none")) {
    close(fd);
    netdriver.ready = 1;
    if (report_facts())
      strerr_warnwusys("write net/ in the state directory");
    driver_status("up", 0);
    answer(0, "", -1);
    outside_job_end();
    return;
  }
  netns = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);
  close(fd);
  n += uint_fmt(path + n, (unsigned int)outside.pid);
  memcpy(path + n, "/ns/user", 9);
  int low = open(path, O_RDONLY | O_CLOEXEC);
  userns = low == -1 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD);
  if (low != -1)
    close(low);
  if (netns == -1 || userns == -1)
    answer(errno, "unable to open the namespaces", -1);
  else if (driver_find() == -1)
    answer(errno, "rk-outside does not find it (RK_NET_PATH must be set before rk-userns)", -1);
  else if (start() == -1)
    answer(errno, "unable to start it", -1);
  else if (!netdriver.ask.host_loopback)
    leaktest_open(); /* while it starts */
}

void req_net_verify(struct rk_req_net_verify const *ask)
{
  struct rk_reply say = {.version = RK_OUTSIDE_VERSION};
  char const *text = leaktest_judge();

  if (text)
    say.error = EEXIST;
  else if (!netdriver.ready)
    say.error = EPROTO, text = "no driver is ready";
  else if (strcmp(netdriver.ask.driver, "none") && etc_start(ask->etc, &text) == -1)
    say.error = errno;
  if (say.error) {
    size_t n = strlen(text);
    memcpy(say.text, text, n < sizeof say.text ? n : sizeof say.text - 1);
  }
  outside_say(&say, sizeof say);
  if (say.error)
    return;
  stage = VERIFIED;
  if (untested)
    retest();
  etc_follow(); /* the program starts meanwhile */
}

int driver_terminate(void)
{
  if (driver <= 0)
    return 1;
  drop(&leave);
  kill(-driver, SIGTERM);
  return !strcmp(netdriver.ask.driver, "slirp4netns") && !getenv("RK_PORT_DRIVER");
}

int driver_end(void)
{
  if (driver <= 0)
    return 0;
  poll(&(struct pollfd){.fd = pidfd, .events = POLLIN}, 1, END_MS);
  kill(-driver, SIGKILL);
  waitpid(driver, 0, 0);
  driver = 0;
  return 1;
}
