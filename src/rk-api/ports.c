/* SPDX-License-Identifier: ISC
   The port files as a table in memory. */
#include "apid.h"
#include <rk/state.h>
#include <rk/text.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/inotify.h>

#define IDS ".apid.ids"
enum { NAME_LEN = 255, IDS_SIZE = 65536, AHEAD = 64 };

/* One name of ports/ or ports.status/. */
struct entry {
  long id;   /* 0: none yet */
  int there; /* the port file is there and can be read */
  enum ports_state state;
  struct rk_portspec spec;
  char name[NAME_LEN + 1];
};

static struct entry *table;
static size_t count, room;
static int watch = -1, portswd = -1, statuswd = -1;

/* .apid.ids: the next id on the first line, then "ID NAME" for each name that is no number. */
struct ids {
  long next;
  long reserved; /* the file says this: up to there ids need not be written down one by one */
  size_t len;
  char text[IDS_SIZE];
};
static struct ids ids;

static long number(char const *name)
{
  char *end;
  long n;

  if (*name < '1' || *name > '9')
    return 0;
  n = strtol(name, &end, 10);
  return *end || n == LONG_MAX ? 0 : n;
}

static void load(struct apid const *a)
{
  ssize_t n = rk_fact_read(a->dirfd, IDS, ids.text, sizeof ids.text);
  char *nl;

  ids.next = 1;
  ids.len = 0;
  if (n <= 0)
    return;
  ids.next = strtol(ids.text, 0, 10);
  if (ids.next < 1)
    ids.next = 1;
  nl = strchr(ids.text, '\n');
  if (!nl)
    return;
  ids.len = (size_t)(n - (nl + 1 - ids.text));
  memmove(ids.text, nl + 1, ids.len + 1);
  ids.text[ids.len++] = '\n';
}

static int store(struct apid const *a)
{
  char *text = malloc(IDS_SIZE + 32);
  int n, r;

  if (!text)
    return -1;
  ids.reserved = ids.next + AHEAD;
  n = snprintf(text, 32, "%ld\n", ids.reserved);
  memcpy(text + n, ids.text, ids.len);
  r = rk_fact_write(a->dirfd, IDS, text, (size_t)n + ids.len, 0600);
  free(text);
  return r;
}

static long known(char const *name)
{
  size_t len = strlen(name);

  for (char const *p = ids.text, *end = p + ids.len; p < end;) {
    char const *nl = memchr(p, '\n', (size_t)(end - p)), *sp = memchr(p, ' ', (size_t)(end - p));
    if (!nl || !sp || sp > nl)
      return 0;
    if ((size_t)(nl - sp - 1) == len && !memcmp(sp + 1, name, len))
      return strtol(p, 0, 10);
    p = nl + 1;
  }
  return 0;
}

/* Find the name's entry, or make it. 0: out of memory. */
static struct entry *entry(char const *name, int make)
{
  for (size_t i = 0; i < count; i++)
    if (!strcmp(table[i].name, name))
      return table + i;
  if (!make || strlen(name) > NAME_LEN)
    return 0;
  if (count == room) {
    struct entry *more = realloc(table, (room ? 2 * room : 16) * sizeof *more);
    if (!more)
      return 0;
    table = more;
    room = room ? 2 * room : 16;
  }
  table[count] = (struct entry){.state = PORTS_GONE};
  strcpy(table[count].name, name);
  return table + count++;
}

static void number_it(struct apid const *a, struct entry *e)
{
  e->id = number(e->name);
  if (!e->id)
    e->id = known(e->name);
  if (e->id) {
    if (e->id >= ids.next)
      ids.next = e->id + 1;
    if (ids.next <= ids.reserved)
      return;
  } else {
    e->id = ids.next++;
    if (ids.len + strlen(e->name) + 32 < IDS_SIZE)
      ids.len += (size_t)snprintf(ids.text + ids.len, IDS_SIZE - ids.len, "%ld %s\n", e->id,
                                  e->name);
  }
  store(a);
}

static void read_port(struct apid const *a, char const *name)
{
  char path[NAME_LEN + 8], text[RK_PORTFILE_MAX + 1], err[RK_PORTSPEC_ERRMAX];
  struct rk_portfile file;
  unsigned int line;
  ssize_t n;
  struct entry *e;

  if (*name == '.' || !(e = entry(name, 1)))
    return;
  snprintf(path, sizeof path, "ports/%s", name);
  n = rk_fact_read(a->dirfd, path, text, sizeof text);
  e->there = n >= 0 && rk_portfile_parse(text, (size_t)n, &file, &line, err, sizeof err) == 0;
  if (!e->there)
    return;
  e->spec = file.spec;
  if (!e->id)
    number_it(a, e);
}

