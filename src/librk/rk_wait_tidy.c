/* SPDX-License-Identifier: ISC */
#include <rk/wait.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <sys/vfs.h>
#include <linux/magic.h>

enum { PATIENCE = 500 /* ms: rk-outside gives a driver 300 to leave */ };

/* Orphans are children of pid 1; its list of them (proc_pid_children(5)) is "PID PID ... ". */
static int one_left(int proc)
{
  char list[4096], name[16];
  int fd = openat(proc, "1/task/1/children", O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  ssize_t n = fd < 0 ? -1 : read(fd, list, sizeof list - 1);

  if (fd >= 0)
    close(fd);
  if (n <= 0)
    return 0;
  list[n] = 0;
  for (char *pid = list, *end; (end = strchr(pid, ' ')); pid = end + 1) {
    char path[32];
    if (end - pid > 10)
      return 0;
    memcpy(path, pid, (size_t)(end - pid));
    strcpy(path + (end - pid), "/comm");
    fd = openat(proc, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    n = fd < 0 ? -1 : read(fd, name, sizeof name);
    if (fd >= 0)
      close(fd);
    if (n == 11 && !memcmp(name, "rk-outside\n", 11))
      return 1;
  }
  return 0;
}

void rk_wait_tidy(void)
{
  struct statfs fs;
  char self[16];
  int proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

  if (proc < 0)
    return;
  /* The waiter cannot be seen in the namespace: a /proc that shows it is another one's. */
  if (fstatfs(proc, &fs) == 0 && (unsigned long)fs.f_type == PROC_SUPER_MAGIC &&
      readlinkat(proc, "self", self, sizeof self) < 0)
    for (int left = PATIENCE; left && one_left(proc); left--)
      poll(0, 0, 1);
  close(proc);
}
