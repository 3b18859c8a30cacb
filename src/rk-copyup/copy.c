/* SPDX-License-Identifier: ISC
   Mode copy: a tmpfs with a copy of everything that can be read covers the directory. What cannot
   be copied by its nature (sockets, pipes, devices) and file systems mounted below the directory
   stay what they are: they are mounted into the copy.

   Others may own what is copied and change it meanwhile: an entry that is gone is not there, one
   that has become of another kind is looked at again, and no tree is too deep for the stack. */
#include "copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/exit.h>
#include <rk/state.h>
#include <rk/sys.h>
#include <rk/text.h>

/* Hard links are recognised through a directory in the copy that holds, while copying, each file of
   several names once more: under its device and inode number. */
static char const LINKS[] = ".rk-copyup";

enum {
  /* No path leads deeper: PATH_MAX bytes of names of one byte and a slash each. */
  DEPTH_MAX = PATH_MAX / 2,
  /* Directories whose last piece of getdents64(2) is kept while others below them are copied. */
  LISTS = 16,
  /* Fds that one entry may need, and those of others that may lie between ours. */
  SPARE = 64,
  /* How often an entry may change its kind under our eyes. */
  TRIES = 8
};

/* What became of an entry. */
enum outcome {
  DONE,    /* copied, or gone, or noted as missing */
  CHANGED, /* of another kind than before */
  DEEPER   /* a directory: entered */
};

/* One directory on the way down. */
struct level {
  int in;
  int out;
  size_t len;   /* of where, without this directory */
  int64_t next; /* where its list goes on, for lseek(2) */
  struct stat st;
};

struct copy {
  struct copyup const *dir;
  int cover;
  int links; /* the directory of hard links, -1 before the first such file */
  char linksname[sizeof LINKS + UINT_FMT];
  unsigned int lost; /* extended attributes */
  struct copyup_names missed;
  struct copyup_names deep;
  struct copyup_names mounted;
  char where[PATH_MAX]; /* the directory at hand, relative to dir, with a final slash unless empty:
                           for messages */
  unsigned int depth;   /* of it: index in level */
  rlim_t files;         /* the limit of open files */
  struct level level[DEPTH_MAX];
  struct lent {
    unsigned int owner; /* depth + 1 of the directory that it lists, 0: none */
    struct copyup_list list;
  } lists[LISTS];
};

static void die(struct copy const *c, char const *name) __attribute__((noreturn));
static void die(struct copy const *c, char const *name)
{
  static char shown[4 * (PATH_MAX + NAME_MAX) + 3];
  char const *slash = "";
  int e = errno;

  copyup_shown(shown, sizeof shown, c->where, name);
  if (*shown)
    slash = "/";
  errno = e;
  strerr_diefusys(RK_EXIT_SYS, "copy ", c->dir->path, slash, shown);
}

/* What may happen to any name of a living directory: DONE if it is gone, or not to be read, which
   is noted; CHANGED if it has become of another kind. Anything else ends us. */
static enum outcome miss(struct copy *c, char const *name)
{
  switch (errno) {
    case ENOENT: return DONE;
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case EINVAL:
    case ENXIO: return CHANGED;
    case EACCES:
    case EPERM: break;
    default: die(c, name);
  }
  copyup_names_add(&c->missed, c->where, name);
  return DONE;
}

/* Was it made? In a directory that changes one name may be listed twice: then the first stays. r:
   of the call that makes it. */
static int made(struct copy const *c, char const *name, int r)
{
  if (r != -1)
    return 1;
  if (errno != EEXIST)
    die(c, name);
  return 0;
}

/* The original may have been removed since its mount was cloned: the kernel attaches no mount of a
   removed file (ENOENT). Then nothing is to be kept. */
static void attach_kept(struct copy const *c, struct level const *at, char const *name, int tree,
                        mode_t mode)
{
  int flags = 0;

  if (rk_move_mount(tree, "", at->out, name, MOVE_MOUNT_F_EMPTY_PATH) == 0)
    return;
  if (errno != ENOENT)
    copyup_die("mount on", c->dir->path, name);
  if (S_ISDIR(mode))
    flags = AT_REMOVEDIR;
  if (unlinkat(at->out, name, flags) == -1)
    die(c, name);
}

