/* SPDX-License-Identifier: ISC
   rk-t-inject [-u UID] [-g GID] [-t SECONDS] [-i PROGRAM:PROCESS:CALL:COUNT:ERROR[+]] LOG CMD...:
   let one system call of one process fail.

   As root, runs CMD as UID:GID, under a seccomp filter (seccomp(2), SECCOMP_RET_USER_NOTIF) that
   stops the system call number CALL of it and of all its descendants, and here it is decided: of
   the PROCESSth process of PROGRAM that makes this call, in the order of their first, the COUNTth
   such call fails with the errno ERROR and is not executed (with +: and all later ones), every
   other call goes on. A process belongs to the program that it has executed (/proc/PID/exe).
   Without -i no call fails, and all are counted. No tracer is needed, so that set-user-ID programs
   keep their privilege, and a run costs two switches for each call of that one number.

   LOG: "pid N", the first process's; "calls PROGRAM PROCESS CALL COUNT" (without -i); "injected
   PROGRAM PROCESS CALL COUNT [TEXT]", TEXT an argument that looks like a name; "ended STATUS", the
   wait status of the first process, in decimal; "left PROGRAM PID" for each process still there
   SECONDS (15) after the start, which are killed; "crashed STATUS" for an orphan that a signal
   ended. Exits 0 when all processes are gone, 1 if some were left, 111 if this cannot be done. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

enum {
  PROCESSES = 4096,
  COUNTERS = 8192,
  PROGRAMS = 64,
  NAME = 32,
  TELL = 1000, /* the fd that tells which fd the listener is: no program here uses so high a one */
};

struct program {
  char name[NAME];
};

struct process {
  pid_t pid;
  int program;  /* index */
  int executed; /* boolean: it may be another program by now */
};

/* The calls of one number that a process has made as one program. */
struct counter {
  pid_t pid;
  int program, call;
  int number; /* of the process, among those of the program that make this call, from 1 */
  unsigned int n;
};

/* What is to fail. */
struct target {
  char program[NAME];
  int process, call;
  unsigned int count;
  int error;
  int on; /* boolean: all later ones, too */
  int given;
};

struct run {
  struct target target;
  struct program programs[PROGRAMS];
  struct process processes[PROCESSES];
  struct counter counters[COUNTERS];
  int nprograms, nprocesses, ncounters;
  pid_t first;
  int listener;
  FILE *log;
  uid_t uid;
  gid_t gid;
  int seconds;
  int told; /* boolean: the injection is in the log */
};

static void die(char const *what) __attribute__((noreturn));
static void die(char const *what)
{
  fprintf(stderr, "rk-t-inject: fatal: unable to %s: %s\n", what, strerror(errno));
  exit(111);
}

/* Only the calls of interest come to us, and execve, after which a process is another program. One
   that waits for us can be interrupted by a signal: a foreign program may not bear that where it
   never happens else, as of getrandom(2). */
static int set_filter(struct target const *t)
{
  unsigned int const notify = SECCOMP_RET_USER_NOTIF;
  unsigned int const all = !t->given;
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TELL, 6, 0),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrandom, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execveat, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)t->call, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, notify),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog prog = {.len = sizeof code / sizeof *code, .filter = code};

  if (all) /* whatever is no write to TELL */
    code[8] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, notify);
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                      &prog);
}

static void become_command(struct run const *r, int tell, char **cmd)
{
  sigset_t none;
  int listener;

  sigemptyset(&none);
  if (chdir("/") == -1 || dup2(tell, TELL) == -1 || fcntl(TELL, F_SETFD, FD_CLOEXEC) == -1)
    die("prepare the command");
  sigprocmask(SIG_SETMASK, &none, NULL);
  listener = set_filter(&r->target);
  if (listener == -1)
    die("set the seccomp filter");
  if (write(TELL, &listener, sizeof listener) != sizeof listener)
    die("tell the listener");
  if (setgroups(1, &r->gid) == -1 || setresgid(r->gid, r->gid, r->gid) == -1 ||
      setresuid(r->uid, r->uid, r->uid) == -1)
    die("become the user");
  execvp(cmd[0], cmd);
  die("execute the command");
}

