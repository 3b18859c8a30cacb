/* SPDX-License-Identifier: ISC
   resolv.conf and hosts of a chain: the driver's resolver with the host's search domains and
   options, the host's hosts; written to the state directory and to the inner /etc.

   Inside, the payload is root: names are looked up below an O_PATH fd of /etc taken before it ran,
   never through a symlink, nothing there is read, and a file that the payload has made its own is
   left alone. */
#include "etc.h"
#include "idmap_diagnose.h"
#include "resolv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include <skalibs/allreadwrite.h>
#include <skalibs/fmtscan.h>
#include <skalibs/strerr.h>

#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/state.h>
#include <rk/sys.h>

/* Text on its way to a file, or only to its hash. */
struct sink {
  int fd, bad;
  uint64_t hash; /* FNV-1a */
  size_t n;
  off_t size;
  char buf[512];
};

static uint64_t fnv(uint64_t hash, char const *s, size_t n)
{
  for (size_t i = 0; i < n; i++)
    hash = (hash ^ (unsigned char)s[i]) * 0x100000001b3U;
  return hash;
}

static uint64_t const FNV = 0xcbf29ce484222325U;

uint64_t etc_hash(char const *s, size_t n)
{
  return fnv(FNV, s, n);
}

static void flush(struct sink *k)
{
  k->hash = fnv(k->hash, k->buf, k->n);
  if (k->fd != -1) {
    if (allwrite(k->fd, k->buf, k->n) != k->n)
      k->bad = errno;
  }
  k->size += (off_t)k->n;
  k->n = 0;
}

static void put(struct sink *k, char const *s, size_t n)
{
  while (n) {
    size_t room = sizeof k->buf - k->n;
    size_t some = n < room ? n : room;

    memcpy(k->buf + k->n, s, some);
    k->n += some;
    s += some;
    n -= some;
    if (k->n == sizeof k->buf)
      flush(k);
  }
}

static void put_str(struct sink *k, char const *s)
{
  put(k, s, strlen(s));
}

static void nameserver(struct sink *k, struct nameserver const *ns)
{
  char addr[IP6_FMT];
  char const *raw = (char const *)ns->addr;

  put_str(k, "nameserver ");
  put(k, addr, ns->six ? ip6_fmt(addr, raw) : ip4_fmt(addr, raw));
  put(k, "\n", 1);
}

/* Reading the host's resolv.conf, byte by byte, since a line of it may have any length. */
struct resolv_line {
  char word[12]; /* its first word, as far as it has come */
  size_t len;
  int in_rest;    /* boolean: that word is over, or too long to matter */
  int keep;       /* boolean: the line goes into ours */
  int nameserver; /* boolean */
  char value[64]; /* of a nameserver; a longer one is none */
  size_t valuelen;
};

/* The first word of the line is complete. The search domains and options are kept. */
static void resolv_word(struct resolv_line *line, struct sink *k)
{
  static char const *const kept[] = {"search", "domain", "options", "sortlist"};

  line->word[line->len] = 0;
  line->in_rest = 1;
  line->nameserver = !strcmp(line->word, "nameserver");
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    line->keep |= !strcmp(line->word, kept[i]);
  if (line->keep && k)
    put(k, line->word, line->len);
}

static void resolv_end(struct resolv_line *line, struct resolv *host)
{
  if (line->nameserver && line->valuelen < sizeof line->value) {
    line->value[line->valuelen] = 0;
    resolv_add(host, line->value);
  }
  *line = (struct resolv_line){.len = 0};
}

static void resolv_byte(struct resolv_line *line, char c, struct sink *k)
{
  if (!line->in_rest && (c == ' ' || c == '\t')) {
    resolv_word(line, k);
  } else if (!line->in_rest && c != '\n') {
    if (line->len < sizeof line->word - 1)
      line->word[line->len++] = c;
    else
      line->in_rest = 1;
  }
  if (line->nameserver && line->valuelen < sizeof line->value && c != '\n')
    line->value[line->valuelen++] = c;
  if (line->keep && k)
    put(k, &c, 1);
}

enum { OPEN_TRIES = 3 };

/* A file of the host's. Errors may pass; what is missing then would be missing until the host
   writes it again. */
