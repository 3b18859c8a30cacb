/* SPDX-License-Identifier: ISC */
#include <rk/keyring.h>

#include <errno.h>
#include <time.h>
#include <unistd.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>
#include <rk/fail.h>
#include <rk/host.h>

enum { TRIES = 50 };

int rk_keyring_new(void)
{
  struct timespec const pause = {.tv_nsec = 20000000};

  for (int i = 0; i < TRIES; i++) {
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) != -1)
      return 0;
    if (errno == ENOSYS || errno == EPERM)
      return 0;
    if (errno != EDQUOT)
      return -1;
    nanosleep(&pause, NULL);
  }
  return rk_fail(EDQUOT);
}

void rk_keyring_new_or_die(void)
{
  if (rk_keyring_new() == 0)
    return;
  if (errno == EDQUOT)
    rk_die_host("U9", "sysctl -w kernel.keys.maxkeys=2000 kernel.keys.maxbytes=200000",
                "unable to make a session keyring: the user's limit of keys is reached");
  strerr_diefusys(RK_EXIT_SYS, "make a session keyring");
}
