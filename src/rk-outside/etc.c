/* SPDX-License-Identifier: ISC
   resolv.conf and hosts of a chain: the driver's resolver with the host's search domains and
   options, the host's hosts; written to the state directory and to the inner /etc, and again
   whenever the host's files change (VPN, Wi-Fi).

   Inside, the payload is root: names are looked up below an O_PATH fd of /etc taken before it ran,
   never through a symlink, nothing there is read, and a file that the payload has made its own is
   left alone. */
#include "driver.h"
#include "idmap_diagnose.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>
#include <skalibs/types.h>

#include <rk/state.h>
#include <rk/sys.h>

enum { WATCHES = 24, LINKS = 16, PATH = 1024, SETTLE = 50 };

/* Text on its way to a file, or only to its hash. */
struct sink {
  int fd, bad;
  uint64_t hash; /* FNV-1a */
  size_t n;
  off_t size;
  char buf[512];
};

static struct file {
  char const *name, *host;
  void (*compose)(struct sink *);
  uint64_t hash;
  int written;
  int fd;          /* RK_ETC_INPLACE: the inner file */
  struct stat was; /* RK_ETC_REPLACE: what we left inside */
} files[2];

static uint32_t mode;
static int etc = -1, notify = -1;
static unsigned int nwatched;
static struct {
  int wd;
  uint64_t name;
} watched[WATCHES];
static uint64_t nameservers; /* hash of the host's */

static uint64_t fnv(uint64_t hash, char const *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    hash = (hash ^ (unsigned char)s[i]) * 0x100000001b3U;
  return hash;
}
static uint64_t const FNV = 0xcbf29ce484222325U;

static void flush(struct sink *k)
{
  k->hash = fnv(k->hash, k->buf, k->n);
  if (k->fd != -1 && allwrite(k->fd, k->buf, k->n) != k->n)
    k->bad = errno;
  k->size += (off_t)k->n;
  k->n = 0;
}

static void put(struct sink *k, char const *s, size_t n)
{
  while (n) {
    size_t room = sizeof k->buf - k->n, some = n < room ? n : room;
    memcpy(k->buf + k->n, s, some);
    k->n += some;
    s += some;
    n -= some;
    if (k->n == sizeof k->buf)
      flush(k);
  }
}

static void puts2(struct sink *k, char const *s)
{
  put(k, s, strlen(s));
}

static void nameserver(struct sink *k, char const *addr, size_t n)
{
  puts2(k, "nameserver ");
  put(k, addr, n);
  put(k, "\n", 1);
}

/* Of the host's lines the search domains and options are kept; its nameservers only if the driver
   has none. */
static void resolv(struct sink *k)
{
  static char const *const kept[] = {"search", "domain", "options", "sortlist"};
  char in[512], word[12], addr[IP6_FMT];
  size_t col = 0;
  int fd = open("/etc/resolv.conf", O_RDONLY | O_CLOEXEC | O_NONBLOCK), keep = 0, server = 0;
  ssize_t r;

  if (netdriver.ask.dns.s_addr)
    nameserver(k, addr, ip4_fmt(addr, (char const *)&netdriver.ask.dns));
  if (netdriver.ask.dns6.s6_addr[0])
    nameserver(k, addr, ip6_fmt(addr, (char const *)&netdriver.ask.dns6));
  nameservers = FNV;
  while (fd != -1 && (r = fd_read(fd, in, sizeof in)) > 0)
    for (ssize_t i = 0; i < r; i++) {
      char c = in[i];
      if (col != (size_t)-1 && (c == ' ' || c == '\t')) {
        word[col] = 0;
        server = !strcmp(word, "nameserver");
        keep = server && !netdriver.ask.dns.s_addr;
        for (size_t j = 0; j < sizeof kept / sizeof *kept; j++)
          keep |= !strcmp(word, kept[j]);
        if (keep)
          put(k, word, col);
        col = (size_t)-1;
      } else if (col != (size_t)-1 && c != '\n') {
        if (col < sizeof word - 1)
          word[col++] = c;
        else
          col = (size_t)-1;
      }
      if (server)
        nameservers = fnv(nameservers, &c, 1);
      if (keep && col == (size_t)-1)
        put(k, &c, 1);
      if (c == '\n')
        col = 0, keep = server = 0;
    }
  if (keep)
    put(k, "\n", 1);
  if (fd != -1)
    close(fd);
}