static int open_host(char const *path)
{
  int fd = -1;

  for (int i = 0; i < OPEN_TRIES && fd == -1; i++) {
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1 && errno == ENOENT)
      break;
  }
  return fd;
}

/* The host's nameservers, and, unless k is NULL, the other lines to it. */
static void read_resolv(struct resolv *host, struct sink *k)
{
  struct resolv_line line = {.len = 0};
  char in[512];
  int fd = open_host("/etc/resolv.conf");
  ssize_t r;

  host->n = 0;
  while (fd != -1 && (r = fd_read(fd, in, sizeof in)) > 0) {
    for (ssize_t i = 0; i < r; i++) {
      resolv_byte(&line, in[i], k);
      if (in[i] == '\n')
        resolv_end(&line, host);
    }
  }
  if (line.keep && k)
    put(k, "\n", 1);
  resolv_end(&line, host);
  if (fd != -1)
    close(fd);
}

static void compose_resolv(struct etc *etc, struct sink *k)
{
  struct resolv host;
  struct nameserver list[RESOLV_MAX];
  unsigned int n;

  read_resolv(&host, NULL);
  n = resolv_choose(&host, etc->plan, etc->report, list);
  for (unsigned int i = 0; i < n; i++)
    nameserver(k, &list[i]);
  etc->nameservers = fnv(FNV, (char const *)host.host, host.n * sizeof *host.host);
  etc->deaf = host.n && !n;
  read_resolv(&host, k);
}

/* Is it one of the names after the address, upper or lower case (hosts(5))? */
static int names(char const *line, char const *name)
{
  size_t len = strlen(name);
  size_t end = strcspn(line, "#");

  for (size_t at = strcspn(line, " \t"); at < end;) {
    size_t word;
    at += strspn(line + at, " \t");
    word = strcspn(line + at, " \t#");
    if (word == len && !strncasecmp(line + at, name, len))
      return 1;
    at += word;
  }
  return 0;
}

/* A line of the host's file without its end. The host's own name means the chain: with the address
   of an interface that is not there, no server could bind to it. */
static void hosts_line(struct sink *k, char const *line, char const *name)
{
  size_t addr = strcspn(line, " \t");
  int six = memchr(line, ':', addr) != NULL;

  if (addr && strncmp(line, "127.", 4) && *line != '#' && names(line, name)) {
    put_str(k, six ? "::1" : "127.0.0.1");
    line += addr;
  }
  put_str(k, line);
  put(k, "\n", 1);
}

/* A line longer than the buffer goes through as it is. */
static void compose_hosts(struct etc *etc, struct sink *k)
{
  struct utsname u;
  char line[1024];
  size_t len = 0;
  char in[512];
  int fd = open_host("/etc/hosts");
  ssize_t r;

  (void)etc;
  uname(&u);
  while (fd != -1 && (r = fd_read(fd, in, sizeof in)) > 0) {
    for (ssize_t i = 0; i < r; i++) {
      if (in[i] == '\n' || !in[i]) {
        line[len] = 0;
        hosts_line(k, line, u.nodename);
        len = 0;
      } else if (len == sizeof line - 1) {
        put(k, line, len);
        len = 0;
      }
      if (in[i] != '\n' && in[i])
        line[len++] = in[i];
    }
  }
  put(k, line, len);
  if (fd != -1)
    close(fd);
  put_str(k, "\n127.0.0.1 ");
  put_str(k, u.nodename);
  put_str(k, "\n::1 ");
  put_str(k, u.nodename);
  put(k, "\n", 1);
}

static int compose(struct etc *etc, struct etc_file *f, int fd, struct sink *k)
{
  *k = (struct sink){.fd = fd, .hash = FNV};
  f->compose(etc, k);
  flush(k);
  return k->bad ? rk_fail(k->bad) : 0;
}

/* A new file beside the old, renamed over it. */
static int replace(struct etc *etc, struct etc_file *f, int dir)
{
  char temp[RK_TEMP_MAX];
  struct sink k;
  int fd = rk_temp_open(dir, f->name, temp);
  int e = 0;

  if (fd == -1)
    return -1;
  if (compose(etc, f, fd, &k) == -1)
    e = errno;
  else if (fchmod(fd, 0644) == -1 || rk_renameat2(dir, temp, dir, f->name, 0) == -1)
    e = errno;
  close(fd);
  if (!e)
    return 0;
  unlinkat(dir, temp, 0);
  return rk_fail(e);
}

