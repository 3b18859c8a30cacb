/* SPDX-License-Identifier: ISC
   The port files as a table in memory. */
#include "apid.h"
#include <rk/fail.h>
#include <rk/portid.h>
#include <rk/state.h>
#include <rk/text.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

/* The directory goes soon after the directories in it. */
enum { NAME_LEN = 255, LOOKS = 100, LOOK_MS = 20 };

/* One name of ports/ or ports.status/. */
struct entry {
  long id;   /* 0: none yet */
  int there; /* the port file is there and can be read */
  enum ports_state state;
  struct rk_portspec spec;
  struct apid_owner *owner; /* who asked for it; NULL: nobody who is followed */
  char name[NAME_LEN + 1];
};

struct apid_table {
  struct entry *entry;
  size_t count, room;
  struct rk_notify notify;
  int portswd, statuswd;
  int looks;       /* so often it is still looked whether the state directory is gone */
  uint32_t raised; /* the largest number that was the name of a file */
};

static struct entry *find(struct apid_table const *t, char const *name)
{
  for (size_t i = 0; i < t->count; i++)
    if (!strcmp(t->entry[i].name, name))
      return &t->entry[i];
  return NULL;
}

/* Find the name's entry, or make it. NULL: no name of a port, or out of memory. */
static struct entry *entry(struct apid_table *t, char const *name)
{
  struct entry *e = find(t, name);

  if (e || *name == '.' || strlen(name) > NAME_LEN)
    return e;
  if (t->count == t->room) {
    size_t room = t->room ? 2 * t->room : 16;
    struct entry *more = realloc(t->entry, room * sizeof *more);
    if (!more)
      return NULL;
    t->entry = more;
    t->room = room;
  }
  e = &t->entry[t->count++];
  *e = (struct entry){.state = PORTS_GONE};
  strcpy(e->name, name);
  return e;
}

/* A name that is a number is its own id; any other has the one that rk-portd says in the status. */
static void number_it(struct apid const *a, struct entry *e)
{
  struct apid_table *t = a->table;

  e->id = rk_portid_number(e->name);
  if (e->id > (long)t->raised && rk_portid_raise(a->dirfd, (uint32_t)e->id) == 0)
    t->raised = (uint32_t)e->id;
}

static void read_port(struct apid const *a, char const *name)
{
  char path[NAME_LEN + 8], text[RK_PORTFILE_MAX + 1], err[RK_PORTSPEC_ERRMAX];
  struct rk_portfile file;
  unsigned int line;
  ssize_t n;
  struct entry *e = entry(a->table, name);

  if (!e)
    return;
  snprintf(path, sizeof path, "ports/%s", name);
  n = rk_fact_read(a->dirfd, path, text, sizeof text);
  e->there = n >= 0 && rk_portfile_parse(text, (size_t)n, &file, &line, err, sizeof err) == 0;
  if (e->there && (file.spec.parentpath[0] || file.spec.childpath[0]))
    e->there = 0; /* the API knows no unix sockets */
  if (!e->there)
    return;
  e->spec = file.spec;
  if (!e->id)
    number_it(a, e);
}

static void read_status(struct apid const *a, char const *name)
{
  char err[RK_PORTSPEC_ERRMAX];
  struct entry *e = entry(a->table, name);

  if (!e)
    return;
  e->state = ports_status(a->dirfd, name, err, sizeof err);
  if (!e->id)
    e->id = ports_status_number(a->dirfd, name, "id");
  if (e->there && !e->spec.parentport) /* one that was free */
    e->spec.parentport = ports_status_number(a->dirfd, name, "listen");
}

