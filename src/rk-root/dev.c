/* SPDX-License-Identifier: ISC */
#include "root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/sys.h>

static char const *const DEVICES[] = {"null", "zero", "full", "random", "urandom", "tty"};

static struct {
  char const *name;
  char const *text;
} const LINKS[] = {
  {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
  {"stderr", "/proc/self/fd/2"}, {"ptmx", "pts/ptmx"}, /* Documentation/filesystems/devpts.rst */
};

enum { DEVICES_N = sizeof DEVICES / sizeof *DEVICES, LINKS_N = sizeof LINKS / sizeof *LINKS };

/* A user namespace cannot make device nodes (mknod(2)), only bind those that are there. */
static void bind_device(int dev, char const *name)
{
  int host = open("/dev", O_PATH | O_DIRECTORY | O_CLOEXEC);

  if (host == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /dev");
  root_attach(root_clone(host, name), root_place(dev, name, 1), name);
  close(host);
}

static void make_pts(int dev)
{
  static char const *const options[] = {"ptmxmode", "0666", "mode", "0620", NULL};
  int pts = root_new_fs("devpts", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);

  root_attach(pts, root_place(dev, "pts", 0), "/dev/pts");
}

static void make_shm(int dev)
{
  static char const *const options[] = {"mode", "1777", NULL};
  int shm = root_new_fs("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);

  root_attach(shm, root_place(dev, "shm", 0), "/dev/shm");
}

void root_dev(int root)
{
  static char const *const options[] = {"mode", "0755", NULL};
  int tmpfs = root_new_fs("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  int dev;

  root_attach(tmpfs, root_place(root, "dev", 0), "/dev");
  dev = root_place(root, "dev", 0);
  for (size_t i = 0; i < DEVICES_N; i++)
    bind_device(dev, DEVICES[i]);
  make_pts(dev);
  make_shm(dev);
  for (size_t i = 0; i < LINKS_N; i++)
    if (symlinkat(LINKS[i].text, dev, LINKS[i].name) == -1)
      strerr_diefusys(RK_EXIT_SYS, "make /dev/", LINKS[i].name, " in the new root");
  close(dev);
}