/* fstatat(2) of a file inside. Root inside may have mounted a FUSE file system over it that never
   answers: what is mounted there is not looked at. */
static int stat_inside(int dir, char const *name, struct stat *st)
{
  struct open_how const how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                               .resolve = RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS};
  int fd = rk_openat2(dir, name, &how);
  int r;

  if (fd == -1)
    return -1;
  r = fstat(fd, st);
  close(fd);
  return r;
}

static int is_unchanged(struct stat const *a, struct stat const *b)
{
  if (a->st_ino != b->st_ino || a->st_dev != b->st_dev)
    return 0;
  if (a->st_size != b->st_size || a->st_mtim.tv_sec != b->st_mtim.tv_sec)
    return 0;
  return a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Write the file that was opened by O_PATH: procfs leads to the same one again, open(2). */
static int rewrite(struct etc *etc, struct etc_file *f)
{
  char path[RK_PROCPATH_MAX];
  struct sink k;
  int fd = open(rk_procpath_fd(path, "fd", f->fd), O_WRONLY | O_CLOEXEC | O_NONBLOCK);
  int e = 0;

  if (fd == -1)
    return -1;
  if (compose(etc, f, fd, &k) == -1 || ftruncate(fd, k.size) == -1)
    e = errno;
  close(fd);
  return e ? rk_fail(e) : 0;
}

static int write_inside(struct etc *etc, struct etc_file *f)
{
  return etc->mode == RK_ETC_REPLACE ? replace(etc, f, etc->dir) : rewrite(etc, f);
}

/* A change of ids makes dumpable if fs.suid_dumpable is 1 (commit_creds, kernel/cred.c). */
static int dumps_all(void)
{
  char text[16];

  return rk_slurp("/proc/sys/fs/suid_dumpable", text, sizeof text) == -1 || *text == '1';
}

/* In the child. Not dumpable, with memory of the outer user namespace and nothing else of ours in
   its hands, it is out of the reach of root inside (ptrace(2)); compare leaktest_child.c. */
static void visit(struct etc *etc, struct etc_file *f)
{
  int const at = etc->mode == RK_ETC_REPLACE ? etc->dir : f->fd;
  int r;

  if (dup2(etc->userns, 0) == -1 || dup2(at, 1) == -1)
    _exit(errno);
  rk_close_range(2, UINT_MAX, 0);
  etc->dir = 1;
  f->fd = 1;
  if (setns(0, CLONE_NEWUSER) == -1)
    _exit(errno);
  if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1)
    _exit(EPERM);
  setfsgid(0);
  setfsuid(0);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
    _exit(errno);
  r = write_inside(etc, f);
  _exit(r == -1 ? errno : 0);
}

/* Root inside is a subordinate id (rk-idmap -u): only in its user namespace may this user be it. */
static int write_by_child(struct etc *etc, struct etc_file *f)
{
  pid_t child;
  int status;

  if (dumps_all())
    return rk_fail(EPERM);
  child = fork();
  if (child == 0)
    visit(etc, f);
  if (child == -1 || waitpid(child, &status, 0) == -1)
    return -1;
  if (!WIFEXITED(status))
    return rk_fail(EIO);
  return WEXITSTATUS(status) ? rk_fail(WEXITSTATUS(status)) : 0;
}

/* The host's root may be root inside without entering its namespace. */
static int write_as(struct etc *etc, struct etc_file *f, uint32_t uid, uint32_t gid)
{
  int r, e;

  setfsgid(gid);
  setfsuid(uid);
  r = write_inside(etc, f);
  e = errno;
  setfsuid(geteuid());
  setfsgid(getegid());
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  errno = e;
  return r;
}

/* A file system that belongs to the namespace takes no file of an owner who is not mapped there
   (EOVERFLOW), and where root inside is not this user, its files are not ours: then root inside
   makes them. */
