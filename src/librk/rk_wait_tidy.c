/* SPDX-License-Identifier: ISC */
#include <rk/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include <rk/text.h>

enum { PATIENCE = 500 /* ms: rk-outside gives a driver 300 to leave */ };

/* Bytes read, -1: none could be. */
static ssize_t read_at(int proc, char const *path, char *buf, size_t size)
{
  int fd = openat(proc, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t n;

  if (fd == -1)
    return -1;
  n = read(fd, buf, size);
  close(fd);
  return n;
}

static int is_outside(int proc, char const *pid, size_t len)
{
  static char const outside[] = "rk-outside\n";
  char path[32];
  char name[16];
  struct rk_text t = rk_text_in(path, sizeof path);
  ssize_t n;

  rk_text_mem(&t, pid, len);
  rk_text_str(&t, "/comm");
  n = read_at(proc, path, name, sizeof name);
  return n == sizeof outside - 1 && !memcmp(name, outside, sizeof outside - 1);
}

/* Orphans are children of pid 1; its list of them (proc_pid_children(5)) is "PID PID ... ". */
static int one_left(int proc)
{
  char list[4096];
  char *pid = list;
  char *end;
  ssize_t n = read_at(proc, "1/task/1/children", list, sizeof list - 1);

  if (n <= 0)
    return 0;
  list[n] = 0;
  while ((end = strchr(pid, ' '))) {
    if (is_outside(proc, pid, (size_t)(end - pid)))
      return 1;
    pid = end + 1;
  }
  return 0;
}

/* The waiter cannot be seen in the namespace: a /proc that shows it is another one's. */
static int is_of_namespace(int proc)
{
  struct statfs fs;
  char self[16];

  if (fstatfs(proc, &fs) == -1)
    return 0;
  if ((unsigned long)fs.f_type != PROC_SUPER_MAGIC)
    return 0;
  return readlinkat(proc, "self", self, sizeof self) == -1;
}

void rk_wait_tidy(void)
{
  int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (proc == -1)
    return;
  if (is_of_namespace(proc))
    for (int left = PATIENCE; left && one_left(proc); left--)
      poll(NULL, 0, 1);
  close(proc);
}
