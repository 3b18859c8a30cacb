/* SPDX-License-Identifier: ISC
   Mode copy: a tmpfs with a copy of everything that can be read covers the directory. What cannot be copied by its nature
   (sockets, pipes, devices) and file systems mounted below the directory stay what they are: they are mounted into the copy. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/sys.h>
#include "copyup.h"

/* Hard links are recognised through a directory in the copy that holds, while copying, each file of several names once more:
   under its device and inode number. */
static char const LINKS[] = ".rk-copyup";

static struct copyup const *dir;
static int cover;
static int links;            /* that directory, -1 before the first such file */
static unsigned int lost;    /* extended attributes */
static struct copyup_names missed, mounted;
static char where[PATH_MAX]; /* the directory at hand, relative to dir, with a final slash unless empty: for messages */

static void die(char const *name) __attribute__((noreturn));
static void die(char const *name)
{
  char path[PATH_MAX];
  size_t len = strlen(where);

  memcpy(path, where, len);
  path[len - (len > 0)] = 0;
  strerr_diefusys(RK_EXIT_SYS, "copy ", dir->path, len ? "/" : "", path, *name ? "/" : "", name);
}

/* What may happen to any name of a living directory: 1 and noted if it is not to be read, 1 if it is gone, else 0. */
static int miss(char const *name)
{
  if (errno == ENOENT) return 1;
  if (errno != EACCES && errno != EPERM) return 0;
  copyup_names_add(&missed, where, name);
  return 1;
}

/* Mount the original here. */
static void keep(int from, int to, char const *name, int is_dir)
{
  struct stat st;
  int fd, tree;

  if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
    if (miss(name)) return;
    die(name);
  }
  tree = copyup_clone(from, name, dir->path);
  if (is_dir) {
    if (mkdirat(to, name, 0700) < 0) die(name);
  } else {
    fd = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) die(name);
    close(fd);
  }
  copyup_attach(tree, to, name, dir->path);
  close(tree);
}

static void copy_link(int from, int to, char const *name)
{
  char text[PATH_MAX];
  struct stat st;
  ssize_t len = readlinkat(from, name, text, sizeof text - 1);

  if (len < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
    if (miss(name)) return;
    die(name);
  }
  text[len] = 0;
  if (symlinkat(text, to, name) < 0
      || utimensat(to, name, (struct timespec const[]){st.st_atim, st.st_mtim}, AT_SYMLINK_NOFOLLOW) < 0)
    die(name);
}

static void copy_file(int from, int to, char const *name)
{
  int in = openat(from, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), out;
  char key[2 * UINT64_FMT];
  struct stat st;

  if (in < 0) {
    if (miss(name)) return;
    die(name);
  }
  if (fstat(in, &st) < 0) die(name);
  if (st.st_nlink > 1 && S_ISREG(st.st_mode)) {
    size_t n = uint64_xfmt(key, st.st_dev);
    key[n++] = '.';
    key[n + uint64_xfmt(key + n, st.st_ino)] = 0;
    if (links < 0 && (mkdirat(cover, LINKS, 0700) < 0 || (links = openat(cover, LINKS, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0))
      die(name);
    if (linkat(links, key, to, name, 0) == 0) {
      close(in);
      return;
    }
    if (errno != ENOENT) die(name);
  }
  out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (out < 0) die(name);
  if (copyup_data(in, out, st.st_size) < 0) {
    if (errno != EINVAL) die(name);
    /* no reading at all: a namespace mounted on a file, as in /run/netns */
    if (unlinkat(to, name, 0) < 0) die(name);
    keep(from, to, name, 0);
  } else if (copyup_attributes(in, out, &st, &lost) < 0 || (st.st_nlink > 1 && linkat(to, name, links, key, 0) < 0))
    die(name);
  close(in);
  close(out);
}

static void copy_tree(int from, int to);

static void copy_dir(int from, int to, char const *name)
{
  struct open_how const how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW, .resolve = RESOLVE_NO_XDEV};
  int in = rk_openat2(from, name, &how), out;
  size_t len = strlen(where), nlen = strlen(name);
  struct stat st;

  if (in < 0) {
    if (errno == EXDEV) {
      copyup_names_add(&mounted, where, name);
      keep(from, to, name, 1);
      return;
    }
    if (miss(name)) return;
    die(name);
  }
  if (fstat(in, &st) < 0 || mkdirat(to, name, 0700) < 0 || (out = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
    die(name);
  if (len + nlen + 2 > sizeof where) {
    errno = ENAMETOOLONG;
    die(name);
  }
  memcpy(where + len, name, nlen);
  memcpy(where + len + nlen, "/", 2);
  copy_tree(in, out);
  if (copyup_attributes(in, out, &st, &lost) < 0) die("");
  where[len] = 0;
  close(in);
  close(out);
}

static void copy_tree(int from, int to)
{
  struct copyup_list list = {.fd = from};
  char const *name;
  unsigned char type;
  int r;

  while ((r = copyup_next(&list, &name, &type)) > 0) {
    if (type == DT_DIR) copy_dir(from, to, name);
    else if (type == DT_REG) copy_file(from, to, name);
    else if (type == DT_LNK) copy_link(from, to, name);
    else keep(from, to, name, 0);
  }
  if (r < 0) die("");
}

static void remove_links(void)
{
  struct copyup_list list = {.fd = links};
  char const *name;
  unsigned char type;
  int r;

  if (links < 0) return;
  while ((r = copyup_next(&list, &name, &type)) > 0)
    if (unlinkat(links, name, 0) < 0) die(LINKS);
  if (r < 0 || unlinkat(cover, LINKS, AT_REMOVEDIR) < 0) die(LINKS);
  close(links);
}

static void say(struct copyup_names *names, char const *what)
{
  char n[UINT_FMT];

  if (!names->n) return;
  n[uint_fmt(n, names->n)] = 0;
  strerr_warnw(dir->path, ": ", n, what, copyup_names_text(names));
}

void copyup_copy(struct copyup const *directory)
{
  int from = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), tmpfs;

  dir = directory;
  links = -1;
  lost = 0;
  memset(&missed, 0, sizeof missed);
  memset(&mounted, 0, sizeof mounted);
  *where = 0;
  tmpfs = copyup_tmpfs(0700);
  copyup_attach(tmpfs, dir->fd, "", dir->path);
  cover = openat(tmpfs, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); /* a mount's own fd takes no fchmod */
  if (from < 0 || cover < 0) copyup_die("read", dir->path, "");
  copy_tree(from, cover);
  remove_links();
  if (copyup_attributes(from, cover, &dir->st, &lost) < 0) die("");
  close(from);
  close(cover);
  close(tmpfs);

  say(&missed, " entries could not be read and are missing from the copy:");
  say(&mounted, " file systems mounted below it stay as they are:");
  copyup_warn_lost(dir->path, lost);
}