/* A new file in the copy, or -1: there is one of that name. */
static int make_file(struct copy const *c, struct level const *at, char const *name)
{
  int fd = openat(at->out, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  made(c, name, fd);
  return fd;
}

/* An empty file or directory to mount on. */
static int make_point(struct copy const *c, struct level const *at, char const *name, mode_t mode)
{
  int fd;

  if (S_ISDIR(mode))
    return made(c, name, rk_mkdirat(at->out, name, 0700));
  fd = make_file(c, at, name);
  if (fd == -1)
    return 0;
  close(fd);
  return 1;
}

/* Mount the original here. type: S_IFDIR, S_IFREG, or 0: to be looked up. What is mounted on a
   directory is one: it is not asked, since it may be dead, or never answer (FUSE, NFS). */
static enum outcome keep(struct copy *c, struct level const *at, char const *name, mode_t type)
{
  struct stat st = {.st_mode = type};
  int tree = rk_open_tree(at->in, name, COPYUP_CLONE);

  if (tree == -1)
    return miss(c, name);
  if (!type && fstat(tree, &st) == -1)
    die(c, name);
  if (S_ISLNK(st.st_mode)) {
    close(tree);
    return CHANGED;
  }
  if (make_point(c, at, name, st.st_mode))
    attach_kept(c, at, name, tree, st.st_mode);
  close(tree);
  return DONE;
}

static enum outcome copy_link(struct copy *c, struct level const *at, char const *name)
{
  char text[PATH_MAX];
  struct timespec times[2];
  struct stat st;
  ssize_t len = readlinkat(at->in, name, text, sizeof text - 1);

  if (len == -1)
    return miss(c, name);
  if (fstatat(at->in, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
    return miss(c, name);
  text[len] = 0;
  if (!made(c, name, symlinkat(text, at->out, name)))
    return DONE;
  times[0] = st.st_atim;
  times[1] = st.st_mtim;
  if (utimensat(at->out, name, times, AT_SYMLINK_NOFOLLOW) == -1)
    die(c, name);
  return DONE;
}

/* 0: the original or the copy has got something of that name. */
static int make_links_here(struct copy const *c, char const *name)
{
  struct stat st;

  if (fstatat(c->level[0].in, c->linksname, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return 0;
  if (rk_mkdirat(c->cover, c->linksname, 0700) == 0)
    return 1;
  if (errno != EEXIST)
    die(c, name);
  return 0;
}

/* Make the directory of hard links, by a name that neither the original nor the copy has got. */
static void make_links(struct copy *c, char const *name)
{
  strcpy(c->linksname, LINKS);
  for (unsigned int n = 0; !make_links_here(c, name); n++) {
    struct rk_text t = rk_text_in(c->linksname, sizeof c->linksname);
    rk_text_str(&t, LINKS);
    rk_text_num(&t, n);
  }
  c->links = copyup_read_dir(c->cover, c->linksname);
  if (c->links == -1)
    die(c, name);
}

static void copy_contents(struct copy *c, struct level const *at, char const *name, int in,
                          struct stat const *st, char const *key)
{
  int out = make_file(c, at, name);

  if (out == -1)
    return;
  if (copyup_data(in, out, st->st_size) == -1) {
    if (errno != EINVAL)
      die(c, name);
    /* no reading at all: a namespace mounted on a file, as in /run/netns */
    close(out);
    if (unlinkat(at->out, name, 0) == -1)
      die(c, name);
    keep(c, at, name, S_IFREG);
    return;
  }
  if (copyup_attributes(in, out, st, &c->lost) == -1)
    die(c, name);
  close(out);
  if (!*key)
    return;
  if (linkat(at->out, name, c->links, key, 0) == -1)
    die(c, name);
}

/* The file's name in the directory of hard links. */
static void set_key(char *key, struct stat const *st)
{
  size_t n = uint64_xfmt(key, st->st_dev);

  key[n++] = '.';
  n += uint64_xfmt(key + n, st->st_ino);
  key[n] = 0;
}

/* Is it another name of a file that has been copied? */
static int linked(struct copy *c, struct level const *at, char const *name, char const *key)
{
  if (c->links == -1)
    make_links(c, name);
  if (linkat(c->links, key, at->out, name, 0) == 0 || errno == EEXIST)
    return 1;
  if (errno != ENOENT)
    die(c, name);
  return 0;
}

static enum outcome copy_file(struct copy *c, struct level const *at, char const *name)
{
  char key[2 * UINT64_FMT] = "";
  struct stat st;
  int done = 0;
  int in = openat(at->in, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

  if (in == -1)
    return miss(c, name);
  if (fstat(in, &st) == -1)
    die(c, name);
  if (!S_ISREG(st.st_mode)) {
    close(in);
    return CHANGED;
  }
  if (st.st_nlink > 1)
    set_key(key, &st);
  if (*key)
    done = linked(c, at, name, key);
  if (!done)
    copy_contents(c, at, name, in, &st, key);
  close(in);
  return DONE;
}

/* Do levels, names and fds suffice for one directory more? */
static int is_too_deep(struct copy const *c, struct level const *at, char const *name)
{
  if (c->depth + 1 == DEPTH_MAX)
    return 1;
  if (strlen(c->where) + strlen(name) + 2 > sizeof c->where)
    return 1;
  return (rlim_t)at->out + SPARE >= c->files;
}

/* Go down into a directory. */
static enum outcome enter(struct copy *c, struct level const *at, char const *name)
{
  struct level *below = &c->level[c->depth + 1];
  struct rk_text where = {
    .s = c->where,
    .size = sizeof c->where,
    .len = strlen(c->where),
  };

  if (is_too_deep(c, at, name)) {
    copyup_names_add(&c->deep, c->where, name);
    return DONE;
  }
  below->in = copyup_open_dir(at->in, name);
  if (below->in == -1) {
    if (errno != EXDEV)
      return miss(c, name);
    copyup_names_add(&c->mounted, c->where, name);
    return keep(c, at, name, S_IFDIR);
  }
  if (fstat(below->in, &below->st) == -1)
    die(c, name);
  if (!made(c, name, rk_mkdirat(at->out, name, 0700))) {
    close(below->in);
    return DONE;
  }
  below->out = copyup_read_dir(at->out, name);
  if (below->out == -1)
    die(c, name);
  below->len = where.len;
  below->next = 0;
  rk_text_add(&where, name, "/");
  c->depth++;
  return DEEPER;
}

static void leave_dir(struct copy *c)
{
  struct level *at = &c->level[c->depth];

  if (copyup_attributes(at->in, at->out, &at->st, &c->lost) == -1)
    die(c, "");
  close(at->in);
  close(at->out);
  c->where[at->len] = 0;
  c->lists[c->depth % LISTS].owner = 0;
  c->depth--;
}

/* The next name of the directory at hand. Its list may have made room for one deeper down: then it
   is read on from where it was. */
static int next_entry(struct copy *c, char const **name, unsigned char *type)
{
  struct level *at = &c->level[c->depth];
  struct lent *lent = &c->lists[c->depth % LISTS];
  struct copyup_list *list = &lent->list;
  int r;

  if (lent->owner != c->depth + 1) {
    lent->owner = c->depth + 1;
    list->fd = at->in;
    list->len = 0;
    list->pos = 0;
    list->next = at->next;
    if (lseek(at->in, at->next, SEEK_SET) == -1)
      die(c, "");
  }
  r = copyup_next(list, name, type);
  at->next = list->next;
  if (r != -1)
    return r;
  if (errno != ENOENT)
    die(c, "");
  return 0; /* the directory itself has been removed (getdents(2)) */
}

static enum outcome copy_entry(struct copy *c, char const *name, unsigned char type)
{
  struct level const *at = &c->level[c->depth];

  switch (type) {
    case DT_DIR: return enter(c, at, name);
    case DT_REG: return copy_file(c, at, name);
    case DT_LNK: return copy_link(c, at, name);
    default: return keep(c, at, name, 0);
  }
}

/* Whatever it is, and becomes. */
static void copy_any(struct copy *c, char const *name, unsigned char type)
{
  int in = c->level[c->depth].in;
  enum outcome o = copy_entry(c, name, type);

  for (unsigned int i = 0; o == CHANGED && i < TRIES; i++) {
    struct stat st;
    if (fstatat(in, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
      o = miss(c, name);
    else
      o = copy_entry(c, name, copyup_type(st.st_mode));
  }
  if (o == CHANGED)
    copyup_names_add(&c->missed, c->where, name);
}

static void copy_tree(struct copy *c)
{
  char const *name;
  unsigned char type;

  for (;;) {
    if (next_entry(c, &name, &type)) {
      copy_any(c, name, type);
      continue;
    }
    if (!c->depth)
      return;
    leave_dir(c);
  }
}

static void remove_links(struct copy *c)
{
  struct copyup_list *list = &c->lists[0].list;
  char const *name;
  unsigned char type;
  int r;

  if (c->links == -1)
    return;
  *list = (struct copyup_list){.fd = c->links};
  while ((r = copyup_next(list, &name, &type)) > 0)
    if (unlinkat(c->links, name, 0) == -1)
      die(c, c->linksname);
  if (r == -1)
    die(c, c->linksname);
  if (unlinkat(c->cover, c->linksname, AT_REMOVEDIR) == -1)
    die(c, c->linksname);
  close(c->links);
}

/* Two fds a level: as many as the hard limit allows, while copying. Returns the limit that was. */
static struct rlimit more_files(struct copy *c)
{
  struct rlimit was;
  struct rlimit most;

  if (getrlimit(RLIMIT_NOFILE, &was) == -1)
    copyup_die("read", "the limit of open files", "");
  most = was;
  most.rlim_cur = most.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &most) == -1)
    copyup_die("raise", "the limit of open files", "");
  c->files = most.rlim_max;
  return was;
}

static void begin(struct copy *c, struct copyup const *dir)
{
  c->dir = dir;
  c->links = -1;
  c->lost = 0;
  c->depth = 0;
  c->missed.n = 0;
  c->deep.n = 0;
  c->mounted.n = 0;
  c->where[0] = 0;
  for (unsigned int i = 0; i < LISTS; i++)
    c->lists[i].owner = 0;
  c->level[0].st = dir->st;
  c->level[0].next = 0;
  c->level[0].in = copyup_read_dir(dir->fd, ".");
  if (c->level[0].in == -1)
    copyup_die("read", dir->path, "");
}

static void warn_names(struct copyup const *dir, struct copyup_names *names, char const *what)
{
  char n[UINT_FMT];

  if (!names->n)
    return;
  n[uint_fmt(n, names->n)] = 0;
  strerr_warnw(dir->path, ": ", n, what, copyup_names_text(names));
}

void copyup_copy(struct copyup const *dir)
{
  static struct copy copy; /* too large for a stack */
  struct copy *c = &copy;
  struct rlimit was = more_files(c);
  struct sigaction const ignore = {.sa_handler = SIG_IGN};
  struct sigaction filesize;
  int tmpfs;

  sigaction(SIGXFSZ, &ignore, &filesize); /* EFBIG tells the same, without death (setrlimit(2)) */
  begin(c, dir);
  tmpfs = copyup_tmpfs(0700);
  copyup_attach(tmpfs, dir->fd, "", dir->path);
  /* a mount's own fd takes no fchmod */
  c->cover = copyup_read_dir(tmpfs, ".");
  if (c->cover == -1)
    copyup_die("read", dir->path, "");
  c->level[0].out = c->cover;
  copy_tree(c);
  remove_links(c);
  if (copyup_attributes(c->level[0].in, c->cover, &dir->st, &c->lost) == -1)
    die(c, "");
  close(c->level[0].in);
  close(c->cover);
  close(tmpfs);
  sigaction(SIGXFSZ, &filesize, NULL);
  if (setrlimit(RLIMIT_NOFILE, &was) == -1)
    copyup_die("restore", "the limit of open files", "");

  warn_names(dir, &c->missed, " entries could not be read and are missing from the copy:");
  warn_names(dir, &c->deep, " directories lie too deep and are missing from the copy:");
  warn_names(dir, &c->mounted, " file systems mounted below it stay as they are:");
  copyup_warn_lost(dir->path, c->lost);
}