static int write_as_root_inside(struct etc *etc, struct etc_file *f)
{
  uint32_t uid, gid;

  if (outside_root_ids(etc->chain, &uid, &gid) == -1 || uid == geteuid())
    return write_inside(etc, f);
  if (geteuid() == 0)
    return write_as(etc, f, uid, gid);
  return write_by_child(etc, f);
}

/* The inner file as it is now. */
static int stat_file(struct etc const *etc, struct etc_file const *f, struct stat *st)
{
  if (etc->mode == RK_ETC_REPLACE)
    return stat_inside(etc->dir, f->name, st);
  return fstat(f->fd, st);
}

/* What the payload has made its own is left alone. */
static int update_inside(struct etc *etc, struct etc_file *f)
{
  struct stat st;

  if (etc->mode == RK_ETC_NONE)
    return 0;
  if (f->written) {
    if (stat_file(etc, f, &st) == -1 || !is_unchanged(&st, &f->was))
      return 0;
  }
  if (write_as_root_inside(etc, f) == -1)
    return -1;
  return stat_file(etc, f, &f->was);
}

int etc_update(struct etc *etc, struct etc_file *f)
{
  struct sink k;

  compose(etc, f, -1, &k);
  if (f->written && k.hash == f->hash)
    return 0;
  f->hash = k.hash;
  if (f == &etc->file[ETC_RESOLV] && etc->deaf)
    strerr_warnw("no nameserver of the host's /etc/resolv.conf can be reached from inside (a "
                 "loopback or link-local one through this driver, one of IPv6 without rk-net -6)");
  if (etc->state != -1 && replace(etc, f, etc->state) == -1)
    return -1;
  if (update_inside(etc, f) == -1)
    return -1;
  f->written = 1;
  return 0;
}

static int open_files(struct etc *etc, int root, char const **what)
{
  struct open_how const how = {.flags = O_PATH | O_CLOEXEC,
                               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

  for (size_t i = 0; i < ETC_FILES; i++) {
    struct etc_file *f = &etc->file[i];

    *what = f->host;
    f->fd = rk_openat2(root, f->host + 1, &how);
    if (f->fd == -1)
      return -1;
  }
  return 0;
}

static int open_dir(struct etc *etc, int root)
{
  struct open_how const how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                               .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};

  etc->dir = rk_openat2(root, "etc", &how);
  return etc->dir == -1 ? -1 : 0;
}

/* Below rk-pidns the mounts are not those of the chain's own process, but those of the sender of
   the request: inside. */
static int open_inside(struct etc *etc, pid_t inside, char const **what)
{
  char path[RK_PROCPATH_MAX];
  int root = open(rk_procpath(path, inside, "root"), O_PATH | O_DIRECTORY | O_CLOEXEC);
  int r, e;

  *what = "open /etc inside";
  if (root == -1)
    return -1;
  if (etc->mode == RK_ETC_REPLACE)
    r = open_dir(etc, root);
  else
    r = open_files(etc, root, what);
  e = errno;
  close(root);
  errno = e;
  return r;
}

int etc_start(struct etc *etc, uint32_t mode, pid_t inside, char const **what)
{
  etc->mode = mode;
  etc->dir = -1;
  etc->file[ETC_RESOLV] = (struct etc_file){
    .name = "resolv.conf",
    .host = "/etc/resolv.conf",
    .compose = compose_resolv,
    .fd = -1,
  };
  etc->file[ETC_HOSTS] = (struct etc_file){
    .name = "hosts",
    .host = "/etc/hosts",
    .compose = compose_hosts,
    .fd = -1,
  };
  if (mode != RK_ETC_NONE && open_inside(etc, inside, what) == -1)
    return -1;
  if (mode == RK_ETC_NONE && etc->state == -1)
    return 0;
  for (size_t i = 0; i < ETC_FILES; i++) {
    int e;

    *what = etc->file[i].host;
    if (etc_update(etc, &etc->file[i]) == 0)
      continue;
    e = errno;
    if (e == EPERM && dumps_all())
      *what = "write it as root inside while fs.suid_dumpable is 1";
    return rk_fail(e);
  }
  return 0;
}

int etc_started(struct etc const *etc)
{
  return etc->file[ETC_RESOLV].written;
}
