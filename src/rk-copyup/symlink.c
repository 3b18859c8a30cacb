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
#include "copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

enum { RO_MAX = 3 + UINT_FMT };

/* An entry that leads to other entries only: whether these lead astray is known when all have been
   seen. */
struct waiting {
  uint64_t tops;
  uint16_t name; /* in names */
  uint16_t is_dir;
};

/* One directory's cover. */
struct cover {
  struct copyup const *dir;
  int fd;                /* the tmpfs */
  char base[RO_MAX + 1]; /* .roN/ of the whole original */
  unsigned int n;        /* last .roN */
  uint64_t astray;       /* names of entries that lead astray when reached below .roN */
  unsigned int nwaiting;
  size_t nameslen;
  struct waiting waiting[1024];
  char names[32768];
};

enum { WAITING_MAX = sizeof((struct cover *)0)->waiting / sizeof(struct waiting) };

/* The next .roN that the original does not hold: layers may lie upon layers. */
static void next_ro(struct cover *c, char ro[RO_MAX])
{
  struct stat st;

  do {
    struct rk_text t = rk_text_in(ro, RO_MAX);
    rk_text_str(&t, ".ro");
    rk_text_num(&t, ++c->n);
  } while (fstatat(c->dir->fd, ro, &st, AT_SYMLINK_NOFOLLOW) == 0);
}

/* Mount at the next .roN. 0, or -1 with errno: EINVAL, it is no directory any more (do_move_mount()
   in fs/namespace.c compares the two), of which the kernel knows by itself; a dead or hanging file
   system (FUSE, NFS) is not asked. */
static int try_ro(struct cover *c, int mountfd, char ro[RO_MAX])
{
  int e;

  next_ro(c, ro);
  if (rk_mkdirat(c->fd, ro, 0700) == -1)
    copyup_die("make", c->dir->path, ro);
  if (rk_move_mount(mountfd, "", c->fd, ro, MOVE_MOUNT_F_EMPTY_PATH) == 0)
    return 0;
  e = errno;
  unlinkat(c->fd, ro, AT_REMOVEDIR);
  return rk_fail(e);
}

static void mount_ro(struct cover *c, int mountfd, char ro[RO_MAX])
{
  if (try_ro(c, mountfd, ro) == -1)
    copyup_die("mount on", c->dir->path, ro);
}

/* In a directory that changes one name may be listed twice: the first stays. */
static void make_link(struct cover const *c, char const *text, char const *name)
{
  if (symlinkat(text, c->fd, name) == -1 && errno != EEXIST)
    copyup_die("make link", c->dir->path, name);
}

/* A link to the entry of the whole original. */
static void link_below(struct cover const *c, char const *name)
{
  char text[sizeof c->base + NAME_MAX + 1];
  struct rk_text t = rk_text_in(text, sizeof text);

  rk_text_add(&t, c->base, name);
  make_link(c, text, name);
}

static void lead_astray(struct cover *c, char const *name)
{
  c->astray |= escape_bit(name, strlen(name));
}

/* An entry that cannot be mounted alone because it is gone, or no directory any more, gets a link
   as any other. */
static void mount_alone(struct cover *c, char const *name)
{
  int fd = rk_open_tree(c->dir->fd, name, COPYUP_CLONE);
  char ro[RO_MAX];

  if (fd == -1) {
    if (errno == ENOENT)
      return;
    copyup_die("clone the mount of", c->dir->path, name);
  }
  if (try_ro(c, fd, ro) == 0) {
    make_link(c, ro, name);
    lead_astray(c, name);
  } else if (errno == EINVAL || errno == ENOTDIR || errno == ENOENT) {
    link_below(c, name);
  } else {
    copyup_die("mount on", c->dir->path, ro);
  }
  close(fd);
}

/* Returns whether the entry must be taken to lead astray now: out of the directory, or there is no
   room to wait with it. */
