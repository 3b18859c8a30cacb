/* SPDX-License-Identifier: ISC
   rk-t-kill [-u UID] [-g GID] [-b FIRST] -d DIR one|chain|all CHAIN...: kill processes of a chain
   at every system call that matters.

   As root, runs CHAIN as UID:GID under ptrace(2) again and again. Each time one process of it (the
   first one, 0, or number FIRST, then each that is forked, in order of birth) is stopped one system
   call later than the last time, and then
     one    that process is killed     chain  the first process is     all  every process is
   by SIGKILL, and the rest runs on freely. Then every process must be gone soon, and DIR be as the
   chain leaves it: empty if a process was left that clears it; else holding only what is unlocked
   and what the next chain, run to its end, clears. Prints one line a process and exits 0, or says
   what was left and exits 1.
   A call is passed over that is the third or later of its number in a row, and in programs whose
   name does not begin with rk- all but a few. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

enum { MAX = 64, LIMIT = 10 };

static struct process {
  pid_t pid;
  int birth; /* -1: seen before its parent told of it */
  int stopped, insyscall, dead, rk;
  unsigned int calls;
  unsigned long long last;
  int row;
} proc[MAX];
static int nproc, births;
static char const *dir;
static char **chain;
static uid_t uid;
static gid_t gid;
static double slowest;

static void die(char const *what) __attribute__((noreturn));
static void die(char const *what)
{
  fprintf(stderr, "rk-t-kill: fatal: unable to %s: %s\n", what, strerror(errno));
  exit(111);
}

static struct process *find(pid_t pid)
{
  for (int i = 0; i < nproc; i++)
    if (proc[i].pid == pid && !proc[i].dead)
      return &proc[i];
  if (nproc == MAX)
    die("follow so many processes");
  proc[nproc] = (struct process){.pid = pid, .birth = -1, .rk = 1};
  return &proc[nproc++];
}

static pid_t launch(int traced)
{
  int go[2];
  char byte;
  pid_t pid;

  if (pipe2(go, O_CLOEXEC))
    die("make a pipe");
  pid = fork();
  if (pid) {
    close(go[0]);
    /* Attached by us, not by PTRACE_TRACEME: then the tracer counts as root, and newuidmap gets its
       privilege. */
    if (traced && (ptrace(PTRACE_ATTACH, pid, 0, 0) || waitpid(pid, 0, 0) != pid))
      die("attach to the chain");
    if (write(go[1], "", 1) != 1)
      die("start the chain");
    close(go[1]);
    return pid;
  }
  if (read(go[0], &byte, 1) != 1)
    exit(111);
  if (chdir("/") || setgroups(1, &gid) || setresgid(gid, gid, gid) || setresuid(uid, uid, uid))
    die("become the user");
  if (!traced)
    setenv("RK_T_KILL", "untraced", 1);
  int null = open("/dev/null", O_RDWR);
  dup2(null, 0);
  dup2(null, 1);
  if (!getenv("RK_T_KILL_NOISY"))
    dup2(null, 2);
  close(null);
  execvp(chain[0], chain);
  die("execute the chain");
  return -1;
}

static void resume(struct process *p, int free_run, int sig)
{
  p->stopped = 0;
  if (ptrace(free_run ? PTRACE_CONT : PTRACE_SYSCALL, p->pid, 0, (void *)(long)sig) &&
      errno != ESRCH)
    die("resume");
}

/* Does this call matter? At its entry; number, and whether the program is one of ours. */
static int matters(struct process *p, unsigned long long nr)
{
  p->row = nr == p->last ? p->row + 1 : 1;
  p->last = nr;
  if (p->rk)
    return p->row <= 2;
  return nr == SYS_execve || nr == SYS_write || nr == SYS_exit_group || nr == SYS_capset ||
         nr == SYS_setresuid;
}

static void note_program(struct process *p)
{
  char path[64], name[64] = "";
  int fd;

  snprintf(path, sizeof path, "/proc/%d/comm", (int)p->pid);
  fd = open(path, O_RDONLY);
  if (fd >= 0 && read(fd, name, sizeof name - 1) < 0)
    name[0] = 0;
  if (fd >= 0)
    close(fd);
  p->rk = !strncmp(name, "rk-", 3);
}