/* Start the command and take its listener. */
static void start(struct run *r, char **cmd)
{
  int tell[2];
  int theirs;
  int pidfd;

  if (pipe2(tell, O_CLOEXEC) == -1)
    die("make a pipe");
  r->first = fork();
  if (r->first == -1)
    die("fork");
  if (r->first == 0)
    become_command(r, tell[1], cmd);
  close(tell[1]);
  if (read(tell[0], &theirs, sizeof theirs) != sizeof theirs)
    exit(111); /* the child has said why */
  close(tell[0]);
  pidfd = (int)syscall(SYS_pidfd_open, r->first, 0);
  if (pidfd == -1)
    die("open a pidfd");
  r->listener = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
  if (r->listener == -1)
    die("get the listener");
  close(pidfd);
  fprintf(r->log, "pid %d\n", (int)r->first);
}

/* The file that it executes, without directories; but "net/slirp4netns" is the driver of
   libexec/rk/net, which then executes a program of the same name. */
static void name_of(pid_t pid, char *name)
{
  char path[64];
  char exe[4096];
  char const *base;
  ssize_t n;

  snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
  n = readlink(path, exe, sizeof exe - 1);
  exe[n < 0 ? 0 : n] = 0;
  base = strrchr(exe, '/');
  base = base ? base + 1 : exe;
  snprintf(name, NAME, "%s%.24s", strstr(exe, "/rk/net/") ? "net/" : "", base);
  for (char *c = name; *c; c++) {
    if (*c == ' ' || *c == ':')
      *c = '_';
  }
}

static int program_of(struct run *r, pid_t pid)
{
  char name[NAME];
  int i = 0;

  name_of(pid, name);
  while (i < r->nprograms && strcmp(r->programs[i].name, name) != 0)
    i++;
  if (i == PROGRAMS) {
    errno = E2BIG;
    die("count so many programs");
  }
  if (i == r->nprograms) {
    strcpy(r->programs[i].name, name);
    r->nprograms++;
  }
  return i;
}

static struct process *process_of(struct run *r, pid_t pid)
{
  struct process *p = NULL;

  for (int i = r->nprocesses - 1; i >= 0 && !p; i--) {
    if (r->processes[i].pid == pid)
      p = &r->processes[i];
  }
  if (!p) {
    if (r->nprocesses == PROCESSES) {
      errno = E2BIG;
      die("count so many processes");
    }
    p = &r->processes[r->nprocesses++];
    *p = (struct process){.pid = pid, .executed = 1};
  }
  if (p->executed)
    p->program = program_of(r, pid);
  p->executed = 0;
  return p;
}

static struct counter *count(struct run *r, struct process const *p, int call)
{
  struct counter *c;
  int number = 1;

  for (int i = r->ncounters - 1; i >= 0; i--) {
    c = &r->counters[i];
    if (c->call != call || c->program != p->program)
      continue;
    number++;
    if (c->pid != p->pid)
      continue;
    c->n++;
    return c;
  }
  if (r->ncounters == COUNTERS) {
    errno = E2BIG;
    die("count so many calls");
  }
  c = &r->counters[r->ncounters++];
  *c = (struct counter){
    .pid = p->pid, .program = p->program, .call = call, .number = number, .n = 1};
  return c;
}

/* The first or second argument, if it is the address of a name: printed for people. */
static void print_name(struct run const *r, pid_t pid, unsigned long long address)
{
  char text[128] = "";
  struct iovec here = {.iov_base = text, .iov_len = sizeof text - 1};
  struct iovec there = {.iov_base = (void *)(uintptr_t)address, .iov_len = sizeof text - 1};

  if (address < 0x1000)
    return;
  if (process_vm_readv(pid, &here, 1, &there, 1, 0) < 1 || !*text)
    return;
  for (char *c = text; *c; c++) {
    if (*c < 33 || *c > 126)
      return;
  }
  fprintf(r->log, " \"%s\"", text);
}

/* Does this call fail? */
static int fails(struct run *r, struct process const *p, struct seccomp_notif const *call)
{
  struct target const *t = &r->target;
  struct counter const *c = count(r, p, call->data.nr);

  if (!t->given || t->call != c->call || t->process != c->number)
    return 0;
  if (strcmp(t->program, r->programs[c->program].name) != 0)
    return 0;
  if (c->n != t->count && !(t->on && c->n > t->count))
    return 0;
  if (!r->told) {
    fprintf(r->log, "injected %s %d %d %u", t->program, t->process, t->call, c->n);
    print_name(r, (pid_t)call->pid, call->data.args[0]);
    print_name(r, (pid_t)call->pid, call->data.args[1]);
    fprintf(r->log, "\n");
    r->told = 1;
  }
  return 1;
}

