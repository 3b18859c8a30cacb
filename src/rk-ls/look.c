/* SPDX-License-Identifier: ISC
   One chain, from its state directory. Root inside can write all that lies there, so that a text
   may say anything; which process is the program is proved (rk/chain.h). */
#include "ls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/chain.h>
#include <rk/portstatus.h>
#include <rk/proc.h>
#include <rk/state.h>

enum { PATIENCE = 500, /* ms, for rk-outside to answer */ STARTTIME = 22 /* proc_pid_stat(5) */ };

/* A fact's first line; empty if there is none. */
static void fact(int dir, char const *name, char *buf)
{
  if (rk_fact_read(dir, name, buf, LS_WORD) == -1)
    *buf = 0;
  buf[strcspn(buf, "\n")] = 0;
}

static int64_t age(pid_t pid)
{
  unsigned long long ticks;
  struct timespec now;
  long hz = sysconf(_SC_CLK_TCK);

  if (rk_proc_stat(pid, STARTTIME, &ticks) == -1 || clock_gettime(CLOCK_BOOTTIME, &now) == -1)
    return 0;
  return (int64_t)now.tv_sec - (int64_t)(ticks / (unsigned long long)hz);
}

static void program(pid_t pid, char *buf)
{
  char path[RK_PROCPATH_MAX];
  ssize_t len = rk_slurp(rk_procpath(path, pid, "cmdline"), buf, LS_WORD);

  for (ssize_t i = 0; i + 1 < len; i++)
    if (!buf[i])
      buf[i] = ' ';
  if (len <= 0)
    *buf = 0;
}

static void process(int dir, struct chain *c)
{
  struct rk_chain found;
  struct rk_text why = rk_text_in(c->error, sizeof c->error);

  if (rk_chain_find(dir, PATIENCE, &found, &why) == -1) {
    if (!why.len)
      rk_text_str(&why, strerror(errno));
    return;
  }
  c->pid = found.pid;
  c->since = age(found.pid);
  program(found.pid, c->program);
  close(found.pidfd);
  close(found.userns);
}

static uint64_t number(char const *text, char const *key)
{
  char value[UINT64_FMT];
  uint64_t n = 0;

  if (rk_portstatus_value(text, key, value, sizeof value) > 0)
    uint640_scan(value, &n);
  return n;
}

static void port(int status, char const *name, struct chain *c)
{
  char text[RK_PORTSTATUS_MAX + 1];

  if (rk_portstatus_read(status, name, text, sizeof text) == -1)
    return;
  switch (rk_portstatus_state(text)) {
    case RK_PORTSTATE_LISTENING: c->listening++; break;
    case RK_PORTSTATE_WAITING: c->waiting++; break;
    default: c->failed++; break;
  }
  c->in += number(text, "in");
  c->out += number(text, "out");
}

static void ports(int dir, struct chain *c)
{
  int fd = rk_state_sub(dir, "ports.status", 0);
  DIR *d = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *e;

  if (!d) {
    if (fd != -1)
      close(fd);
    return;
  }
  while ((e = readdir(d)))
    if (e->d_name[0] != '.')
      port(fd, e->d_name, c);
  closedir(d);
}

void ls_look(char const *path, struct chain *c)
{
  int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct rk_text name = rk_text_in(c->dir, sizeof c->dir);
  struct rk_text error = rk_text_in(c->error, sizeof c->error);

  *c->program = *c->driver = *c->net = 0;
  c->pid = 0;
  c->since = 0;
  c->listening = c->waiting = c->failed = 0;
  c->in = c->out = 0;
  rk_text_str(&name, path);
  if (dir == -1) {
    rk_text_str(&error, strerror(errno));
    return;
  }
  process(dir, c);
  fact(dir, "net/driver", c->driver);
  fact(dir, "net/status", c->net);
  c->net[strcspn(c->net, " ")] = 0;
  ports(dir, c);
  close(dir);
}
