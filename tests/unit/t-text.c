/* SPDX-License-Identifier: ISC
   rk_text_add, rk_procpath, rk_fail. */
#include "tap.h"

#include <errno.h>

#include <rk/fail.h>
#include <rk/proc.h>
#include <rk/text.h>

int main(void)
{
  char buf[16], path[RK_PROCPATH_MAX];
  struct rk_text t = rk_text_in(buf, sizeof buf);

  rk_text_add(&t, "a");
  is_str(buf, "a", "one text");
  rk_text_add(&t, "b", "", "cd");
  is_str(buf, "abcd", "several, an empty one too");
  is_num(t.cut, 0, "all of it fits");
  rk_text_add(&t, "0123456789", "x", "y");
  is_str(buf, "abcd0123456789x", "what does not fit is cut off");
  is_num(t.cut, 1, "which is noted");

  is_str(rk_procpath(path, 42, "ns/user"), "/proc/42/ns/user", "a path of /proc");
  is_str(rk_procpath(path, 2147483647, "root"), "/proc/2147483647/root", "of the greatest pid");
  is_str(rk_procpath(path, 0, "stat"), "/proc/self/stat", "0 is this process");
  is_str(rk_procpath(path, 7, ""), "/proc/7", "and its directory");

  errno = 0;
  is_num(rk_fail(EXDEV), -1, "rk_fail is -1");
  is_num(errno, EXDEV, "and sets errno");
  return tap_done();
}
