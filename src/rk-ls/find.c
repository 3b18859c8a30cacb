/* SPDX-License-Identifier: ISC
   The chains that run: every rk-outside has its state directory as its argument
   (proc_pid_cmdline(5), which is readable although the process is not dumpable). */
#include "ls.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <skalibs/types.h>

#include <rk/proc.h>

/* "Uid:\t1000\t...": the first number of that line of /proc/PID/status. */
static int owned(pid_t pid)
{
  char path[RK_PROCPATH_MAX], text[1024];
  char const *line;
  uid_t uid;

  if (!getuid())
    return 1;
  if (rk_slurp(rk_procpath(path, pid, "status"), text, sizeof text) == -1)
    return 0;
  line = strstr(text, "\nUid:\t");
  return line && uid_scan(line + 6, &uid) && uid == getuid();
}

static int named(pid_t pid)
{
  char path[RK_PROCPATH_MAX], text[32];

  return rk_slurp(rk_procpath(path, pid, "comm"), text, sizeof text) >= 0 &&
         !strcmp(text, "rk-outside");
}

int ls_find(void (*each)(char const *dir, void *data), void *data)
{
  char path[RK_PROCPATH_MAX], text[LS_TEXT];
  DIR *proc = opendir("/proc");
  struct dirent *e;
  unsigned int pid;
  ssize_t len;
  size_t first;

  if (!proc)
    return -1;
  for (;;) {
    errno = 0; /* a process that has ended meanwhile is no error */
    e = readdir(proc);
    if (!e)
      break;
    if (!uint0_scan(e->d_name, &pid) || pid > INT_MAX || !named((pid_t)pid) || !owned((pid_t)pid))
      continue;
    len = rk_slurp(rk_procpath(path, (pid_t)pid, "cmdline"), text, sizeof text);
    first = len > 0 ? strlen(text) + 1 : 0;
    if (first && first < (size_t)len && text[first] == '/')
      each(text + first, data);
  }
  len = errno ? -1 : 0;
  closedir(proc);
  return (int)len;
}
