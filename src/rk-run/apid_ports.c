/* SPDX-License-Identifier: ISC
   Numbers for the files of ports/. */
#include "apid.h"
#include "ports_dir.h"
#include <rk/state.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IDS ".apid.ids"
enum { NAMES_MAX = 4096, NAME_MAX_ = 255, IDS_SIZE = 65536 };

/* One port file. */
struct entry {
  long id;
  char name[NAME_MAX_ + 1];
  struct rk_portspec spec;
};

/* .apid.ids: the next id on the first line, then "ID NAME" for each name that is no number. */
struct ids {
  long next;
  size_t len;
  char text[IDS_SIZE];
};

static long number(char const *name)
{
  char *end;
  long n;

  if (*name < '1' || *name > '9') return 0;
  n = strtol(name, &end, 10);
  return *end || n == LONG_MAX ? 0 : n;
}

static void load(struct apid const *a, struct ids *ids)
{
  ssize_t n = rk_fact_read(a->dirfd, IDS, ids->text, sizeof ids->text);
  char *nl;

  ids->next = 1;
  ids->len = 0;
  if (n <= 0) return;
  ids->next = strtol(ids->text, 0, 10);
  if (ids->next < 1) ids->next = 1;
  nl = strchr(ids->text, '\n');
  if (!nl) return;
  ids->len = (size_t)(n - (nl + 1 - ids->text));
  memmove(ids->text, nl + 1, ids->len + 1);
  ids->text[ids->len++] = '\n';
}

static int store(struct apid const *a, struct ids const *ids)
{
  char *text = malloc(IDS_SIZE + 32);
  int n, r;

  if (!text) return -1;
  n = snprintf(text, 32, "%ld\n", ids->next);
  memcpy(text + n, ids->text, ids->len);
  r = rk_fact_write(a->dirfd, IDS, text, (size_t)n + ids->len, 0600);
  free(text);
  return r;
}

static long known(struct ids const *ids, char const *name)
{
  size_t len = strlen(name);

  for (char const *p = ids->text, *end = p + ids->len; p < end;) {
    char const *nl = memchr(p, '\n', (size_t)(end - p)), *sp = memchr(p, ' ', (size_t)(end - p));
    if (!nl || !sp || sp > nl) return 0;
    if ((size_t)(nl - sp - 1) == len && !memcmp(sp + 1, name, len)) return strtol(p, 0, 10);
    p = nl + 1;
  }
  return 0;
}

static int by_id(void const *x, void const *y)
{
  long a = ((struct entry const *)x)->id, b = ((struct entry const *)y)->id;
  return a < b ? -1 : a > b;
}

static int read_file(struct apid const *a, struct entry *e)
{
  char path[NAME_MAX_ + 8], text[RK_PORTFILE_MAX + 1], err[RK_PORTSPEC_ERRMAX];
  struct rk_portfile file;
  unsigned int line;
  ssize_t n;

  snprintf(path, sizeof path, "ports/%s", e->name);
  n = rk_fact_read(a->dirfd, path, text, sizeof text);
  if (n < 0 || rk_portfile_parse(text, (size_t)n, &file, &line, err, sizeof err) < 0) return -1;
  e->spec = file.spec;
  return 0;
}

/* All port files that can be read, sorted by id, allocated; *n how many. Names without a number get one. */
static struct entry *scan(struct apid const *a, size_t *n)
{
  struct entry *list = malloc(sizeof *list * 64);
  size_t room = 64;
  int fd = openat(a->dirfd, "ports", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), changed = 0;
  DIR *dir = fd < 0 ? 0 : fdopendir(fd);
  struct ids *ids = malloc(sizeof *ids);

  *n = 0;
  if (!dir && fd >= 0) close(fd);
  if (list && dir && ids) {
    load(a, ids);
    for (struct dirent *d; (d = readdir(dir)) && *n < NAMES_MAX * 16;) {
      struct entry *e;
      if (d->d_name[0] == '.') continue;
      if (*n == room) {
        e = realloc(list, (room *= 2) * sizeof *list);
        if (!e) break;
        list = e;
      }
      e = list + *n;
      snprintf(e->name, sizeof e->name, "%s", d->d_name);
      if (read_file(a, e) < 0) continue;
      e->id = number(e->name);
      if (!e->id) e->id = known(ids, e->name);
      if (e->id >= ids->next) ids->next = e->id + 1, changed = 1;
      ++*n;
    }
    for (size_t i = 0; i < *n; i++)
      if (!list[i].id) {
        list[i].id = ids->next++;
        changed = 1;
        if (ids->len + strlen(list[i].name) + 32 < IDS_SIZE)
          ids->len += (size_t)snprintf(ids->text + ids->len, IDS_SIZE - ids->len, "%ld %s\n", list[i].id, list[i].name);
      }
    if (changed) store(a, ids);
    qsort(list, *n, sizeof *list, by_id);
  }
  if (dir) closedir(dir);
  free(ids);
  return list;
}

cJSON *apid_list(struct apid const *a)
{
  size_t n;
  struct entry *list = scan(a, &n);
  cJSON *array = cJSON_CreateArray();
  char err[RK_PORTSPEC_ERRMAX];

  for (size_t i = 0; i < n; i++) {
    if (ports_status(a->dirfd, list[i].name, err, sizeof err) != PORTS_LISTENING) continue;
    for (unsigned int k = 0; k < list[i].spec.count; k++) cJSON_AddItemToArray(array, apid_status(list[i].id, &list[i].spec, k));
  }
  free(list);
  if (array && array->child) return array;
  cJSON_Delete(array);
  return cJSON_CreateNull();
}

long apid_new_id(struct apid const *a)
{
  size_t n;
  struct entry *list = scan(a, &n); /* raises the next id above every number in use */
  struct ids *ids = malloc(sizeof *ids);
  long id = -1;

  free(list);
  if (!ids) return -1;
  load(a, ids);
  id = ids->next++;
  if (store(a, ids) < 0) id = -1;
  free(ids);
  return id;
}

int apid_name(struct apid const *a, long id, char *name, size_t size)
{
  size_t n;
  struct entry *list = scan(a, &n);
  int r = -1;

  for (size_t i = 0; i < n && r < 0; i++)
    if (list[i].id == id) {
      snprintf(name, size, "%s", list[i].name);
      r = 0;
    }
  free(list);
  return r;
}

long apid_conflict(struct apid const *a, struct rk_portspec const *spec)
{
  size_t n;
  struct entry *list = scan(a, &n);
  long id = 0;

  for (size_t i = 0; i < n && !id; i++)
    if (rk_portspec_conflict(&list[i].spec, spec)) id = list[i].id;
  free(list);
  return id;
}
