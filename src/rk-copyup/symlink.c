/* SPDX-License-Identifier: ISC
   Mode symlink: a tmpfs covers the directory, the original is mounted below it as .roN, and every
   entry is a symbolic link: NAME -> .roN/NAME, or the original's own text where the original is
   one. The layout is RootlessKit's; its mode 1777 is not: with it every user inside could put a
   file of its own in the place of /etc/passwd.

   Through .roN a directory is one level deeper than it was, so a relative link in it that climbs
   out of the covered directory (/etc/ssl/certs -> ../../var/lib/ca-certificates/pem) would miss its
   target. An entry that may hold such a link is mounted once more, by itself and at its own depth:
   NAME -> .roM, where .roM is that directory. So is an entry with a link to such an entry
   (/etc/pki/certs -> ../ssl/certs), which would find it below .roN. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/sys.h>
#include "copyup.h"

enum { RO_MAX = 3 + UINT_FMT };

/* The next .roN that the original does not hold: layers may lie upon layers. */
static size_t ro_name(char *ro, int original, unsigned int *n)
{
  struct stat st;
  size_t len;

  memcpy(ro, ".ro", 3);
  do {
    len = 3 + uint_fmt(ro + 3, ++*n);
    ro[len] = 0;
  } while (fstatat(original, ro, &st, AT_SYMLINK_NOFOLLOW) == 0);
  return len;
}

static struct copyup const *dir;
static int cover;
static char base[RO_MAX + 1]; /* .roN/ of the whole original */
static size_t baselen;
static unsigned int n;  /* last .roN */
static uint64_t astray; /* names of entries that lead astray when they are reached below .roN */

/* Entries that lead to other entries only: whether these lead astray is known when all have been
   seen. */
static struct waiting {
  uint64_t tops;
  uint16_t name; /* in names */
  uint16_t is_dir;
} waiting[1024];
static unsigned int nwaiting;
static char names[32768];
static size_t nameslen;

/* In a directory that changes one name may be listed twice: the first stays. */
static void make_link(char const *text, char const *name)
{
  if (symlinkat(text, cover, name) == -1 && errno != EEXIST)
    copyup_die("make link", dir->path, name);
}

/* An entry that cannot be mounted alone because it is gone, or no directory any more: a link to it,
   as any other has. */
static void link_below(char const *name)
{
  char text[sizeof base + NAME_MAX + 1];

  memcpy(text, base, baselen);
  memcpy(text + baselen, name, strlen(name) + 1);
  make_link(text, name);
}

static void mount_alone(char const *name)
{
  int fd = rk_open_tree(dir->fd, name,
                        OPEN_TREE_CLONE | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  char ro[RO_MAX];
  struct stat st;

  if (fd == -1 && errno != ENOENT)
    copyup_die("clone the mount of", dir->path, name);
  if (fd == -1)
    return;
  if (fstat(fd, &st) == -1 || !S_ISDIR(st.st_mode)) {
    close(fd);
    link_below(name);
    return;
  }
  ro_name(ro, dir->fd, &n);
  if (mkdirat(cover, ro, 0700) < 0)
    copyup_die("make", dir->path, ro);
  copyup_attach(fd, cover, ro, dir->path);
  close(fd);
  make_link(ro, name);
  astray |= escape_bit(name, strlen(name));
}

/* 0: no room left */
static int wait_for(uint64_t tops, char const *name, int is_dir)
{
  size_t len = strlen(name) + 1;

  if (nwaiting == sizeof waiting / sizeof *waiting || nameslen + len > sizeof names)
    return 0;
  waiting[nwaiting++] = (struct waiting){
    .tops = tops, .name = (uint16_t)nameslen, .is_dir = (uint16_t)is_dir};
  memcpy(names + nameslen, name, len);
  nameslen += len;
  return 1;
}

static void settle(void)
{
  uint64_t before;

  do {
    before = astray;
    for (unsigned int i = 0; i < nwaiting; i++) {
      char const *name = names + waiting[i].name;
      if (!(waiting[i].tops & astray))
        continue;
      waiting[i].tops = 0;
      if (!waiting[i].is_dir)
        astray |= escape_bit(name, strlen(name));
      else if (unlinkat(cover, name, 0) < 0)
        copyup_die("unlink", dir->path, name);
      else
        mount_alone(name);
    }
  } while (astray != before);
}

static void link_again(char const *name)
{
  struct escape_climb climb = {0};
  char text[PATH_MAX];
  ssize_t len = readlinkat(dir->fd, name, text, sizeof text - 1);

  if (len < 0 && errno == ENOENT)
    return;                         /* gone meanwhile */
  if (len < 0 && errno == EINVAL) { /* no link any more */
    link_below(name);
    return;
  }
  if (len < 0)
    copyup_die("read link", dir->path, name);
  text[len] = 0;
  make_link(text, name);
  escape_climb(&climb, text, 0);
  if (climb.out || (climb.tops && !wait_for(climb.tops, name, 0)))
    astray |= escape_bit(name, strlen(name));
}

void copyup_symlink(struct copyup const *directory)
{
  struct copyup_list list = {.fd = openat(directory->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  int original = copyup_clone(directory->fd, "", directory->path);
  char const *name;
  unsigned char type;
  unsigned int lost = 0;
  int own, r;

  dir = directory;
  n = nwaiting = 0;
  nameslen = 0;
  astray = 0;
  if (list.fd < 0)
    copyup_die("read", dir->path, "");
  cover = copyup_tmpfs(0700);
  copyup_attach(cover, dir->fd, "", dir->path);
  baselen = ro_name(base, dir->fd, &n);
  if (mkdirat(cover, base, 0700) < 0)
    copyup_die("make", dir->path, base);
  copyup_attach(original, cover, base, dir->path);
  close(original);

  base[baselen++] = '/';
  while ((r = copyup_next(&list, &name, &type)) > 0) {
    struct escape_climb climb = {0};
    if (type == DT_LNK) {
      link_again(name);
      continue;
    }
    if (type == DT_DIR)
      escape_search(&climb, list.fd, name);
    if (climb.out || (climb.tops && !wait_for(climb.tops, name, 1)))
      mount_alone(name);
    else
      link_below(name);
  }
  if (r < 0 && errno != ENOENT)
    copyup_die("read", dir->path, "");
  settle();
  /* a mount's own fd takes no fchmod */
  own = openat(cover, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (own == -1 || copyup_attributes(list.fd, own, &dir->st, &lost) == -1)
    copyup_die("set the mode of", dir->path, "");
  copyup_warn_lost(dir->path, lost);
  close(own);
  close(list.fd);
  close(cover);
}
