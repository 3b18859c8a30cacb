/* SPDX-License-Identifier: ISC
   A regular file: its copy in a tmpfs of its own is mounted on it. */
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include "copyup.h"

void copyup_file(struct copyup const *file)
{
  int tmpfs = copyup_tmpfs(0700);
  int in = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  int out = openat(tmpfs, "file", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int here = open(".", O_PATH | O_CLOEXEC), copy;
  unsigned int lost = 0;

  if (in < 0 || out < 0 || here < 0 || copyup_data(in, out, file->st.st_size) < 0 ||
      copyup_attributes(in, out, &file->st, &lost) < 0 || close(out) < 0)
    copyup_die("copy", file->path, "");
  close(in);
  if (lost)
    strerr_warnw(file->path, ": not all extended attributes could be kept");

  /* A mount can be cloned from an attached tmpfs only (before 6.15): attach it for a moment, on
     "/", where no path leads. */
  copyup_attach(tmpfs, AT_FDCWD, "/", "");
  copy = copyup_clone(tmpfs, "file", file->path);
  copyup_attach(copy, file->fd, "", file->path);
  close(copy);
  if (fchdir(tmpfs) < 0 || umount2(".", MNT_DETACH) < 0 || fchdir(here) < 0)
    copyup_die("detach", "a tmpfs", "");
  close(tmpfs);
  close(here);
}
