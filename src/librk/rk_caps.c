/* SPDX-License-Identifier: ISC */
#include <rk/caps.h>

#include <unistd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/capability.h>

_Static_assert(_LINUX_CAPABILITY_U32S_3 == 2, "two words of capabilities");

static int get(struct __user_cap_data_struct cap[2])
{
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  return (int)syscall(SYS_capget, &head, cap);
}

static int set(struct __user_cap_data_struct const cap[2])
{
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  return (int)syscall(SYS_capset, &head, cap);
}

int rk_caps_effective(unsigned long long mask)
{
  struct __user_cap_data_struct cap[2];

  if (get(cap) == -1) return -1;
  return (mask & ~(cap[0].effective | (unsigned long long)cap[1].effective << 32)) == 0;
}

int rk_caps_raise(void)
{
  struct __user_cap_data_struct cap[2];

  if (get(cap) == -1) return -1;
  for (int i = 0; i < 2; i++) cap[i].inheritable = cap[i].permitted;
  if (set(cap) == -1) return -1;
  for (unsigned int i = 0; i < 64; i++)
    if ((cap[i / 32].permitted & 1U << i % 32) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) == -1) return -1;
  return 0;
}

int rk_caps_settle(void)
{
  struct __user_cap_data_struct cap[2];

  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 || get(cap) == -1) return -1;
  for (int i = 0; i < 2; i++) cap[i].inheritable = 0;
  return set(cap);
}