static void timeout(int sig)
{
  (void)sig;
}

static void limit(int seconds)
{
  struct itimerval t = {.it_value.tv_sec = seconds, .it_interval.tv_sec = seconds ? 1 : 0};
  setitimer(ITIMER_REAL, &t, 0);
}

static double now(void)
{
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* One run: the process of this birth is stopped at its call number `at`, and the killing done.
   1: it came so far; 0: it ended before; *cleaner: somebody was left who clears the state
   directory. */
static int run(int birth, unsigned int at, char const *mode, int *cleaner)
{
  int reached = 0, status;
  double killed = 0;
  pid_t pid = launch(1);

  nproc = births = 0;
  *cleaner = 1;
  if (pid == -1)
    die("fork");
  if (ptrace(PTRACE_SETOPTIONS, pid, 0,
             (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                      PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)))
    die("set options");
  find(pid)->birth = births++;
  limit(LIMIT);
  resume(find(pid), 0, 0);
  for (;;) {
    struct process *p;
    int sig, event;

    pid = waitpid(-1, &status, __WALL);
    if (pid == -1 && errno == ECHILD)
      break;
    if (pid == -1 && errno == EINTR) {
      fprintf(stderr, "rk-t-kill: %s, process %d, call %u: still there after %d seconds:", mode,
              birth, at, LIMIT);
      for (int i = 0; i < nproc; i++)
        if (!proc[i].dead)
          fprintf(stderr, " %d (process %d)", (int)proc[i].pid, proc[i].birth),
            kill(proc[i].pid, SIGKILL);
      fprintf(stderr, "\n");
      exit(1);
    }
    if (pid == -1)
      die("wait");
    p = find(pid);
    if (!WIFSTOPPED(status)) {
      p->dead = 1;
      continue;
    }
    sig = WSTOPSIG(status);
    event = status >> 16;
    if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
      unsigned long msg;
      struct process *child;
      if (!ptrace(PTRACE_GETEVENTMSG, pid, 0, &msg)) {
        child = find((pid_t)msg);
        child->birth = births++;
        child->rk = p->rk;
        if (child->stopped)
          resume(child, reached, 0);
      }
      resume(p, reached, 0);
    } else if (event == PTRACE_EVENT_EXEC) {
      note_program(p);
      resume(p, reached, 0);
    } else if (sig == SIGSTOP && !p->insyscall && !p->calls && p->birth != 0 && !event) {
      p->stopped = 1; /* a child's first stop */
      /* born while its parent was killed */
      if (reached && !strcmp(mode, "all"))
        kill(pid, SIGKILL);
      if (p->birth != -1 || reached)
        resume(p, reached, 0);
    } else if (sig == (SIGTRAP | 0x80)) {
      struct __ptrace_syscall_info info;
      int entry = ptrace(PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info) > 0 &&
                  info.op == PTRACE_SYSCALL_INFO_ENTRY;

      p->insyscall = entry;
      if (entry && !reached && matters(p, info.entry.nr)) {
        p->calls++;
        if (p->birth == birth && p->calls == at) {
          int outside = 0, middle = 0;
          reached = 1;
          killed = now();
          for (int i = 0; i < nproc; i++) {
            struct process *q = &proc[i];
            if (q->dead)
              continue;
            if (!strcmp(mode, "all") || (!strcmp(mode, "chain") ? q->birth == 0 : q == p))
              kill(q->pid, SIGKILL);
            else if (q->birth == 2)
              outside = 1;
            else if (q->birth == 1)
              middle = births == 2;
          }
          /* rk-outside clears, or the one that is about to fork it */
          *cleaner = outside || middle;
          for (int i = 0; i < nproc; i++)
            if (!proc[i].dead && proc[i].stopped)
              resume(&proc[i], 1, 0);
        }
      }
      resume(p, reached, 0);
    } else
      resume(p, reached, event ? 0 : sig);
  }
  limit(0);
  if (reached && now() - killed > 0.5)
    printf("# %s: process %d, call %u: ended after %.0f ms\n", mode, birth, at,
           (now() - killed) * 1000);
  if (reached && now() - killed > slowest)
    slowest = now() - killed;
  return reached;
}

