/* SPDX-License-Identifier: ISC */
#include <rk/caps.h>

#include <errno.h>
#include <sys/capability.h>

#include <rk/fail.h>

/* cap_free keeps errno only by luck. */
static int finish(cap_t sets, int result)
{
  int e = errno;

  cap_free(sets);
  errno = e;
  return result;
}

static int has(cap_t sets, int cap, cap_flag_t which)
{
  cap_flag_value_t value;

  if (cap_get_flag(sets, cap, which, &value) == -1)
    return -1;
  return value == CAP_SET;
}

int rk_caps_effective(int const *caps, size_t n)
{
  cap_t sets = cap_get_proc();
  int all = 1;

  if (!sets)
    return -1;
  for (size_t i = 0; i < n && all == 1; i++)
    all = has(sets, caps[i], CAP_EFFECTIVE);
  return finish(sets, all);
}

static int raise_all(cap_t sets)
{
  cap_value_t last = cap_max_bits();

  for (cap_value_t cap = 0; cap < last; cap++)
    if (has(sets, cap, CAP_PERMITTED) == 1 &&
        cap_set_flag(sets, CAP_INHERITABLE, 1, &cap, CAP_SET) == -1)
      return -1;
  if (cap_set_proc(sets) == -1)
    return -1;
  for (cap_value_t cap = 0; cap < last; cap++)
    if (has(sets, cap, CAP_PERMITTED) == 1 && cap_set_ambient(cap, CAP_SET) == -1)
      return -1;
  return 0;
}

int rk_caps_raise(void)
{
  cap_t sets = cap_get_proc();

  if (!sets)
    return -1;
  return finish(sets, raise_all(sets));
}

int rk_caps_lower(int const *caps, size_t n)
{
  cap_t sets = cap_get_proc();

  if (!sets)
    return -1;
  if (cap_set_flag(sets, CAP_EFFECTIVE, (int)n, caps, CAP_CLEAR) == -1)
    return finish(sets, -1);
  return finish(sets, cap_set_proc(sets));
}

int rk_caps_settle(void)
{
  cap_t sets;

  if (cap_reset_ambient() == -1)
    return -1;
  sets = cap_get_proc();
  if (!sets)
    return -1;
  if (cap_clear_flag(sets, CAP_INHERITABLE) == -1)
    return finish(sets, -1);
  return finish(sets, cap_set_proc(sets));
}

static int keep(cap_t sets, int const *caps, int n)
{
  if (cap_set_flag(sets, CAP_PERMITTED, n, caps, CAP_SET) == -1)
    return -1;
  if (cap_set_flag(sets, CAP_EFFECTIVE, n, caps, CAP_SET) == -1)
    return -1;
  return cap_set_proc(sets);
}

int rk_caps_empty_bound(void)
{
  cap_value_t last = cap_max_bits();

  for (cap_value_t cap = 0; cap < last; cap++)
    if (cap_drop_bound(cap) == -1)
      return -1;
  return 0;
}

int rk_caps_keep(int const *caps, size_t n)
{
  cap_t sets;

  if (cap_reset_ambient() == -1)
    return -1;
  sets = cap_init(); /* empty */
  if (!sets)
    return -1;
  return finish(sets, n ? keep(sets, caps, (int)n) : cap_set_proc(sets));
}

int rk_caps_of_file(char const *path, int cap)
{
  cap_t sets = cap_get_file(path);
  int permitted, effective;

  if (!sets)
    return errno == ENODATA ? 0 : -1;
  permitted = has(sets, cap, CAP_PERMITTED);
  effective = has(sets, cap, CAP_EFFECTIVE);
  return finish(sets, permitted == 1 && effective == 1);
}
