/* SPDX-License-Identifier: ISC
   rk-copyup: new mount namespace, make the directories writable in it, then become prog.

   where    inside: namespace root (rk-userns rk-idmap before it)
   changes  mount namespace, mounts; the working directory is entered again if it lies in one of the
            directories
   fds/env  reads RK_STATE_DIR
   forks    no
   exits    100 usage or a path that cannot be copied up, 102 limit of mount namespaces, 111 system
            call, 126/127 prog
 */
#include "copyup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/host.h>
#include <rk/link.h>
#include <rk/options.h>
#include <rk/order.h>

/* In the order of -m's words. */
enum mode { SYMLINK, OVERLAY, COPY };

/* In the order of -p's words. */
static unsigned long const PROPAGATIONS[] = {
  MS_REC | MS_PRIVATE, MS_PRIVATE, MS_REC | MS_SLAVE, MS_SLAVE, MS_REC | MS_SHARED, MS_SHARED,
};

struct options {
  int mode;
  int propagation;
  int keep;
};

static struct rk_option const OPTIONS[] = {
  {.letter = 'm',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, mode),
   .arg = "symlink|overlay|copy",
   .text = "cover each with links to what is there, an overlay, or a copy",
   .aliases = "tmpfs+symlink||"},
  {.letter = 'p',
   .kind = RK_OPTION_WORD,
   .at = offsetof(struct options, propagation),
   .arg = "rprivate|private|rslave|slave|rshared|shared",
   .text = "how mounts pass between outside and inside (mount_namespaces(7))"},
  RK_OPTION_KEEP(struct options),
  {0},
};

static struct rk_usage const USAGE = {
  .name = "rk-copyup",
  .summary = "new mount namespace, make directories writable in it, then execute a program",
  .operands = "dirs prog...",
  .options = OPTIONS,
};

/* 0, 1 and 2 may be closed: what is opened here must not get these numbers, or a message would be
   written into it. */
static void guard_stdio(void)
{
  int fd;

  do
    fd = open("/", O_PATH | O_CLOEXEC);
  while (fd != -1 && fd <= 2);
  if (fd != -1)
    close(fd);
}

static void open_path(struct copyup *c, char const *path)
{
  c->path = path;
  c->fd = open(path, O_PATH | O_CLOEXEC);
  if (c->fd == -1)
    copyup_die("open", path, "");
  if (fstat(c->fd, &c->st) == -1)
    copyup_die("stat", path, "");
}

static void refuse_root(struct copyup const *c)
{
  struct stat root;

  if (stat("/", &root) == -1)
    copyup_die("stat", "/", "");
  if (root.st_dev == c->st.st_dev && root.st_ino == c->st.st_ino)
    strerr_dief(RK_EXIT_USAGE, "the root directory cannot be copied up: ", c->path);
}

static void check_readable(char const *path)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd == -1)
    copyup_die("read", path, "");
  close(fd);
}

/* What is done to each element of dirs. */
struct work {
  enum mode mode;
  char here[PATH_MAX]; /* the working directory by name, empty if it has none */
  int covered;         /* boolean: it lies in one of the directories */
};

/* Everything that can be known before something is done. */
static void check_path(char const *path, struct work *work)
{
  enum mode mode = work->mode;
  struct copyup c;

  if (!*path)
    strerr_dief(RK_EXIT_USAGE, "empty element in dirs");
  if (*path != '/')
    strerr_dief(RK_EXIT_USAGE, "not an absolute path: ", path,
                ": directories stand before the program, from / on");
  open_path(&c, path);
  if (!S_ISDIR(c.st.st_mode) && !S_ISREG(c.st.st_mode))
    strerr_dief(RK_EXIT_USAGE, "neither a directory nor a regular file: ", path);
  if (S_ISDIR(c.st.st_mode)) {
    refuse_root(&c);
    if (mode == OVERLAY)
      copyup_overlay_check(&c);
  }
  if (mode != OVERLAY || S_ISREG(c.st.st_mode))
    check_readable(path);
  close(c.fd);
}

