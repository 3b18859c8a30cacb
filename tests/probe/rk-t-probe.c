/* SPDX-License-Identifier: ISC
   rk-t-probe [-o FILE [PROG...]]: print every attribute that a process inherits, one `key=value`
   line each, so that a link's whole effect is the difference between two of these. The own pid is
   left out, and mount ids: they differ from run to run. -o FILE: write there instead of to stdout;
   then execute PROG. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/auxv.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>

extern char **environ;

static FILE *to;

static char *copy(char const *s)
{
  size_t n = strlen(s) + 1;
  char *p = malloc(n);
  if (!p)
    abort();
  return memcpy(p, s, n);
}

static int order(void const *a, void const *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A file under /proc, line by line; its own blanks folded, since the kernel pads. */
static void lines(char const *key, char const *path)
{
  char line[8192];
  FILE *f = fopen(path, "re");
  if (!f) {
    fprintf(to, "%s=(%s)\n", key, strerror(errno));
    return;
  }
  while (fgets(line, sizeof line, f)) {
    fprintf(to, "%s=", key);
    int gap = 0, any = 0;
    for (char *p = line; *p && *p != '\n'; p++) {
      if (*p == ' ' || *p == '\t')
        gap = 1;
      else {
        if (gap && any)
          putc(' ', to);
        gap = 0;
        any = 1;
        putc(*p, to);
      }
    }
    putc('\n', to);
  }
  fclose(f);
}

static void status(void)
{
  static char const *const keys[] = {
    "Uid",    "Gid",        "Groups",  "SigPnd",       "ShdPnd",      "SigBlk",
    "SigIgn", "SigCgt",     "CapInh",  "CapPrm",       "CapEff",      "CapBnd",
    "CapAmb", "NoNewPrivs", "Seccomp", "Cpus_allowed", "Mems_allowed"};
  char line[8192];
  FILE *f = fopen("/proc/self/status", "re");
  if (!f) {
    fprintf(to, "status=(%s)\n", strerror(errno));
    return;
  }
  while (fgets(line, sizeof line, f)) {
    char *colon = strchr(line, ':');
    if (!colon)
      continue;
    *colon = 0;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
      if (!strcmp(keys[i], line)) {
        char *v = colon + 1;
        v += strspn(v, "\t ");
        v[strcspn(v, "\n")] = 0;
        for (size_t n = strlen(v); n && v[n - 1] == ' '; n--)
          v[n - 1] = 0;
        for (char *p = v; *p; p++)
          if (*p == '\t')
            *p = ' ';
        fprintf(to, "%s=%s\n", line, v);
      }
  }
  fclose(f);
}

static void target(char const *key, char const *path)
{
  char buf[4096];
  ssize_t n = readlink(path, buf, sizeof buf - 1);
  if (n == -1)
    fprintf(to, "%s=(%s)\n", key, strerror(errno));
  else {
    buf[n] = 0;
    fprintf(to, "%s=%s\n", key, buf);
  }
}

static void dir(char const *prefix, char const *path, int fds)
{
  char *names[4096];
  size_t n = 0;
  DIR *d = opendir(path);
  if (!d) {
    fprintf(to, "%s=(%s)\n", prefix, strerror(errno));
    return;
  }
  for (struct dirent *e; (e = readdir(d)) && n < sizeof names / sizeof *names;)
    if (e->d_name[0] != '.' &&
        !(fds && (atoi(e->d_name) == dirfd(d) || (to != stdout && atoi(e->d_name) == fileno(to)))))
      names[n++] = copy(e->d_name);
  closedir(d);
  qsort(names, n, sizeof *names, order);
  for (size_t i = 0; i < n; i++) {
    char key[300], full[600];
    snprintf(key, sizeof key, "%s.%s", prefix, names[i]);
    snprintf(full, sizeof full, "%s/%s", path, names[i]);
    target(key, full);
    if (fds) {
      struct stat st;
      int fd = atoi(names[i]), fl = fcntl(fd, F_GETFL);
      if (fstat(fd, &st) == -1)
        continue;
      fprintf(to, "fdflags.%d=type:%s access:%s%s%s cloexec:%s\n", fd,
              S_ISREG(st.st_mode)    ? "file"
              : S_ISDIR(st.st_mode)  ? "directory"
              : S_ISCHR(st.st_mode)  ? "character"
              : S_ISFIFO(st.st_mode) ? "pipe"
              : S_ISSOCK(st.st_mode) ? "socket"
              : S_ISBLK(st.st_mode)  ? "block"
                                     : "anonymous",
              (fl & O_ACCMODE) == O_RDONLY   ? "r"
              : (fl & O_ACCMODE) == O_WRONLY ? "w"
                                             : "rw",
              fl & O_NONBLOCK ? " nonblock" : "", fl & O_APPEND ? " append" : "",
              /* yes: only if this program itself opened it */
              fcntl(fd, F_GETFD) & FD_CLOEXEC ? "yes" : "no");
    }
    free(names[i]);
  }
}