static int entries(char const *path, char *name, size_t size)
{
  DIR *d = opendir(path);
  int n = 0;

  if (!d)
    return 0;
  for (struct dirent *e; (e = readdir(d));)
    if (e->d_name[0] != '.' || (e->d_name[1] && (e->d_name[1] != '.' || e->d_name[2]))) {
      n++;
      snprintf(name, size, "%s/%s", path, e->d_name);
    }
  closedir(d);
  return n;
}

/* What the next chain has not cleared. A state directory that it found it does not take away; it
   must be empty, and we do. */
static int left_in(char *name, size_t size)
{
  char state[512];

  if (entries(dir, name, size) != 1)
    return entries(dir, name, size);
  snprintf(state, sizeof state, "%s", name);
  if (entries(state, name, size))
    return 1;
  return rmdir(state);
}

/* What is left in the directory: nothing if there was a cleaner; nothing locked; nothing after the
   next chain. */
static int look(int cleaner, char const *mode, int birth, unsigned int at)
{
  char name[512], lock[600];
  int n = entries(dir, name, sizeof name), status, fd;
  pid_t pid;

  if (!n)
    return 0;
  snprintf(lock, sizeof lock, "%s/lock", name);
  fd = open(lock, O_RDWR | O_CLOEXEC);
  if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB)) {
    fprintf(stderr, "rk-t-kill: %s, process %d, call %u: %s is still locked\n", mode, birth, at,
            lock);
    return 1;
  }
  if (fd != -1)
    close(fd);
  if (cleaner) {
    fprintf(stderr, "rk-t-kill: %s, process %d, call %u: %s is left\n", mode, birth, at, name);
    return 1;
  }
  /* rk-state -t takes a directory without an owner for one in the making, for a minute */
  utimensat(AT_FDCWD, name, (struct timespec[2]){{0}}, 0);
  pid = launch(0);
  if (pid == -1 || waitpid(pid, &status, 0) != pid)
    die("run the next chain");
  for (int i = 0; status == 0 && left_in(name, sizeof name) && i < LIMIT * 1000; i++)
    usleep(1000);
  if (status || left_in(name, sizeof name)) {
    fprintf(stderr,
            "rk-t-kill: %s, process %d, call %u: the next chain ended with %x and left %s\n", mode,
            birth, at, (unsigned int)status, name);
    return 1;
  }
  return 0;
}

int main(int argc, char **argv)
{
  struct sigaction act = {.sa_handler = timeout};
  char const *mode;
  int bad = 0, from = -1;

  for (int opt; (opt = getopt(argc, argv, "+u:g:d:b:")) != -1;)
    switch (opt) {
      case 'u': uid = (uid_t)atoi(optarg); break;
      case 'g': gid = (gid_t)atoi(optarg); break;
      case 'd': dir = optarg; break;
      case 'b': from = atoi(optarg); break;
      default: return 100;
    }
  if (!dir || argc - optind < 2)
    return 100;
  mode = argv[optind];
  chain = argv + optind + 1;
  sigaction(SIGALRM, &act, 0);
  /* Orphans come to us, not to a pid 1 that may take seconds to reap: a pid namespace ends only
     when its last zombie is gone. */
  if (prctl(PR_SET_CHILD_SUBREAPER, 1))
    die("become a subreaper");
  if (waitpid(launch(0), &bad, 0) == -1 || bad) {
    fprintf(stderr, "rk-t-kill: fatal: the chain does not run: %x\n", (unsigned int)bad);
    return 111;
  }
  for (int i = 0; entries(dir, (char[512]){0}, 512) && i < LIMIT * 1000; i++)
    usleep(1000);
  /* the first process at its own calls: that is "one" */
  if (from < 0)
    from = !strcmp(mode, "chain");
  for (int birth = from; birth < MAX; birth++) {
    unsigned int at = 1;
    int cleaner;

    while (run(birth, at, mode, &cleaner)) {
      bad += look(cleaner, mode, birth, at);
      if (bad > 5)
        return 1;
      at++;
    }
    bad += look(1, mode, birth, 0);
    if (birth >= births)
      break;
    printf("# %s: process %d killed at each of %u calls\n", mode, birth, at - 1);
    fflush(stdout);
  }
  printf("# %s: the slowest end took %.0f ms\n", mode, slowest * 1000);
  return bad ? 1 : 0;
}
