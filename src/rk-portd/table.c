/* SPDX-License-Identifier: ISC
   The table of ports: one for each file of DIR/ports, in what state it ever is. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/text.h>
#include "portd.h"

static uint32_t lastid;

struct published *portd_port_find(char const *name)
{
  size_t len = strlen(name);

  for (struct published *p = portd.ports; p; p = p->next)
    if (p->namelen == len && !memcmp(p->name, name, len))
      return p;
  return 0;
}

struct published *portd_port_id(uint32_t id)
{
  for (struct published *p = portd.ports; p; p = p->next)
    if (p->id == id)
      return p;
  return 0;
}

/* A name that is a number is its own id, so that who creates the files can choose them; others are
   counted. An id is not given twice in the life of this process, but for a number that its file's
   name insists on. */
static uint32_t newid(char const *name)
{
  unsigned int n;

  if (uint0_scan(name, &n) && n && n < UINT32_MAX && !portd_port_id(n)) {
    if (n > lastid)
      lastid = n;
    return n;
  }
  do
    lastid++;
  while (!lastid || portd_port_id(lastid));
  return lastid;
}

static struct published *create(char const *name)
{
  size_t len = strlen(name);
  struct published *p = calloc(1, sizeof *p + len + 1), **end = &portd.ports;

  if (!p) {
    strerr_warnwusys("follow port ", name);
    return 0;
  }
  memcpy(p->name, name, len + 1);
  p->namelen = len;
  p->id = newid(name);
  while (*end)
    end = &(*end)->next;
  *end = p;
  return p;
}

static void shut(struct published *p)
{
  if (p->state != PORTD_ERROR)
    portd.driver->close(p);
  p->state = PORTD_ERROR;
  p->forwarded = 0;
  memset(&p->stat, 0, sizeof p->stat);
  memset(&p->sum, 0, sizeof p->sum);
}

enum { BACKOFF_MIN = 100, BACKOFF_MAX = 60000 };
static int backoff = BACKOFF_MIN;

static void retry_due(void)
{
  if (backoff < BACKOFF_MAX)
    backoff *= 2;
  portd_port_retry();
  for (struct published *p = portd.ports; p; p = p->next)
    if (p->state == PORTD_ERROR && p->retry) {
      portd_after(backoff, retry_due);
      return;
    }
}

void portd_port_fail(struct published *p, char const *text, int retry)
{
  int known = p->error && !strcmp(p->error, text);

  p->retry = retry != 0;
  if (!known) {
    char name[2 * PORTD_NAME_MAX];
    struct rk_text t = rk_text_in(name, sizeof name);
    rk_text_quote(&t, p->name, p->namelen);
    strerr_warnw("port ", name, ": ", text);
    free(p->error);
    p->error = strdup(text);
    if (retry) {
      backoff = BACKOFF_MIN;
      portd_after(backoff, retry_due);
    }
  }
  if (!known || p->state != PORTD_ERROR)
    portd_status_dirty(p);
}

static void good(struct published *p, enum portd_state state)
{
  free(p->error);
  p->error = 0;
  p->retry = 0;
  p->state = state;
  portd_status_dirty(p);
}

static void open_port(struct published *p)
{
  char err[1024];
  int state;

  for (struct published *o = portd.ports; o; o = o->next) {
    if (o == p || o->state == PORTD_ERROR || o->borrowed || p->file.listenfd[0])
      continue;
    if (rk_portspec_conflict(&o->file.spec, &p->file.spec)) {
      struct rk_text t = rk_text_in(err, sizeof err);
      rk_text_str(&t, "conflict with ID ");
      rk_text_num(&t, o->id);
      rk_text_str(&t, " (");
      rk_text_quote(&t, o->name, o->namelen);
      rk_text_str(&t, ")");
      portd_port_fail(p, err, 1);
      return;
    }
  }
  state = portd.driver->open(p, err, sizeof err);
  if (state < 0)
    portd_port_fail(p, err, 1);
  else
    good(p, (enum portd_state)state);
}

