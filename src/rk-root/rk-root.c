/* SPDX-License-Identifier: ISC
   rk-root: another root directory, of which nothing leads out, then prog in it.

   where    inside: namespace root, directly after rk-pidns
   changes  mounts, the root and the working directory of every process of the mount namespace
            (pivot_root(2)): rk-pidns's pid 1, too. The control socket is closed.
   fds/env  refuses directories (-f keeps them)
   forks    no
   exits    100 usage, or a pid namespace that is not the chain's; 102 procfs cannot be mounted;
            111, 126, 127
 */
#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/fds.h>
#include <rk/link.h>
#include <rk/listen.h>
#include <rk/ns.h>
#include <rk/options.h>
#include <rk/sys.h>

enum { BINDS_MAX = 256 };

struct bind {
  char source[PATH_MAX];
  char place[PATH_MAX];
  int read_only;
  int mount; /* the detached clone of source */
  int file;  /* it is no directory */
};

struct options {
  struct bind binds[BINDS_MAX];
  size_t n;
  int read_only;
  char const *keep_fds;
};

static int take_bind(void *into, char const *value);

static struct rk_option const OPTIONS[] = {
  {.letter = 'b',
   .kind = RK_OPTION_CALL,
   .take = take_bind,
   .arg = "src:dst[:ro]",
   .text = "show src of the old root at dst of the new one, :ro for reading only",
   .many = 1},
  {.letter = 'r',
   .kind = RK_OPTION_FLAG,
   .at = offsetof(struct options, read_only),
   .text = "the new root is for reading only"},
  RK_OPTION_KEEP_FDS(struct options, "directories although they lead to the old root"),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-root",
  .summary = "execute a program with another root directory",
  .operands = "dir prog...",
  .options = OPTIONS,
};

/* Up to the next colon; returns what is after it: NULL if nothing is, or if the part is wrong. */
static char const *part(char const *s, char to[PATH_MAX])
{
  size_t len = strcspn(s, ":");

  if (!len || len >= PATH_MAX)
    return NULL;
  memcpy(to, s, len);
  to[len] = 0;
  return s[len] ? s + len + 1 : NULL;
}

static int take_bind(void *into, char const *value)
{
  struct options *o = into;
  struct bind *b = &o->binds[o->n];
  char const *rest;

  if (o->n == BINDS_MAX)
    rk_usage_die(&USAGE, "more than 256 binds");
  o->n++;
  rest = part(value, b->source);
  if (!rest)
    return 0;
  rest = part(rest, b->place);
  b->read_only = rest && !strcmp(rest, "ro");
  return *b->place == '/' && (!rest || b->read_only);
}

static void set_read_only(int mount, char const *shown)
{
  struct mount_attr const attr = {.attr_set = MOUNT_ATTR_RDONLY};
  unsigned int const flags = AT_EMPTY_PATH | AT_RECURSIVE;

  if (rk_mount_setattr(mount, "", flags, &attr) == 0)
    return;
  if (errno == ENOSYS)
    strerr_dief(RK_EXIT_SYS, "unable to make ", shown, " read-only: this needs Linux 5.12");
  strerr_diefusys(RK_EXIT_SYS, "make ", shown, " read-only");
}

/* All of them before the root changes: a source that is not there leaves nothing behind. */
static void open_bind(struct bind *b)
{
  struct stat st;

  b->mount = root_clone(AT_FDCWD, b->source);
  if (fstat(b->mount, &st) == -1)
    strerr_diefusys(RK_EXIT_SYS, "stat ", b->source);
  b->file = !S_ISDIR(st.st_mode);
  if (b->read_only)
    set_read_only(b->mount, b->source);
}

/* Its own procfs shows no process of the host; pid 1 is the only one that was there before, and
   pivot_root(2) takes it along. */
