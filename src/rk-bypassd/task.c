/* SPDX-License-Identifier: ISC
   The task that made a call, seen from outside. pidfd_getfd(2) and process_vm_readv(2) are allowed
   since the user of this process owns the chain's user namespace, and so has every capability in it
   (user_namespaces(7)); procfs is read where its permissions allow it. */
#include "bypassd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <linux/capability.h>

#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/sys.h>
#include <rk/text.h>

enum { THREAD = O_EXCL /* PIDFD_THREAD, Linux 6.9 */, FILE_MAX = 4096 };

/* PID/WHAT of procfs into a buffer of FILE_MAX. */
static int slurp(struct bypassd const *b, uint32_t tid, char const *what, char *text)
{
  char path[64];
  struct rk_text t = rk_text_in(path, sizeof path);
  ssize_t n;
  int fd;

  rk_text_num(&t, tid);
  rk_text_str(&t, what);
  fd = openat(b->proc, path, O_RDONLY | O_CLOEXEC);
  if (fd == -1)
    return -1;
  n = read(fd, text, FILE_MAX - 1);
  close(fd);
  if (n == -1)
    return -1;
  text[n] = 0;
  return 0;
}

/* The value after "KEY:" in a status or fdinfo file; NULL: there is none. */
static char const *value(char const *text, char const *key)
{
  char const *at = strstr(text, key);

  if (!at)
    return NULL;
  at += strlen(key);
  return at + strspn(at, "\t ");
}

static int process_of(struct bypassd const *b, uint32_t tid, unsigned int *tgid)
{
  char text[FILE_MAX];
  char const *s;

  if (slurp(b, tid, "/status", text) == -1)
    return -1;
  s = value(text, "\nTgid:");
  if (!s || !uint_scan(s, tgid))
    return rk_fail(ESRCH);
  return 0;
}

int task_process(struct bypassd const *b, uint32_t tid)
{
  unsigned int tgid;

  if (process_of(b, tid, &tgid) == -1)
    return -1;
  return rk_pidfd_open((pid_t)tgid, 0);
}

/* Before Linux 6.9 a pidfd is of a whole process. Its threads share their fds (CLONE_FILES), but
   for those of programs that take care not to. */
int task_open(struct bypassd const *b, uint32_t tid)
{
  int fd = rk_pidfd_open((pid_t)tid, THREAD);

  if (fd != -1 || errno != EINVAL)
    return fd;
  return task_process(b, tid);
}

int task_fd(int pidfd, uint64_t number)
{
  return (int)syscall(SYS_pidfd_getfd, pidfd, (int)number, 0);
}

int task_address(struct seccomp_notif const *call, struct address *address)
{
  int len = (int)call->data.args[2];
  struct iovec to = {.iov_base = &address->u};
  struct iovec from = {.iov_base = (void *)(uintptr_t)call->data.args[1]};

  if (len < (int)sizeof(sa_family_t) || len > (int)sizeof(struct sockaddr_storage))
    return rk_fail(EINVAL);
  memset(address, 0, sizeof *address);
  if ((size_t)len > sizeof address->u)
    len = sizeof address->u; /* the kernel looks at no more */
  address->len = (socklen_t)len;
  to.iov_len = (size_t)len;
  from.iov_len = (size_t)len;
  if (process_vm_readv((pid_t)call->pid, &to, 1, &from, 1, 0) != len)
    return rk_fail(EFAULT);
  return 0;
}

/* Ours would be lent to every user of the inside otherwise: CAP_NET_BIND_SERVICE counts in the user
   namespace that owns the network (capabilities(7)). */
int task_may_bind(struct bypassd const *b, uint32_t tid, struct netns const *netns)
{
  char text[FILE_MAX];
  char path[64];
  struct rk_text t = rk_text_in(path, sizeof path);
  struct stat st;
  char const *s;
  uint64_t caps;

  rk_text_num(&t, tid);
  rk_text_str(&t, "/ns/user");
  if (fstatat(b->proc, path, &st, 0) == -1)
    return -1;
  if (st.st_dev != netns->dev || st.st_ino != netns->ino)
    return 0;
  if (slurp(b, tid, "/status", text) == -1)
    return -1;
  s = value(text, "\nCapEff:");
  if (!s || !uint64_xscan(s, &caps))
    return 0;
  return (caps >> CAP_NET_BIND_SERVICE & 1) != 0;
}

/* Not to be seen of other users' tasks than root inside: procfs gives their fds to nobody else.
   Such a one keeps its socket open over execve(2). */
int task_cloexec(struct bypassd const *b, uint32_t tid, uint64_t number)
{
  char text[FILE_MAX];
  char what[64];
  struct rk_text t = rk_text_in(what, sizeof what);
  unsigned int flags;
  char const *s;

  rk_text_str(&t, "/fdinfo/");
  rk_text_num(&t, (int)number);
  if (slurp(b, tid, what, text) == -1)
    return 0;
  s = value(text, "\nflags:");
  if (!s || !uint_oscan(s, &flags))
    return 0;
  return (flags & O_CLOEXEC) != 0;
}

/* By its name, which asks no file system: ioctl(2), poll(2) and close(2) of a file of FUSE wait for
   its server, and SIGKILL does not end that. */
int task_is_listener(struct bypassd const *b, int fd)
{
  static char const name[] = "anon_inode:seccomp notify";
  char path[64];
  char is[sizeof name];
  struct rk_text t = rk_text_in(path, sizeof path);
  ssize_t n;

  rk_text_str(&t, "self/fd/");
  rk_text_num(&t, fd);
  n = readlinkat(b->proc, path, is, sizeof is);
  return n == (ssize_t)sizeof name - 1 && !memcmp(is, name, sizeof name - 1);
}
