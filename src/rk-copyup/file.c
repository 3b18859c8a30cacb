/* SPDX-License-Identifier: ISC
   A regular file: its copy in a tmpfs of its own is mounted on it. */
#include "copyup.h"

#include <fcntl.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>

/* Returns how many attributes are lost, or -1 with errno. */
static int copy_into(struct copyup const *file, int tmpfs, char const *name)
{
  int in = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int out = openat(tmpfs, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  unsigned int lost = 0;

  if (in == -1 || out == -1)
    return -1;
  if (copyup_data(in, out, file->st.st_size) == -1)
    return -1;
  if (copyup_attributes(in, out, &file->st, &lost) == -1)
    return -1;
  if (close(out) == -1)
    return -1;
  close(in);
  return (int)lost;
}

void copyup_file(struct copyup const *file)
{
  int tmpfs = copyup_tmpfs(0700);
  int lost = copy_into(file, tmpfs, "file");
  int copy;

  if (lost == -1)
    copyup_die("copy", file->path, "");
  if (lost)
    strerr_warnw(file->path, ": not all extended attributes could be kept");

  /* A mount can be cloned from an attached tmpfs only (before 6.15): attach it for a moment, on
     "/", where no path leads. */
  copyup_attach(tmpfs, AT_FDCWD, "/", "");
  copy = copyup_clone(tmpfs, "file", file->path);
  copyup_attach(copy, file->fd, "", file->path);
  close(copy);
  copyup_detach(tmpfs);
  close(tmpfs);
}
