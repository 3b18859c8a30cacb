/* SPDX-License-Identifier: ISC */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/djbunix.h>

#include <rk/portid.h>
#include "errtext.h"

struct published *table_find(struct table const *table, char const *name)
{
  size_t len = strlen(name);

  for (struct published *p = table->first; p; p = p->next)
    if (p->namelen == len && !memcmp(p->name, name, len))
      return p;
  return NULL;
}

struct published *table_id(struct table const *table, uint32_t id)
{
  for (struct published *p = table->first; p; p = p->next)
    if (p->id == id)
      return p;
  return NULL;
}

/* A name that is a number is its own id, so that who takes a number from rk/portid.h can make the
   file by himself; any other name gets a number, and keeps it while it is published. 0, or -1 with
   errno. */
static int newid(struct table *table, char const *name, uint32_t *id)
{
  *id = rk_portid_number(name);
  if (*id > table->raised) {
    if (rk_portid_raise(table->dir, *id) == -1)
      return -1;
    table->raised = *id;
  }
  if (!*id && rk_portid_named(table->dir, name, id) == -1)
    return -1;
  while (table_id(table, *id)) /* somebody has written what is ours to write */
    if (rk_portid_next(table->dir, id) == -1)
      return -1;
  return 0;
}

struct published *table_add(struct table *table, char const *name)
{
  size_t len = strlen(name);
  struct published *p = calloc(1, sizeof *p + len + 1);
  struct published **end = &table->first;

  if (!p)
    return NULL;
  memcpy(p->name, name, len + 1);
  p->namelen = len;
  if (newid(table, name, &p->id) == -1) {
    int e = errno;
    free(p);
    errno = e;
    return NULL;
  }
  while (*end)
    end = &(*end)->next;
  *end = p;
  return p;
}

void table_remove(struct table *table, struct published *p)
{
  struct published **at = &table->first;

  while (*at != p)
    at = &(*at)->next;
  *at = p->next;
  free(p->error);
  free(p);
}

struct published *table_conflict(struct table const *table, struct published const *p)
{
  if (p->file.listenfd[0])
    return NULL;
  for (struct published *o = table->first; o; o = o->next) {
    if (o == p || !port_open(o->state) || o->borrowed)
      continue;
    if (!rk_portspec_conflict(&o->file.spec, &p->file.spec))
      continue;
    if (!strcmp(o->file.ifname, p->file.ifname)) /* of others the kernel knows */
      return o;
  }
  return NULL;
}

struct published *table_borrower(struct table const *table, struct published const *p)
{
  if (!p->borrowed)
    return NULL;
  for (struct published *o = table->first; o; o = o->next) {
    if (o == p || !o->borrowed)
      continue;
    if (o->fds[0] == p->fds[0])
      return o;
  }
  return NULL;
}

static enum file_read unreadable(int e, struct rk_text *why)
{
  rk_text_add(why, "unable to read the port file: ", errtext(e));
  return errno_passes(e) ? FILE_LATER : FILE_BAD;
}

/* What the open file holds. Its length, or -1 with the reason in *result and *why. text: one byte
   more than may be, the parser then says so. */
static ssize_t read_text(int fd, char *text, size_t size, struct timespec *mtime,
                         enum file_read *result, struct rk_text *why)
{
  struct stat st;
  size_t len;

  if (fstat(fd, &st) == -1) {
    *result = unreadable(errno, why);
    return -1;
  }
  *mtime = st.st_mtim;
  if (!S_ISREG(st.st_mode)) {
    rk_text_str(why, "unable to read the port file: not a regular file");
    *result = FILE_BAD;
    return -1;
  }
  errno = 0;
  len = allread(fd, text, size);
  if (errno && errno != EPIPE) { /* EPIPE: skalibs' word for the end of the file */
    *result = unreadable(errno, why);
    return -1;
  }
  return (ssize_t)len;
}

/* Keep writers out while the file is read: a read lease, which the kernel refuses while somebody
   has it open for writing (EAGAIN, fcntl(2)): -1. Whoever opens it meanwhile waits for us. Where
   there are no leases (the file is another user's, or the file system knows none) it is read as it
   is. */
static int hold(int fd)
{
  if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0)
    return 0;
  return errno == EAGAIN ? -1 : 0;
}

enum file_read table_read(int ports, char const *name, struct rk_portfile *file,
                          struct timespec *mtime, struct rk_text *why)
{
  char text[RK_PORTFILE_MAX + 1];
  char err[RK_PORTSPEC_ERRMAX];
  enum file_read result = FILE_BAD;
  struct stat st;
  unsigned int line;
  ssize_t len;
  int fd;

  if (fstatat(ports, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    *mtime = st.st_mtim;
  fd = openat(ports, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
  if (fd == -1 && errno == ENOENT)
    return FILE_GONE;
  if (fd == -1)
    return unreadable(errno, why);
  if (hold(fd) == -1) {
    close(fd);
    return FILE_WRITING;
  }
  len = read_text(fd, text, sizeof text, mtime, &result, why);
  close(fd); /* and the lease ends */
  if (len == -1)
    return result;
  if (rk_portfile_parse(text, (size_t)len, file, &line, err, sizeof err) == 0)
    return FILE_GOOD;
  if (line) {
    rk_text_str(why, "line ");
    rk_text_num(why, line);
    rk_text_str(why, ": ");
  }
  rk_text_str(why, err);
  return FILE_BAD;
}

int table_same_side(struct rk_portfile const *a, struct rk_portfile const *b)
{
  struct rk_portspec const *x = &a->spec;
  struct rk_portspec const *y = &b->spec;

  if (x->proto != y->proto || x->count != y->count)
    return 0;
  if (x->parentport != y->parentport)
    return 0;
  if (strcmp(x->parentpath, y->parentpath) != 0 || x->mode != y->mode)
    return 0;
  if (strcmp(a->ifname, b->ifname) != 0 || strcmp(a->groupif, b->groupif) != 0)
    return 0;
  if (!IN6_ARE_ADDR_EQUAL(&a->group, &b->group))
    return 0;
  return !strcmp(x->parentip, y->parentip) && !strcmp(a->listenfd, b->listenfd);
}
