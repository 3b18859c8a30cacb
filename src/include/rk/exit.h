/* SPDX-License-Identifier: ISC */
#ifndef RK_EXIT_H
#define RK_EXIT_H

/* Exit codes of every rk program (rk-exit-codes(7)). 126 and 127 come from skalibs' xexec; waiters
   pass 0-255 on. */
enum {
  RK_EXIT_NO = 1,
  RK_EXIT_USAGE = 100,
  RK_EXIT_BUG = 101,
  RK_EXIT_HOST = 102,
  RK_EXIT_SYS = 111
};

#endif
