/* SPDX-License-Identifier: ISC */
#include <rk/proc.h>

#include <stdint.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

/* linux/pidfd.h of Linux 6.15, its first version; older headers have none of it. */
struct info {
  uint64_t mask;
  uint64_t cgroupid;
  uint32_t ids[11];
  int32_t exit_code;
};
enum { INFO_EXIT = 1 << 3, STATE_EXIT_CODE = 52 };

/* It is filled in when the process is waited for. */
static int after_wait(int pidfd)
{
  struct info info = {.mask = INFO_EXIT};

  /* musl's ioctl takes an int, into which this number does not fit */
  if (syscall(SYS_ioctl, pidfd, _IOWR(0xff, 11, struct info), &info) == -1)
    return -1;
  if (!(info.mask & INFO_EXIT))
    return -1;
  return info.exit_code;
}

/* Until then it is a zombie, and its stat tells it (proc_pid_stat(5), field 52). */
static int before_wait(int pidfd, pid_t pid)
{
  unsigned long long status;

  if (pid <= 0 || rk_proc_stat(pid, STATE_EXIT_CODE, &status) == -1)
    return -1;
  return rk_pidfd_pid(pidfd) == pid ? (int)status : -1;
}

int rk_pidfd_status(int pidfd, pid_t pid)
{
  int status = after_wait(pidfd);

  if (status == -1)
    status = before_wait(pidfd, pid);
  if (status == -1)
    status = after_wait(pidfd);
  return status;
}
