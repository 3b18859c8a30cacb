/* SPDX-License-Identifier: ISC
   A table for people, JSON, or Prometheus's text format (its exposition format, version 0.0.4). */
#include "ls.h"

#include <string.h>

#include <skalibs/buffer.h>
#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/text.h>

enum { DAY = 86400, HOUR = 3600, MINUTE = 60, LINE = 8 * LS_TEXT };

static void out(struct rk_text const *t)
{
  if (buffer_put(buffer_1, t->s, t->len) < 0)
    strerr_diefusys(RK_EXIT_SYS, "write to stdout");
}

static void quoted(struct rk_text *t, char const *s)
{
  rk_text_json(t, s, strlen(s));
}

static void column(struct rk_text *t, size_t *at, size_t width)
{
  *at += width;
  while (t->len < *at)
    rk_text_str(t, " ");
  if (t->len > *at)
    rk_text_str(t, " ");
}

static void since(struct rk_text *t, int64_t s)
{
  int64_t const unit[] = {DAY, HOUR, MINUTE, 1};

  for (size_t i = 0; i < sizeof unit / sizeof *unit; i++) {
    if (s < unit[i] && unit[i] != 1)
      continue;
    rk_text_num(t, s / unit[i]);
    rk_text_mem(t, &"dhms"[i], 1);
    return;
  }
}

static void ports(struct rk_text *t, struct chain const *c)
{
  unsigned int all = c->listening + c->waiting + c->failed;

  if (!all)
    rk_text_str(t, "-");
  else
    rk_text_num(t, c->listening);
  if (all > c->listening) {
    rk_text_str(t, "/");
    rk_text_num(t, all);
  }
}

static void row(struct rk_text *t, struct chain const *c)
{
  size_t at = 0;

  if (c->pid)
    rk_text_num(t, c->pid);
  else
    rk_text_str(t, "-");
  column(t, &at, 9);
  if (c->pid)
    since(t, c->since);
  else
    rk_text_str(t, "-");
  column(t, &at, 7);
  rk_text_safe(t, *c->driver ? c->driver : "-", strlen(*c->driver ? c->driver : "-"));
  if (*c->net && strcmp(c->net, "up")) {
    rk_text_str(t, ":");
    rk_text_safe(t, c->net, strlen(c->net));
  }
  column(t, &at, 14);
  ports(t, c);
  column(t, &at, 7);
  rk_text_safe(t, c->dir, strlen(c->dir));
  column(t, &at, 28);
  if (c->pid) {
    rk_text_safe(t, c->program, strlen(c->program));
  } else {
    rk_text_str(t, "? ");
    rk_text_safe(t, c->error, strlen(c->error));
  }
  rk_text_str(t, "\n");
}

static void json(struct rk_text *t, struct chain const *c)
{
  rk_text_str(t, "{\"dir\":");
  quoted(t, c->dir);
  if (c->pid) {
    rk_text_str(t, ",\"pid\":");
    rk_text_num(t, c->pid);
    rk_text_str(t, ",\"since\":");
    rk_text_num(t, c->since);
    rk_text_str(t, ",\"program\":");
    quoted(t, c->program);
  } else {
    rk_text_str(t, ",\"error\":");
    quoted(t, c->error);
  }
  rk_text_str(t, ",\"driver\":");
  quoted(t, c->driver);
  rk_text_str(t, ",\"net\":");
  quoted(t, c->net);
  rk_text_str(t, ",\"listening\":");
  rk_text_num(t, c->listening);
  rk_text_str(t, ",\"waiting\":");
  rk_text_num(t, c->waiting);
  rk_text_str(t, ",\"failed\":");
  rk_text_num(t, c->failed);
  rk_text_str(t, ",\"in\":");
  rk_text_num(t, (long long)c->in);
  rk_text_str(t, ",\"out\":");
  rk_text_num(t, (long long)c->out);
  rk_text_str(t, "}\n");
}

/* The value of a label: backslash, quote and newline are escaped; what is no plain text too. */
static void metric(struct rk_text *t, char const *name, char const *labels, struct chain const *c,
                   long long value)
{
  rk_text_str(t, name);
  rk_text_str(t, "{dir=");
  rk_text_quote(t, c->dir, strlen(c->dir));
  rk_text_str(t, labels);
  rk_text_str(t, "} ");
  rk_text_num(t, value);
  rk_text_str(t, "\n");
}

static void metrics(struct rk_text *t, struct chain const *c)
{
  metric(t, "rk_chain_up", "", c, c->pid != 0);
  metric(t, "rk_chain_seconds", "", c, c->since);
  metric(t, "rk_network_up", "", c, !strcmp(c->net, "up"));
  metric(t, "rk_ports", ",state=\"listening\"", c, c->listening);
  metric(t, "rk_ports", ",state=\"waiting\"", c, c->waiting);
  metric(t, "rk_ports", ",state=\"error\"", c, c->failed);
  metric(t, "rk_ports_bytes_total", ",direction=\"in\"", c, (long long)c->in);
  metric(t, "rk_ports_bytes_total", ",direction=\"out\"", c, (long long)c->out);
}

void ls_begin(enum ls_form form)
{
  static char const head[] =
    "PID      SINCE  NETWORK       PORTS  DIRECTORY                   PROGRAM\n";
  struct rk_text const t = {.s = (char *)(uintptr_t)head, .len = sizeof head - 1};

  if (form == LS_TABLE)
    out(&t);
}

void ls_one(enum ls_form form, struct chain const *c)
{
  char buf[LINE];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  switch (form) {
    case LS_TABLE: row(&t, c); break;
    case LS_JSON: json(&t, c); break;
    case LS_METRICS: metrics(&t, c); break;
  }
  out(&t);
}

void ls_end(void)
{
  if (!buffer_flush(buffer_1))
    strerr_diefusys(RK_EXIT_SYS, "write to stdout");
}