static int judge(struct cover *c, struct escape_climb const *climb, char const *name, int is_dir)
{
  size_t len = strlen(name) + 1;

  if (climb->out)
    return 1;
  if (!climb->tops)
    return 0;
  if (c->nwaiting == WAITING_MAX)
    return 1;
  if (c->nameslen + len > sizeof c->names)
    return 1;
  c->waiting[c->nwaiting++] = (struct waiting){
    .tops = climb->tops,
    .name = (uint16_t)c->nameslen,
    .is_dir = (uint16_t)is_dir,
  };
  memcpy(c->names + c->nameslen, name, len);
  c->nameslen += len;
  return 0;
}

/* One that waited leads astray. */
static void settle_one(struct cover *c, struct waiting *w)
{
  char const *name = c->names + w->name;

  w->tops = 0;
  if (!w->is_dir) {
    lead_astray(c, name);
    return;
  }
  if (unlinkat(c->fd, name, 0) == -1)
    copyup_die("unlink", c->dir->path, name);
  mount_alone(c, name);
}

static void settle(struct cover *c)
{
  uint64_t before;

  do {
    before = c->astray;
    for (unsigned int i = 0; i < c->nwaiting; i++)
      if (c->waiting[i].tops & c->astray)
        settle_one(c, &c->waiting[i]);
  } while (c->astray != before);
}

static void link_again(struct cover *c, char const *name)
{
  struct escape_climb climb = {0};
  char text[PATH_MAX];
  ssize_t len = readlinkat(c->dir->fd, name, text, sizeof text - 1);

  if (len == -1 && errno == ENOENT)
    return;                           /* gone meanwhile */
  if (len == -1 && errno == EINVAL) { /* no link any more */
    link_below(c, name);
    return;
  }
  if (len == -1)
    copyup_die("read link", c->dir->path, name);
  text[len] = 0;
  make_link(c, text, name);
  escape_climb(&climb, text, 0);
  if (judge(c, &climb, name, 0))
    lead_astray(c, name);
}

static void cover_entry(struct cover *c, int dirfd, char const *name, unsigned char type)
{
  struct escape_climb climb = {0};

  if (type == DT_LNK) {
    link_again(c, name);
    return;
  }
  if (type == DT_DIR)
    escape_search(&climb, dirfd, name);
  if (judge(c, &climb, name, 1))
    mount_alone(c, name);
  else
    link_below(c, name);
}

static void begin(struct cover *c, struct copyup const *dir)
{
  int original = copyup_clone(dir->fd, "", dir->path);

  c->dir = dir;
  c->n = 0;
  c->nwaiting = 0;
  c->nameslen = 0;
  c->astray = 0;
  c->fd = copyup_tmpfs(0700);
  copyup_attach(c->fd, dir->fd, "", dir->path);
  mount_ro(c, original, c->base);
  close(original);
  strcat(c->base, "/");
}

void copyup_symlink(struct copyup const *dir)
{
  static struct cover cover; /* too large for a stack */
  struct copyup_list list = {.fd = copyup_read_dir(dir->fd, ".")};
  char const *name;
  unsigned char type;
  unsigned int lost = 0;
  int own;
  int r;

  if (list.fd == -1)
    copyup_die("read", dir->path, "");
  begin(&cover, dir);
  while ((r = copyup_next(&list, &name, &type)) > 0)
    cover_entry(&cover, list.fd, name, type);
  if (r == -1 && errno != ENOENT)
    copyup_die("read", dir->path, "");
  settle(&cover);
  /* a mount's own fd takes no fchmod */
  own = copyup_read_dir(cover.fd, ".");
  if (own == -1)
    copyup_die("set the mode of", dir->path, "");
  if (copyup_attributes(list.fd, own, &dir->st, &lost) == -1)
    copyup_die("set the mode of", dir->path, "");
  copyup_warn_lost(dir->path, lost);
  close(own);
  close(list.fd);
  close(cover.fd);
}
