/* SPDX-License-Identifier: ISC */
#ifndef RK_FAIL_H
#define RK_FAIL_H

#include <errno.h>

/* How a function reports an error: `return rk_fail(EINVAL);` sets errno and returns -1. */
static inline int rk_fail(int error)
{
  errno = error;
  return -1;
}

#endif
