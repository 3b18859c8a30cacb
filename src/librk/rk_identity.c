/* SPDX-License-Identifier: ISC */
#include <rk/state.h>

#include <errno.h>
#include <string.h>

#include <skalibs/types.h>

#include <rk/fail.h>
#include <rk/proc.h>

ssize_t rk_identity(pid_t pid, char *buf, size_t size)
{
  unsigned long long start;
  char boot[64];
  ssize_t bootlen;
  size_t n = 0;

  if (size < RK_IDENTITY_MAX)
    return rk_fail(ENAMETOOLONG);
  if (rk_proc_stat(pid, 22, &start) == -1)
    return -1;
  bootlen = rk_slurp("/proc/sys/kernel/random/boot_id", boot, 40);
  if (bootlen == -1)
    return -1;
  n += uint_fmt(buf + n, (unsigned int)pid);
  buf[n++] = ' ';
  n += uint64_fmt(buf + n, start);
  buf[n++] = ' ';
  memcpy(buf + n, boot, (size_t)bootlen + 1);
  return (ssize_t)(n + (size_t)bootlen);
}

int rk_identity_alive(char const *text)
{
  char now[RK_IDENTITY_MAX];
  unsigned long long state;
  unsigned int pid;
  size_t n = uint_scan(text, &pid);

  if (!n || text[n] != ' ' || !pid)
    return rk_fail(EINVAL);
  if (rk_identity((pid_t)pid, now, sizeof now) == -1)
    return 0;
  if (strcmp(now, text))
    return 0;
  /* A zombie still has its number and start time, but none of its namespaces: field 24 (rss) is 0
     and it owns no address space (field 23, vsize). */
  if (rk_proc_stat((pid_t)pid, 23, &state) == -1 || !state)
    return 0;
  return 1;
}
