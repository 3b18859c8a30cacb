/* SPDX-License-Identifier: ISC */
#include "check.h"

#include "../rk-ls/ls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <rk/chain.h>
#include <rk/portstatus.h>
#include <rk/state.h>
#include <rk/text.h>

static void port(struct report *r, int status, char const *name)
{
  char text[RK_PORTSTATUS_MAX + 1];
  char why[RK_PORTSTATUS_MAX + 1] = "";

  if (rk_portstatus_read(status, name, text, sizeof text) == -1) {
    report_state(r, "port", name, CHECK_NO, "rk-portd has not seen it: is it running?");
    return;
  }
  switch (rk_portstatus_state(text)) {
    case RK_PORTSTATE_LISTENING: report_state(r, "port", name, CHECK_OK, "listening"); return;
    case RK_PORTSTATE_WAITING: report_state(r, "port", name, CHECK_UNKNOWN, "waiting"); return;
    default: break;
  }
  rk_portstatus_value(text, "error", why, sizeof why);
  report_state(r, "port", name, CHECK_NO, *why ? why : "in error");
}

static void ports(struct report *r, int dir)
{
  int fd = rk_state_sub(dir, "ports", 0);
  int status = rk_state_sub(dir, "ports.status", 0);
  DIR *d = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *e;

  while (d && (e = readdir(d)))
    if (e->d_name[0] != '.')
      port(r, status, e->d_name);
  if (d)
    closedir(d);
  else if (fd != -1)
    close(fd);
  if (status != -1)
    close(status);
}

static void network(struct report *r, struct chain const *c)
{
  char text[2 * LS_WORD + 16];
  struct rk_text t = rk_text_in(text, sizeof text);

  if (!*c->driver)
    return;
  rk_text_add(&t, c->driver, " is ", *c->net ? c->net : "not ready");
  report_state(r, "network", c->dir, strcmp(c->net, "up") ? CHECK_NO : CHECK_OK, text);
}

void check_dir(struct report *r, char const *path)
{
  static struct chain c;
  char text[LS_WORD + 64];
  struct rk_text t = rk_text_in(text, sizeof text);
  int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  char const *foreign;

  if (dir == -1) {
    report_state(r, "chain", path, CHECK_NO, strerror(errno));
    return;
  }
  foreign = rk_chain_foreign(dir);
  if (foreign) {
    report_state(r, "chain", path, CHECK_NO, foreign);
    close(dir);
    return;
  }
  ls_look(path, &c);
  if (c.pid) {
    rk_text_str(&t, "runs as pid ");
    rk_text_num(&t, c.pid);
    rk_text_add(&t, ": ", c.program);
    report_state(r, "chain", path, CHECK_OK, text);
    network(r, &c);
  } else {
    report_state(r, "chain", path, CHECK_NO, c.error);
  }
  ports(r, dir);
  close(dir);
}