static void decide(struct run *r)
{
  struct seccomp_notif call = {0};
  struct seccomp_notif_resp answer = {0};
  struct process *p;

  if (syscall(SYS_ioctl, r->listener, SECCOMP_IOCTL_NOTIF_RECV, &call) == -1)
    return; /* it has died meanwhile */
  p = process_of(r, (pid_t)call.pid);
  answer.id = call.id;
  if (fails(r, p, &call)) {
    answer.error = -r->target.error;
  } else {
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (call.data.nr == SYS_execve || call.data.nr == SYS_execveat)
      p->executed = 1;
  }
  /* fails if it has died meanwhile */
  syscall(SYS_ioctl, r->listener, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

/* Reap what has ended. Returns whether somebody is left: orphans become our children. */
static int reap(struct run *r)
{
  pid_t pid;
  int status;

  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid == r->first)
      fprintf(r->log, "ended %d\n", status);
    else if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL && WTERMSIG(status) != SIGTERM)
      fprintf(r->log, "crashed %d\n", status);
  }
  return pid == 0;
}

/* Kill the children of ours; theirs come to us then. */
static void kill_left(struct run *r, int say)
{
  char path[64];
  FILE *f;
  int pid;

  snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
  f = fopen(path, "re");
  if (!f)
    die("read the list of children");
  while (fscanf(f, "%d", &pid) == 1) {
    char name[NAME];

    name_of(pid, name);
    if (say)
      fprintf(r->log, "left %s %d\n", name, pid);
    kill(pid, SIGKILL);
  }
  fclose(f);
}

static int milliseconds(struct timespec const *since)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int)((now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / 1000000);
}

/* Until all are gone. Returns whether some had to be killed. */
static int supervise(struct run *r)
{
  struct timespec since;
  struct pollfd wait[2] = {{.fd = r->listener, .events = POLLIN}, {.events = POLLIN}};
  sigset_t chld;
  int late = 0;

  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  wait[1].fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
  if (wait[1].fd == -1)
    die("make a signalfd");
  clock_gettime(CLOCK_MONOTONIC, &since);
  while (reap(r)) {
    struct signalfd_siginfo info;
    int left = r->seconds * 1000 - milliseconds(&since);

    if (left <= 0) {
      kill_left(r, 1);
      late = 1;
      left = 100;
    }
    if (poll(wait, 2, left) == -1 && errno != EINTR)
      die("wait");
    if (wait[0].revents & POLLIN)
      decide(r);
    else if (wait[0].revents)
      wait[0].fd = -1; /* nobody is left who has the filter */
    while (read(wait[1].fd, &info, sizeof info) > 0)
      ;
  }
  return late;
}

static void print_counters(struct run const *r)
{
  for (int i = 0; i < r->ncounters; i++) {
    struct counter const *c = &r->counters[i];

    fprintf(r->log, "calls %s %d %d %u\n", r->programs[c->program].name, c->number, c->call, c->n);
  }
}

static int parse(struct target *t, char const *s)
{
  char plus = 0;
  int n = sscanf(s, "%31[^:]:%d:%d:%u:%d%c", t->program, &t->process, &t->call, &t->count,
                 &t->error, &plus);

  t->on = plus == '+';
  t->given = 1;
  return n >= 5;
}

int main(int argc, char **argv)
{
  static struct run r = {.seconds = 15, .listener = -1};
  sigset_t chld;
  int late;

  for (int opt; (opt = getopt(argc, argv, "+u:g:t:i:")) != -1;) {
    switch (opt) {
      case 'u': r.uid = (uid_t)atoi(optarg); break;
      case 'g': r.gid = (gid_t)atoi(optarg); break;
      case 't': r.seconds = atoi(optarg); break;
      case 'i':
        if (parse(&r.target, optarg))
          break;
        return 100;
      default: return 100;
    }
  }
  if (argc - optind < 2)
    return 100;
  r.log = fopen(argv[optind], "we");
  if (!r.log)
    die("open the log");
  setvbuf(r.log, NULL, _IOLBF, 0);
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, NULL);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) == -1)
    die("become a subreaper");
  start(&r, argv + optind + 1);
  late = supervise(&r);
  if (!r.target.given)
    print_counters(&r);
  fclose(r.log);
  return late;
}