/* Read the file. 0 (portfile filled), -1: err says why not, 1: it is gone. */
static int read_file(char const *name, struct rk_portfile *file, struct timespec *mtime, char *err,
                     size_t errsize)
{
  static char text[RK_PORTFILE_MAX + 1];
  struct rk_text t = rk_text_in(err, errsize);
  struct stat st;
  unsigned int line;
  size_t len;
  int e, fd;

  if (fstatat(portd.portsdir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    *mtime = st.st_mtim;
  fd = openat(portd.portsdir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd < 0 && errno == ENOENT)
    return 1;
  if (fd < 0 || fstat(fd, &st) < 0) {
    e = errno;
    if (fd >= 0)
      close(fd);
    rk_text_str(&t, "unable to read the port file: ");
    rk_text_str(&t, portd_errtext(e));
    return -1;
  }
  *mtime = st.st_mtim;
  if (!S_ISREG(st.st_mode)) {
    close(fd);
    rk_text_str(&t, "unable to read the port file: not a regular file");
    return -1;
  }
  errno = 0;
  len = allread(fd, text, sizeof text); /* one byte more than may be: the parser then says so */
  e = errno;
  close(fd);
  if (e && e != EPIPE) {
    rk_text_str(&t, "unable to read the port file: ");
    rk_text_str(&t, portd_errtext(e));
    return -1;
  }
  if (!rk_portfile_parse(text, len, file, &line, err, errsize))
    return 0;
  if (line) {
    char copy[RK_PORTSPEC_ERRMAX];
    size_t n = strlen(err) < sizeof copy ? strlen(err) : sizeof copy - 1;
    memcpy(copy, err, n);
    copy[n] = 0;
    t = rk_text_in(err, errsize);
    rk_text_str(&t, "line ");
    rk_text_num(&t, line);
    rk_text_str(&t, ": ");
    rk_text_str(&t, copy);
  }
  return -1;
}

static int same_side(struct rk_portfile const *a, struct rk_portfile const *b)
{
  return a->spec.proto == b->spec.proto && a->spec.parentport == b->spec.parentport &&
         a->spec.count == b->spec.count && !strcmp(a->spec.parentip, b->spec.parentip) &&
         !strcmp(a->listenfd, b->listenfd);
}

void portd_port_load(char const *name)
{
  struct rk_portfile file;
  struct timespec mtime = {0, 0};
  char err[RK_PORTSPEC_ERRMAX + 32];
  struct published *p = portd_port_find(name);
  int r;

  if (name[0] == '.' || portd.portsdir < 0)
    return;
  if (strlen(name) > PORTD_NAME_MAX) {
    strerr_warnw("port ", name, ": name longer than 250 bytes, ignored");
    return;
  }
  r = read_file(name, &file, &mtime, err, sizeof err);
  if (r > 0) {
    portd_port_remove(name);
    return;
  }
  if (!p)
    p = create(name);
  if (!p)
    return;
  p->seen = 1;
  if (p->mtime.tv_sec != mtime.tv_sec || p->mtime.tv_nsec != mtime.tv_nsec)
    portd_status_dirty(p);
  p->mtime = mtime;
  if (r < 0) {
    shut(p);
    memset(&p->file, 0, sizeof p->file);
    portd_port_fail(p, err, 0);
    return;
  }
  if (p->state != PORTD_ERROR && !memcmp(&file, &p->file, sizeof file))
    return;
  if (p->state != PORTD_ERROR && same_side(&file, &p->file)) {
    p->file = file;
    portd.driver->change(p);
    portd_status_dirty(p);
    return;
  }
  shut(p);
  p->file = file;
  open_port(p);
}

static void drop(struct published **at)
{
  struct published *p = *at;

  shut(p);
  portd_status_remove(p);
  *at = p->next;
  free(p->error);
  free(p);
}

void portd_port_remove(char const *name)
{
  struct published **at = &portd.ports;

  while (*at && strcmp((*at)->name, name))
    at = &(*at)->next;
  if (!*at)
    return;
  drop(at);
  portd_port_retry(); /* what was in conflict with it may not be now */
}

void portd_port_sweep(void)
{
  struct published **at = &portd.ports;

  while (*at) {
    if ((*at)->seen)
      at = &(*at)->next;
    else
      drop(at);
  }
}

void portd_port_retry(void)
{
  for (struct published *p = portd.ports; p; p = p->next)
    if (p->state == PORTD_ERROR && p->retry)
      open_port(p);
}

void portd_port_close_all(void)
{
  while (portd.ports)
    drop(&portd.ports);
}