static void cover_path(char const *path, struct work *work)
{
  static void (*const cover[])(struct copyup const *) = {
    [SYMLINK] = copyup_symlink, [OVERLAY] = copyup_overlay, [COPY] = copyup_copy};
  static char real[PATH_MAX];
  struct copyup c;

  open_path(&c, path);
  if (S_ISDIR(c.st.st_mode)) {
    copyup_real_path(&c, real);
    work->covered |= copyup_is_below(work->here, real);
    cover[work->mode](&c);
  } else {
    copyup_file(&c);
  }
  close(c.fd);
}

static void for_each(char const *dirs, struct work *work, void (*f)(char const *, struct work *))
{
  static char path[PATH_MAX];

  if (!*dirs)
    return;
  for (;;) {
    size_t len = strcspn(dirs, ":");
    if (len >= sizeof path)
      strerr_dief(RK_EXIT_USAGE, "path too long in dirs: more than 4095 bytes");
    memcpy(path, dirs, len);
    path[len] = 0;
    f(path, work);
    if (!dirs[len])
      return;
    dirs += len + 1;
  }
}

static void new_mounts(void)
{
  if (unshare(CLONE_NEWNS) == 0)
    return;
  if (errno == ENOSPC)
    rk_die_host("U7", "sysctl user.max_mnt_namespaces=15000",
                "unable to make a mount namespace: limit reached");
  rk_order_die("make a mount namespace");
}

static void propagate(unsigned long flags)
{
  if (mount(NULL, "/", NULL, flags, NULL) == -1)
    rk_order_die("set the propagation of mounts");
}

/* The chain's state directory is where outside and inside meet: a copy of it, or an overlay, would
   be a second one. */
static int open_state(char const *path)
{
  int fd;

  if (!path || *path != '/')
    return -1;
  fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd == -1)
    return -1;
  return copyup_clone(fd, "", path);
}

static void keep_state(int state, char const *path)
{
  struct stat was;
  struct stat is;
  struct copyup c;

  if (fstat(state, &was) == -1 || stat(path, &is) == -1)
    copyup_die("stat", path, "");
  if (was.st_dev == is.st_dev && was.st_ino == is.st_ino)
    return;
  open_path(&c, path);
  copyup_attach(state, c.fd, "", path);
  close(c.fd);
}

/* Several directories are one word, with colons. */
static void check_words(char const *dirs, char const *prog)
{
  struct stat st;

  if (*dirs == '/' && *prog == '/' && stat(prog, &st) == 0 && S_ISDIR(st.st_mode))
    rk_usage_die(&USAGE, prog,
                 " is a directory: directories are one word, with colons between: ", dirs, ":",
                 prog);
  if (strchr(dirs, ',') && !strchr(dirs, ':') && stat(dirs, &st) == -1)
    rk_usage_die(&USAGE, dirs, ": directories have colons between, as in /etc:/run");
}

int main(int argc, char const *const *argv)
{
  static struct work work;
  struct options o = {0};
  unsigned long propagation;
  char const *statedir = getenv("RK_STATE_DIR");
  int state = -1;
  char const *dirs;

  PROG = "rk-copyup";
  argv += rk_options(&USAGE, argc, argv, &o);
  work.mode = (enum mode)o.mode;
  propagation = PROPAGATIONS[o.propagation];
  dirs = argv[0];
  check_words(dirs, argv[1]);
  rk_order_need_ids();
  guard_stdio();
  for_each(dirs, &work, &check_path);
  /* (libc's brings malloc with it) */
  if (syscall(SYS_getcwd, work.here, sizeof work.here) == -1 || *work.here != '/')
    work.here[0] = 0;

  new_mounts();
  /* A namespace of another user's mounts gets them as slaves from the kernel (mount_namespaces(7));
     within one user namespace they would stay shared, and covering a directory would cover it
     outside. shared comes last for the same reason: a clone that is a peer of what it was cloned
     from would be covered with it. */
  if (propagation == (MS_REC | MS_PRIVATE))
    propagate(MS_REC | MS_PRIVATE);
  else
    propagate(MS_REC | MS_SLAVE);
  if (propagation == MS_PRIVATE)
    propagate(MS_PRIVATE);
  if (*dirs)
    state = open_state(statedir);
  for_each(dirs, &work, &cover_path);
  if (state != -1)
    keep_state(state, statedir);
  if (propagation & MS_SHARED)
    propagate(propagation);

  if (work.covered && chdir(work.here) == -1)
    copyup_die("enter again", work.here, "");
  rk_link_exec(argv + 1, o.keep);
}