static void limits(void)
{
  static struct {
    int what;
    char const *name;
  } const all[] = {
    {RLIMIT_AS, "as"},           {RLIMIT_CORE, "core"},         {RLIMIT_CPU, "cpu"},
    {RLIMIT_DATA, "data"},       {RLIMIT_FSIZE, "fsize"},       {RLIMIT_LOCKS, "locks"},
    {RLIMIT_MEMLOCK, "memlock"}, {RLIMIT_MSGQUEUE, "msgqueue"}, {RLIMIT_NICE, "nice"},
    {RLIMIT_NOFILE, "nofile"},   {RLIMIT_NPROC, "nproc"},       {RLIMIT_RSS, "rss"},
    {RLIMIT_RTPRIO, "rtprio"},   {RLIMIT_RTTIME, "rttime"},     {RLIMIT_SIGPENDING, "sigpending"},
    {RLIMIT_STACK, "stack"}};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct rlimit r;
    /* glibc's getrlimit takes an enum, musl's an int */
    syscall(SYS_prlimit64, 0, all[i].what, (void *)0, &r);
    fprintf(to, "limit.%s=%lld:%lld\n", all[i].name, (long long)r.rlim_cur, (long long)r.rlim_max);
  }
}

/* /proc/self/mountinfo without the two ids that change with every copy of the mount table
   (proc_pid_mountinfo(5)). */
static void mounts(void)
{
  char line[8192];
  FILE *f = fopen("/proc/self/mountinfo", "re");
  if (!f) {
    fprintf(to, "mount=(%s)\n", strerror(errno));
    return;
  }
  while (fgets(line, sizeof line, f)) {
    char major[64], root[2048], at[2048];
    int rest = 0;
    line[strcspn(line, "\n")] = 0;
    if (sscanf(line, "%*s %*s %63s %2047s %2047s %n", major, root, at, &rest) < 3 || !rest)
      continue;
    fprintf(to, "mount.%s=%s %s %s\n", at, major, root, line + rest);
  }
  fclose(f);
}

static void process(void)
{
  int v = 0;
  char buf[4096];
  struct utsname u;
  struct itimerval it;
  struct stat st;
  mode_t mask = umask(0);
  umask(mask);
  fprintf(to, "umask=%04o\n", (unsigned int)mask);
  fprintf(to, "sid=%d\npgid=%d\n", getsid(0), getpgid(0));
  int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
  fprintf(to, "tty=%s\n", tty == -1 ? "none" : "yes");
  if (tty != -1)
    close(tty);
  fprintf(to, "nice=%d\n", getpriority(PRIO_PROCESS, 0));
  fprintf(to, "scheduler=%ld\n", syscall(SYS_sched_getscheduler, 0));
  fprintf(to, "ioprio=%ld\n", syscall(SYS_ioprio_get, 1, 0));
  fprintf(to, "personality=%x\n", (unsigned int)personality(0xffffffff));
  prctl(PR_GET_PDEATHSIG, &v);
  fprintf(to, "pdeathsig=%d\n", v);
  prctl(PR_GET_CHILD_SUBREAPER, &v);
  fprintf(to, "subreaper=%d\n", v);
  fprintf(to, "securebits=%x\n", (unsigned int)prctl(PR_GET_SECUREBITS));
  fprintf(to, "dumpable=%d\n", prctl(PR_GET_DUMPABLE));
  fprintf(to, "timerslack=%d\n", prctl(PR_GET_TIMERSLACK));
  fprintf(to, "secure_exec=%lu\n", getauxval(AT_SECURE));
  getitimer(ITIMER_REAL, &it);
  fprintf(to, "itimer=%s\n", it.it_value.tv_sec || it.it_value.tv_usec ? "set" : "none");
  lines("oom_score_adj", "/proc/self/oom_score_adj");
  fprintf(to, "cwd=%s\n", getcwd(buf, sizeof buf) ? buf : strerror(errno));
  if (!stat(".", &st))
    fprintf(to, "cwd.inode=%llx:%llu\n", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino);
  target("root", "/proc/self/root");
  if (!stat("/", &st))
    fprintf(to, "root.inode=%llx:%llu\n", (unsigned long long)st.st_dev,
            (unsigned long long)st.st_ino);
  if (!uname(&u))
    fprintf(to, "hostname=%s\n", u.nodename);
}

static void environment(void)
{
  size_t n = 0;
  while (environ[n])
    n++;
  qsort(environ, n, sizeof *environ, order);
  for (size_t i = 0; i < n; i++)
    fprintf(to, "env.%s\n", environ[i]);
}

int main(int argc, char **argv)
{
  to = stdout;
  if (argc >= 3 && !strcmp(argv[1], "-o"))
    to = fopen(argv[2], "we");
  else if (argc != 1) {
    fprintf(stderr, "rk-t-probe: usage: rk-t-probe [-o FILE [PROG...]]\n");
    return 100;
  }
  if (!to) {
    fprintf(stderr, "rk-t-probe: fatal: unable to open %s: %s\n", argv[2], strerror(errno));
    return 111;
  }
  status();
  lines("uid_map", "/proc/self/uid_map");
  lines("gid_map", "/proc/self/gid_map");
  lines("setgroups", "/proc/self/setgroups");
  lines("cgroup", "/proc/self/cgroup");
  dir("ns", "/proc/self/ns", 0);
  process();
  limits();
  dir("fd", "/proc/self/fd", 1);
  environment();
  mounts();
  if (fclose(to))
    return 111;
  if (argc <= 3)
    return 0;
  execvp(argv[3], argv + 3);
  fprintf(stderr, "rk-t-probe: fatal: unable to exec %s: %s\n", argv[3], strerror(errno));
  return 111;
}