static void hosts(struct sink *k)
{
  struct utsname u;
  char in[512];
  int fd = open("/etc/hosts", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t r;

  while (fd != -1 && (r = fd_read(fd, in, sizeof in)) > 0)
    put(k, in, (size_t)r);
  if (fd != -1)
    close(fd);
  uname(&u);
  puts2(k, "\n127.0.0.1 ");
  puts2(k, u.nodename);
  puts2(k, "\n::1 ");
  puts2(k, u.nodename);
  put(k, "\n", 1);
}

static int compose(struct file *f, int fd, struct sink *k)
{
  *k = (struct sink){.fd = fd, .hash = FNV};
  f->compose(k);
  flush(k);
  return k->bad ? (errno = k->bad, -1) : 0;
}

/* A new file beside the old, renamed over it. */
static int replace(int dir, struct file *f)
{
  char temp[RK_TEMP_MAX];
  struct sink k;
  int fd = rk_temp_open(dir, f->name, temp), e;

  if (fd == -1)
    return -1;
  e = compose(f, fd, &k) == -1 || fchmod(fd, 0644) == -1 ||
          rk_renameat2(dir, temp, dir, f->name, 0) == -1
        ? errno
        : 0;
  close(fd);
  if (!e)
    return 0;
  unlinkat(dir, temp, 0);
  return errno = e, -1;
}

/* fstatat(2) of a file inside. Root inside may have mounted a FUSE file system over it that never
   answers: what is mounted there is not looked at. */
static int look(char const *name, struct stat *st)
{
  struct open_how const how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                               .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
  int fd = rk_openat2(etc, name, &how), r;

  if (fd == -1)
    return -1;
  r = fstat(fd, st);
  close(fd);
  return r;
}

static int same(struct stat const *a, struct stat const *b)
{
  return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
         a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A file system of the namespace's takes no file of an owner who is not mapped there (EOVERFLOW),
   and in a chain of the host's root we are none: then root inside makes it. Elsewhere these are our
   own ids. A change of ids makes dumpable if fs.suid_dumpable is 1. */
static int replace_inside(struct file *f)
{
  uint32_t uid, gid;
  int r, e;

  if (outside_root_ids(outside.pid, &uid, &gid) == -1 || uid == geteuid())
    return replace(etc, f);
  setfsgid(gid);
  setfsuid(uid);
  r = replace(etc, f);
  e = errno;
  setfsuid(geteuid());
  setfsgid(getegid());
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  errno = e;
  return r;
}

static int inner(struct file *f)
{
  struct stat st;
  struct sink k;

  if (mode == RK_ETC_REPLACE) {
    if (f->written && (look(f->name, &st) == -1 || !same(&st, &f->was)))
      return 0;
    return replace_inside(f) == -1 || look(f->name, &f->was) == -1 ? -1 : 0;
  }
  if (mode == RK_ETC_INPLACE) {
    if (f->written && (fstat(f->fd, &st) == -1 || !same(&st, &f->was)))
      return 0;
    if (lseek(f->fd, 0, SEEK_SET) == -1 || compose(f, f->fd, &k) == -1 ||
        ftruncate(f->fd, k.size) == -1)
      return -1;
    return fstat(f->fd, &f->was);
  }
  return 0;
}

static int update(struct file *f)
{
  struct sink k;

  compose(f, -1, &k);
  if (f->written && k.hash == f->hash)
    return 0;
  f->hash = k.hash;
  if (outside.state != -1 && replace(outside.state, f) == -1)
    return -1;
  if (inner(f) == -1)
    return -1;
  f->written = 1;
  return 0;
}

static void watch(char const *path, uint64_t name)
{
  int wd = inotify_add_watch(notify, path,
                             IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE);

  if (wd != -1 && nwatched < WATCHES) {
    watched[nwatched].wd = wd;
    watched[nwatched++].name = name;
  }
}

/* Watch every directory through which the path leads, for that one name in it: any link on the way
   may be the one that changes, and a replaced file makes no noise of its own. */
static void trace(char const *path)
{
  char at[PATH] = "/", rest[PATH], link[PATH];
  size_t len = 1;
  int links = 0;

  if (strlen(path) >= sizeof rest)
    return;
  strcpy(rest, path);
  for (char *s = rest; *(s += strspn(s, "/"));) {
    size_t n = strcspn(s, "/");
    ssize_t r;
    if (n == 1 && *s == '.') {
      s++;
      continue;
    }
    if (n == 2 && s[0] == '.' && s[1] == '.') {
      while (len > 1 && at[--len] != '/')
        ;
      at[len ? len : 1] = 0;
      s += 2;
      continue;
    }
    if (len + n + 2 > sizeof at)
      return;
    watch(at, fnv(FNV, s, n));
    size_t old = len;
    if (len > 1)
      at[len++] = '/';
    memcpy(at + len, s, n);
    at[len += n] = 0;
    s += n;
    r = readlink(at, link, sizeof link);
    if (r == -1) {
      if (errno != EINVAL)
        return;
      continue;
    }
    if (++links > LINKS || (size_t)r + strlen(s) + 1 > sizeof link)
      return;
    strcpy(link + r, s);
    strcpy(rest, link);
    s = rest;
    at[len = *rest == '/' ? 1 : old] = 0;
  }
  watch(at, 0);
}

static void follow(void)
{
  for (unsigned int i = 0; i < nwatched; i++)
    inotify_rm_watch(notify, watched[i].wd);
  nwatched = 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    trace(files[i].host);
}

static void refresh(void)
{
  uint64_t before = nameservers;

  follow();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++)
    if (update(files + i) == -1)
      strerr_warnwusys("follow the host's ", files[i].host);
  if (netdriver.dnsfixed && nameservers != before)
    driver_restart();
}

void etc_dns_changed(void)
{
  if (files[0].written && update(files) == -1)
    strerr_warnwusys("write resolv.conf");
}

static void changed(int fd, short revents)
{
  union {
    struct inotify_event e;
    char b[sizeof(struct inotify_event) + NAME_MAX + 1];
  } in;
  ssize_t r;
  int ours = 0;

  (void)revents;
  while ((r = read(fd, in.b, sizeof in)) > 0)
    for (ssize_t i = 0; i < r;) {
      struct inotify_event e;
      memcpy(&e, in.b + i, sizeof e);
      char const *name = in.b + i + sizeof e;
      uint64_t hash = fnv(FNV, name, strnlen(name, e.len));
      for (unsigned int w = 0; w < nwatched; w++)
        ours |= watched[w].wd == e.wd && (!watched[w].name || watched[w].name == hash);
      ours |= !!(e.mask & IN_Q_OVERFLOW);
      i += (ssize_t)(sizeof e + e.len);
    }
  /* A file is often written in several steps. */
  if (ours)
    outside_after(SETTLE, refresh);
}

static int open_inner(char const **what)
{
  char path[32] = "/proc/";
  size_t n = 6;
  int root;

  /* behind rk-pidns the mounts are not those of the chain's own pid */
  n += uint_fmt(path + n, (unsigned int)outside.sender);
  memcpy(path + n, "/root", 6);
  *what = "open /etc inside";
  root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root == -1)
    return -1;
  if (mode == RK_ETC_REPLACE) {
    struct open_how const how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    etc = rk_openat2(root, "etc", &how);
    return close(root), etc == -1 ? -1 : 0;
  }
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    struct open_how const how = {.flags = O_WRONLY | O_CLOEXEC | O_NONBLOCK,
                                 .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    *what = files[i].host;
    files[i].fd = rk_openat2(root, files[i].host + 1, &how);
    if (files[i].fd == -1)
      return close(root), -1;
  }
  return close(root), 0;
}

int etc_start(uint32_t m, char const **what)
{
  mode = m;
  files[0] = (struct file){
    .name = "resolv.conf", .host = "/etc/resolv.conf", .compose = resolv, .fd = -1};
  files[1] = (struct file){.name = "hosts", .host = "/etc/hosts", .compose = hosts, .fd = -1};
  if (mode != RK_ETC_NONE && open_inner(what) == -1)
    return -1;
  if (mode == RK_ETC_NONE && outside.state == -1)
    return 0;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    *what = files[i].host;
    if (update(files + i) == -1)
      return -1;
  }
  return 0;
}

void etc_follow(void)
{
  if (!files[0].written)
    return;
  notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (notify == -1) {
    strerr_warnwusys(
      "follow the host's /etc/resolv.conf and /etc/hosts (fs.inotify.max_user_instances)");
    return;
  }
  outside_watch(notify, POLLIN, changed);
  refresh(); /* what has changed since they were read */
}