static void each(struct apid const *a, char const *dir,
                 void (*use)(struct apid const *, char const *))
{
  int fd = openat(a->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  DIR *d = fd == -1 ? NULL : fdopendir(fd);
  struct dirent *x;

  if (!d) {
    if (fd != -1)
      close(fd);
    return;
  }
  while ((x = readdir(d)))
    use(a, x->d_name);
  closedir(d);
}

static void read_all(struct apid const *a)
{
  struct apid_table *t = a->table;

  for (size_t i = 0; i < t->count; i++) {
    t->entry[i].there = 0;
    t->entry[i].state = PORTS_GONE;
  }
  each(a, "ports", read_port);
  each(a, "ports.status", read_status);
}

/* Entries of which nothing is left: at most a few at a time. */
static void forget(struct apid_table *t)
{
  size_t i = 0;

  while (i < t->count) {
    struct entry *e = &t->entry[i];
    if (e->there || e->state != PORTS_GONE) {
      i++;
      continue;
    }
    apid_owner_drop(e->owner);
    *e = t->entry[--t->count];
  }
}

int apid_ports_open(struct apid *a)
{
  struct apid_table *t = calloc(1, sizeof *t);

  if (!t)
    return -1;
  if (ports_watch(a->dirfd, &t->notify, &t->portswd, &t->statuswd) == -1) {
    int e = errno;
    free(t);
    return rk_fail(e);
  }
  a->table = t;
  read_all(a);
  return t->notify.fd;
}

static void changed(struct apid const *a, struct inotify_event const *e)
{
  if (e->mask & IN_IGNORED)
    a->table->looks = LOOKS;
  if (e->mask & IN_Q_OVERFLOW && !a->table->looks)
    a->table->looks = 1;
  if (e->mask & IN_Q_OVERFLOW)
    read_all(a);
  else if (e->len && e->wd == a->table->portswd)
    read_port(a, e->name);
  else if (e->len && e->wd == a->table->statuswd)
    read_status(a, e->name);
}

void apid_ports_refresh(struct apid const *a)
{
  _Alignas(struct inotify_event) char buf[16384];
  ssize_t n;

  if (!a->table)
    return;
  while ((n = rk_notify_read(&a->table->notify, buf, sizeof buf)) > 0) {
    for (char *p = buf; p < buf + n;) {
      struct inotify_event const *e = (struct inotify_event const *)(void const *)p;
      p += sizeof *e + e->len;
      changed(a, e);
    }
  }
  forget(a->table);
}

int apid_dir_gone(struct apid const *a, int *ms)
{
  struct apid_table *t = a->table;
  struct stat st;

  *ms = -1;
  if (!t || !t->looks)
    return 0;
  if (fstat(a->dirfd, &st) == 0 && !st.st_nlink)
    return 1;
  t->looks--;
  *ms = LOOK_MS;
  return 0;
}

static int by_id(void const *x, void const *y)
{
  long a = ((struct entry const *)x)->id, b = ((struct entry const *)y)->id;

  if (a == b)
    return 0;
  return a < b ? -1 : 1;
}

/* By hand: a tree of thousands of small objects would cost ten times as much. Nothing in a spec
   that was parsed needs escaping. */
static void status_text(struct rk_text *t, struct entry const *e, unsigned int k)
{
  struct rk_portspec const *spec = &e->spec;

  rk_text_str(t, t->len > 1 ? ",{\"id\":" : "{\"id\":");
  rk_text_num(t, e->id);
  rk_text_add(t, ",\"spec\":{\"proto\":\"", rk_proto_name(spec->proto));
  if (*spec->parentip)
    rk_text_add(t, "\",\"parentIP\":\"", spec->parentip);
  rk_text_str(t, "\",\"parentPort\":");
  rk_text_num(t, spec->parentport + k);
  rk_text_str(t, ",\"childPort\":");
  rk_text_num(t, spec->childport + k);
  if (*spec->childip)
    rk_text_add(t, ",\"childIP\":\"", spec->childip, "\"");
  rk_text_str(t, "}}");
}

static int listens(struct entry const *e)
{
  return e->there && e->state == PORTS_LISTENING;
}

char *apid_list(struct apid const *a)
{
  enum { ONE = 256 }; /* no status is longer */
  struct apid_table *table = a->table;
  size_t ports = 0;
  struct rk_text t;
  char *buf;

  if (table->count)
    qsort(table->entry, table->count, sizeof *table->entry, by_id);
  for (size_t i = 0; i < table->count; i++)
    if (listens(&table->entry[i]))
      ports += table->entry[i].spec.count;
  if (!ports)
    return strdup("null");
  buf = malloc(ports * ONE + 8);
  if (!buf)
    return NULL;
  t = rk_text_in(buf, ports * ONE + 8);
  rk_text_str(&t, "[");
  for (size_t i = 0; i < table->count; i++) {
    struct entry const *e = &table->entry[i];
    for (unsigned int k = 0; listens(e) && k < e->spec.count; k++)
      status_text(&t, e, k);
  }
  rk_text_str(&t, "]");
  return buf;
}

long apid_new_id(struct apid const *a)
{
  uint32_t id;

  return rk_portid_next(a->dirfd, &id) == -1 ? -1 : (long)id;
}

void apid_return_id(struct apid const *a, long id)
{
  rk_portid_undo(a->dirfd, (uint32_t)id);
}

char const *apid_name(struct apid const *a, long id)
{
  struct apid_table const *t = a->table;

  for (size_t i = 0; i < t->count; i++)
    if (t->entry[i].there && t->entry[i].id == id)
      return t->entry[i].name;
  return NULL;
}

enum ports_state apid_state(struct apid const *a, char const *name)
{
  struct entry const *e = find(a->table, name);

  return e ? e->state : PORTS_GONE;
}

long apid_conflict(struct apid const *a, struct rk_portspec const *spec)
{
  struct apid_table const *t = a->table;

  for (size_t i = 0; i < t->count; i++)
    if (t->entry[i].there && rk_portspec_conflict(&t->entry[i].spec, spec))
      return t->entry[i].id;
  return 0;
}

void apid_own(struct apid const *a, char const *name, struct apid_owner *owner)
{
  struct entry *e = find(a->table, name);

  if (!e) {
    apid_owner_drop(owner);
    return;
  }
  apid_owner_drop(e->owner);
  e->owner = owner;
}

static int same_spec(struct rk_portspec const *x, struct rk_portspec const *y)
{
  if (x->proto != y->proto || x->count != y->count)
    return 0;
  if (x->parentport != y->parentport || x->childport != y->childport)
    return 0;
  return !strcmp(x->parentip, y->parentip) && !strcmp(x->childip, y->childip);
}

int apid_left(struct apid const *a, long id, struct rk_portspec const *spec)
{
  struct apid_table const *t = a->table;

  for (size_t i = 0; i < t->count; i++) {
    struct entry const *e = &t->entry[i];
    if (e->id == id && listens(e))
      return same_spec(&e->spec, spec) && apid_owner_left(e->owner);
  }
  return 0;
}
