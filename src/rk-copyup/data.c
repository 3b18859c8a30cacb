/* SPDX-License-Identifier: ISC
   One regular file: its contents and its attributes. */
#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include "copyup.h"

static char buf[65536];

/* To the end of the file, whatever size it claims: those of procfs and sysfs claim none, or a
   page. */
static int copy_bytes(int in, int out)
{
  for (;;) {
    ssize_t r = fd_read(in, buf, sizeof buf);
    if (r <= 0)
      return (int)r;
    if (allwrite(out, buf, (size_t)r) < (size_t)r)
      return -1;
  }
}

static int copy_piece(int in, int out, off_t at, off_t end)
{
  if (lseek(in, at, SEEK_SET) == -1 || lseek(out, at, SEEK_SET) == -1)
    return -1;
  while (at < end) {
    size_t want = end - at < (off_t)sizeof buf ? (size_t)(end - at) : sizeof buf;
    ssize_t r = fd_read(in, buf, want);
    if (r <= 0)
      return (int)r;
    if (allwrite(out, buf, (size_t)r) < (size_t)r)
      return -1;
    at += r;
  }
  return 0;
}

/* A file that somebody writes to without end would have no end: its size at the beginning is what
   is copied. */
int copyup_data(int in, int out, off_t size)
{
  off_t at = 0, end;
  struct stat st;

  if (fstat(in, &st) == -1)
    return -1;
  if (!size)
    return copy_bytes(in, out);
  if (size < (off_t)sizeof buf || st.st_blocks * 512 >= size)
    return copy_piece(in, out, 0, size);
  while (at < size) { /* fewer blocks than bytes: a tmpfs would fill its holes with memory */
    at = lseek(in, at, SEEK_DATA);
    if (at == -1 && errno == ENXIO)
      break;
    end = at == -1 ? -1 : lseek(in, at, SEEK_HOLE);
    if (end == -1 && errno == ENXIO)
      break; /* cut meanwhile */
    if (end > size)
      end = size;
    if (end == -1 || copy_piece(in, out, at, end) == -1)
      return -1;
    at = end;
  }
  return ftruncate(out, size);
}

/* Attributes that belong to whoever owns the file; security.* and trusted.* belong to the system.
   (A file capability of the host means nothing in a user namespace, capabilities(7), and would
   begin to mean something in the copy.) */
static int ours(char const *name)
{
  return !strncmp(name, "user.", 5) || !strcmp(name, "system.posix_acl_access") ||
         !strcmp(name, "system.posix_acl_default");
}

static void copy_xattrs(int in, int out, unsigned int *lost)
{
  char names[4096];
  ssize_t len = flistxattr(in, names, sizeof names), r;

  if (len < 0) {
    if (errno != EOPNOTSUPP)
      ++*lost;
    return;
  }
  for (char const *name = names; name < names + len; name += strlen(name) + 1) {
    if (!ours(name))
      continue;
    r = fgetxattr(in, name, buf, sizeof buf);
    /* an ACL may name ids that are not mapped here */
    if (r < 0 || fsetxattr(out, name, buf, (size_t)r, 0) < 0)
      ++*lost;
  }
}

/* An id that is not mapped shows as the overflow id (user_namespaces(7)). */
static int mapped(unsigned int id)
{
  return id != 65534;
}

int copyup_chown(int out, struct stat const *st)
{
  uid_t uid = mapped(st->st_uid) ? st->st_uid : 0;
  gid_t gid = mapped(st->st_gid) ? st->st_gid : 0;

  return uid || gid ? fchown(out, uid, gid) : 0;
}

int copyup_attributes(int in, int out, struct stat const *st, unsigned int *lost)
{
  struct timespec const times[] = {st->st_atim, st->st_mtim};
  mode_t mode = st->st_mode & 07777;

  if (copyup_chown(out, st) == -1)
    return -1;
  /* the kernel does not honour set-id bits for owners that are not mapped; as 0:0 they would come
     alive */
  if (!S_ISDIR(st->st_mode)) {
    if (!mapped(st->st_uid))
      mode &= ~(mode_t)S_ISUID;
    if (!mapped(st->st_gid))
      mode &= ~(mode_t)S_ISGID;
  }
  if (fchmod(out, mode) < 0)
    return -1;
  copy_xattrs(in, out, lost);
  return futimens(out, times);
}

void copyup_warn_lost(char const *path, unsigned int lost)
{
  char n[UINT_FMT];

  if (!lost)
    return;
  n[uint_fmt(n, lost)] = 0;
  strerr_warnw(path, ": ", n, " extended attributes could not be kept");
}