static void check_pidns(void)
{
  int owner = rk_ns_owner_at("/proc/self/ns/pid");

  if (owner == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /proc/self/ns/pid");
  if (owner != RK_NS_OURS)
    strerr_dief(RK_EXIT_USAGE, "the processes of the host could be seen: put rk-pidns directly "
                               "before rk-root (and after rk-net)");
  /* rk-pidns, our parent, is outside. One that is not (a shell) may work in a directory of the old
     root, and /proc/PID/cwd leads there: pivot_root(2) moves only who is in the root itself. */
  if (getppid())
    strerr_dief(RK_EXIT_USAGE, "the parent of this process is in the pid namespace, and may lead "
                               "to the old root: put rk-pidns directly before rk-root");
}

/* dir "-": an empty file system in memory; it is attached to "/", above everything. */
static int open_root(char const *dir)
{
  static char const *const options[] = {"mode", "0755", NULL};
  int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = old;
  int root;
  int kept;

  if (old == -1)
    strerr_diefusys(RK_EXIT_SYS, "open /");
  if (strcmp(dir, "-")) {
    fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd == -1)
      strerr_diefusys(RK_EXIT_SYS, "open ", dir);
    root = root_clone(fd, "");
  } else {
    root = root_new_fs("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  }
  kept = fcntl(root, F_DUPFD_CLOEXEC, 0);
  if (kept == -1)
    strerr_diefusys(RK_EXIT_SYS, "duplicate a file descriptor");
  root_attach(root, fd, dir);
  return kept;
}

static void check_dir(char const *dir)
{
  struct stat here;
  struct stat root;

  if (!strcmp(dir, "-"))
    return;
  if (!*dir)
    rk_usage_die(&USAGE, "dir is empty");
  if (stat(dir, &here) == -1 || stat("/", &root) == -1)
    strerr_diefusys(RK_EXIT_SYS, "stat ", dir);
  if (!S_ISDIR(here.st_mode))
    strerr_dief(RK_EXIT_USAGE, dir, " is not a directory");
  if (here.st_dev == root.st_dev && here.st_ino == root.st_ino)
    strerr_dief(RK_EXIT_USAGE, dir, " is the root directory already");
}

/* Neither the parent of the new root nor the old one may be shared (pivot_root(2)). */
static void stop_sharing(void)
{
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0)
    return;
  if (errno == EPERM || errno == EINVAL)
    strerr_dief(RK_EXIT_USAGE, "unable to change mounts: not permitted: rk-userns, rk-idmap and "
                               "rk-pidns come before this link");
  strerr_diefusys(RK_EXIT_SYS, "make the mounts slaves of the host's");
}

/* With "." twice the old root lies on the new one, until it is detached (pivot_root(2), NOTES). */
static void pivot(int root)
{
  if (fchdir(root) == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to the new root");
  if (syscall(SYS_pivot_root, ".", ".") == -1)
    strerr_diefusys(RK_EXIT_SYS, "make it the root directory");
  if (umount2(".", MNT_DETACH) == -1)
    strerr_diefusys(RK_EXIT_SYS, "detach the old root");
  if (chdir("/") == -1)
    strerr_diefusys(RK_EXIT_SYS, "change to /");
  close(root);
}

static void make_proc(int root)
{
  static char const *const none[] = {NULL};
  unsigned int const attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

  root_attach(root_new_fs("proc", none, attributes), root_place(root, "proc", 0), "/proc");
}

/* Directories to mount on are made before the root is read-only. */
static void make_places(int root, struct bind const *binds, size_t n)
{
  close(root_place(root, "proc", 0));
  close(root_place(root, "dev", 0));
  for (size_t i = 0; i < n; i++)
    close(root_place(root, binds[i].place, binds[i].file));
}

int main(int argc, char const *const *argv)
{
  static struct options o;
  int root;

  PROG = "rk-root";
  argv += rk_options(&USAGE, argc, argv, &o);
  check_dir(argv[0]);
  check_pidns();
  rk_fds_refuse(o.keep_fds, RK_FDS_FILES, 0);

  stop_sharing();
  for (size_t i = 0; i < o.n; i++)
    open_bind(&o.binds[i]);
  root = open_root(argv[0]);
  make_places(root, o.binds, o.n);
  if (o.read_only)
    set_read_only(root, argv[0]);
  root_dev(root);
  make_proc(root);
  for (size_t i = 0; i < o.n; i++) {
    struct bind const *b = &o.binds[i];
    root_attach(b->mount, root_place(root, b->place, b->file), b->place);
  }
  pivot(root);

  /* A file of the new root may have a link's name and path: nothing of the chain's goes to it. */
  rk_ctl_close();
  rk_listen_end(argv[1]);
  rk_link_exec(argv + 1, 0);
}
