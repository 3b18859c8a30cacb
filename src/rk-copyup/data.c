/* SPDX-License-Identifier: ISC
   One regular file: its contents and its attributes. */
#include "copyup.h"

#include <errno.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <linux/limits.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

enum { PIECE = 65536 };

/* At most `most` bytes. How many, 0 at the end of the file, -1 with errno. */
static ssize_t copy_some(int in, int out, off_t most)
{
  static char buf[PIECE];
  ssize_t r = fd_read(in, buf, most < PIECE ? (size_t)most : PIECE);

  if (r > 0 && allwrite(out, buf, (size_t)r) < (size_t)r)
    return -1;
  return r;
}

/* To the end of the file, whatever size it claims: those of procfs and sysfs claim none, or a
   page. */
static int copy_bytes(int in, int out)
{
  ssize_t r;

  do
    r = copy_some(in, out, PIECE);
  while (r > 0);
  return (int)r;
}

static int copy_piece(int in, int out, off_t at, off_t end)
{
  if (lseek(in, at, SEEK_SET) == -1 || lseek(out, at, SEEK_SET) == -1)
    return -1;
  while (at < end) {
    ssize_t r = copy_some(in, out, end - at);
    if (r <= 0)
      return (int)r;
    at += r;
  }
  return 0;
}

/* A file that somebody writes to without end would have no end: its size at the beginning is what
   is copied. */
int copyup_data(int in, int out, off_t size)
{
  off_t at = 0;
  off_t end;
  struct stat st;

  if (fstat(in, &st) == -1)
    return -1;
  if (!size)
    return copy_bytes(in, out);
  if (size < PIECE || st.st_blocks * 512 >= size)
    return copy_piece(in, out, 0, size);
  while (at < size) { /* fewer blocks than bytes: a tmpfs would fill its holes with memory */
    at = lseek(in, at, SEEK_DATA);
    end = -1;
    if (at != -1)
      end = lseek(in, at, SEEK_HOLE);
    if (end == -1 && errno == ENXIO)
      break; /* no more data, or cut meanwhile */
    if (end == -1)
      return -1;
    if (end > size)
      end = size;
    if (copy_piece(in, out, at, end) == -1)
      return -1;
    at = end;
  }
  return ftruncate(out, size);
}

/* Attributes that belong to whoever owns the file; security.* and trusted.* belong to the system.
   (A file capability of the host means nothing in a user namespace, capabilities(7), and would
   begin to mean something in the copy.) */
static int is_owners(char const *name)
{
  if (!strncmp(name, "user.", 5))
    return 1;
  if (!strcmp(name, "system.posix_acl_access"))
    return 1;
  return !strcmp(name, "system.posix_acl_default");
}

static int copy_xattr(int in, int out, char const *name)
{
  static char value[XATTR_SIZE_MAX];
  ssize_t r = fgetxattr(in, name, value, sizeof value);

  if (r == -1)
    return -1;
  return fsetxattr(out, name, value, (size_t)r, 0);
}

/* An ACL may name ids that are not mapped here, and a file system may hold none or fewer. But what
   fails for a moment is no reason for a copy that is less. 0, or -1 with errno. */
static int note_lost(unsigned int *lost)
{
  if (errno == EIO || errno == ENOMEM || errno == EINTR)
    return -1;
  if (errno != EOPNOTSUPP)
    ++*lost;
  return 0;
}

static int copy_xattrs(int in, int out, unsigned int *lost)
{
  char names[4096];
  ssize_t len = flistxattr(in, names, sizeof names);

  if (len == -1)
    return note_lost(lost);
  for (char const *name = names; name < names + len; name += strlen(name) + 1) {
    if (!is_owners(name) || copy_xattr(in, out, name) == 0)
      continue;
    if (errno == EOPNOTSUPP)
      ++*lost;
    else if (note_lost(lost) == -1)
      return -1;
  }
  return 0;
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

  if (!uid && !gid)
    return 0;
  return fchown(out, uid, gid);
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
  if (fchmod(out, mode) == -1)
    return -1;
  if (copy_xattrs(in, out, lost) == -1)
    return -1;
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
