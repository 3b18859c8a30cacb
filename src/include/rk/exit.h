/* SPDX-License-Identifier: ISC */
#ifndef RK_EXIT_H
#define RK_EXIT_H

/* Exit codes of every rk program (rk-exit-codes(7)). skalibs' xexec gives 126 and 127, too; waiters
   pass 0-255 on. */
enum {
  RK_EXIT_NO = 1,
  RK_EXIT_USAGE = 100,
  RK_EXIT_BUG = 101,
  RK_EXIT_HOST = 102,
  RK_EXIT_SYS = 111,
  RK_EXIT_NOEXEC = 126,
  RK_EXIT_NOTFOUND = 127
};

#endif
