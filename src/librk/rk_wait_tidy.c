/* SPDX-License-Identifier: ISC */
#include <rk/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <sys/vfs.h>
#include <linux/magic.h>

#include <rk/children.h>

enum { PATIENCE = 500 /* ms: rk-outside gives a driver 300 to leave */ };

/* Orphans are children of pid 1. */
static int one_left(int proc)
{
  struct rk_children list;
  pid_t pid;

  if (rk_children_read(&list, proc, 1) == -1)
    return 0;
  while ((pid = rk_children_next(&list)))
    if (rk_child_is_outside(proc, pid))
      return 1;
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