static void read_status(struct apid const *a, char const *name)
{
  char err[RK_PORTSPEC_ERRMAX];
  struct entry *e;

  if (*name == '.' || !(e = entry(name, 1)))
    return;
  e->state = ports_status(a->dirfd, name, err, sizeof err);
}

static void each(struct apid const *a, char const *dir,
                 void (*use)(struct apid const *, char const *))
{
  int fd = openat(a->dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  DIR *d = fd < 0 ? 0 : fdopendir(fd);

  if (!d) {
    if (fd >= 0)
      close(fd);
    return;
  }
  for (struct dirent *x; (x = readdir(d));)
    use(a, x->d_name);
  closedir(d);
}

static void read_all(struct apid const *a)
{
  for (size_t i = 0; i < count; i++)
    table[i].there = 0, table[i].state = PORTS_GONE;
  each(a, "ports", read_port);
  each(a, "ports.status", read_status);
}

/* Entries of which nothing is left: at most a few at a time. */
static void forget(void)
{
  for (size_t i = 0; i < count;)
    if (!table[i].there && table[i].state == PORTS_GONE)
      table[i] = table[--count];
    else
      i++;
}

int apid_ports_open(struct apid const *a)
{
  watch = ports_watch(a->dirfd, &portswd, &statuswd);
  if (watch < 0)
    return -1;
  load(a);
  read_all(a);
  return watch;
}

void apid_ports_refresh(struct apid const *a)
{
  _Alignas(struct inotify_event) char buf[16384];
  ssize_t n;

  while ((n = read(watch, buf, sizeof buf)) > 0)
    for (char *p = buf; p < buf + n;) {
      struct inotify_event const *e = (struct inotify_event const *)(void const *)p;
      p += sizeof *e + e->len;
      if (e->mask & IN_Q_OVERFLOW)
        read_all(a);
      else if (e->len && e->wd == portswd)
        read_port(a, e->name);
      else if (e->len && e->wd == statuswd)
        read_status(a, e->name);
    }
  forget();
}

static int by_id(void const *x, void const *y)
{
  long a = ((struct entry const *)x)->id, b = ((struct entry const *)y)->id;
  return a < b ? -1 : a > b;
}

/* By hand: a tree of thousands of small objects would cost ten times as much. Nothing in a spec
   that was parsed needs escaping. */
static void status_text(struct rk_text *t, struct entry const *e, unsigned int k)
{
  char const *const word[] = {rk_proto_name(e->spec.proto), e->spec.parentip, e->spec.childip};

  rk_text_str(t, t->len > 1 ? ",{\"id\":" : "{\"id\":");
  rk_text_num(t, e->id);
  rk_text_str(t, ",\"spec\":{\"proto\":\"");
  rk_text_str(t, word[0]);
  if (*word[1])
    rk_text_str(t, "\",\"parentIP\":\""), rk_text_str(t, word[1]);
  rk_text_str(t, "\",\"parentPort\":");
  rk_text_num(t, e->spec.parentport + k);
  rk_text_str(t, ",\"childPort\":");
  rk_text_num(t, e->spec.childport + k);
  if (*word[2])
    rk_text_str(t, ",\"childIP\":\""), rk_text_str(t, word[2]), rk_text_str(t, "\"");
  rk_text_str(t, "}}");
}

char *apid_list(void)
{
  enum { ONE = 256 }; /* no status is longer */
  size_t ports = 0;
  struct rk_text t;
  char *buf;

  if (count)
    qsort(table, count, sizeof *table, by_id);
  for (size_t i = 0; i < count; i++)
    if (table[i].there && table[i].state == PORTS_LISTENING)
      ports += table[i].spec.count;
  if (!ports)
    return strdup("null");
  buf = malloc(ports * ONE + 8);
  if (!buf)
    return 0;
  t = rk_text_in(buf, ports * ONE + 8);
  rk_text_str(&t, "[");
  for (size_t i = 0; i < count; i++)
    if (table[i].there && table[i].state == PORTS_LISTENING)
      for (unsigned int k = 0; k < table[i].spec.count; k++)
        status_text(&t, table + i, k);
  rk_text_str(&t, "]");
  return buf;
}

long apid_new_id(struct apid const *a)
{
  if (ids.next >= ids.reserved && store(a) < 0)
    return -1;
  return ids.next++;
}

char const *apid_name(long id)
{
  for (size_t i = 0; i < count; i++)
    if (table[i].there && table[i].id == id)
      return table[i].name;
  return 0;
}

enum ports_state apid_state(char const *name)
{
  struct entry const *e = entry(name, 0);

  return e ? e->state : PORTS_GONE;
}

long apid_conflict(struct rk_portspec const *spec)
{
  for (size_t i = 0; i < count; i++)
    if (table[i].there && rk_portspec_conflict(&table[i].spec, spec))
      return table[i].id;
  return 0;
}
