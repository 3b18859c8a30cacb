/* SPDX-License-Identifier: ISC */
#include "survivors.h"

#include <dirent.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/proc.h>
#include <rk/text.h>

/* What is about to end with the chain needs a moment for it. */
enum { MOMENT_MS = 300, NAMED = 3, NAME = 16 };

/* Is the process of this number in the namespace? It may hide only from who is not the owner of its
   user namespace (ptrace(2), "Ptrace access mode checking"). */
static int lives_in(char const *pid, struct stat const *netns)
{
  char path[RK_PROCPATH_MAX];
  struct stat st;
  unsigned int number;

  if (!uint0_scan(pid, &number))
    return 0;
  if (stat(rk_procpath(path, (pid_t)number, "ns/net"), &st) == -1)
    return 0;
  return st.st_ino == netns->st_ino && st.st_dev == netns->st_dev;
}

/* " nginx (pid 17)"; nothing for rk-portd's relay, which goes with the chain. 1 or 0. */
static int name(char const *pid, struct rk_text *t)
{
  char path[RK_PROCPATH_MAX];
  char comm[NAME];
  unsigned int number = 0;

  uint0_scan(pid, &number);
  if (rk_slurp(rk_procpath(path, (pid_t)number, "comm"), comm, sizeof comm) <= 0)
    return 0;
  if (!strcmp(comm, "rk-relay"))
    return 0;
  if (t) {
    rk_text_str(t, t->len ? ", " : "");
    rk_text_safe(t, comm, strlen(comm));
    rk_text_add(t, " (pid ", pid, ")");
  }
  return 1;
}

/* How many there are, the first of them named in t. */
static int find(struct stat const *netns, struct rk_text *t)
{
  DIR *d = opendir("/proc");
  struct dirent *e;
  int n = 0;

  if (!d)
    return 0;
  while ((e = readdir(d)))
    if (lives_in(e->d_name, netns))
      n += name(e->d_name, n < NAMED ? t : NULL);
  closedir(d);
  return n;
}

void survivors_warn(int netns, int wstat)
{
  struct timespec const moment = {.tv_nsec = MOMENT_MS * 1000000L};
  char text[NAMED * (4 * NAME + 32)];
  struct rk_text t = rk_text_in(text, sizeof text);
  struct stat st;
  int n;

  if (wstat > 0 || netns == -1 || fstat(netns, &st) == -1)
    return;
  if (!find(&st, &t))
    return;
  nanosleep(&moment, NULL);
  t = rk_text_in(text, sizeof text);
  n = find(&st, &t);
  if (!n)
    return;
  strerr_warnw("the program has ended", wstat ? "" : " with 0",
               ", and its network with it, but in its network namespace there live on: ", text,
               n > NAMED ? ", ..." : "",
               ". A server has to stay in the foreground (an option of its own, as nginx -g "
               "'daemon off;'); or end the chain with rk-hold, and start it by rk-enter");
}
