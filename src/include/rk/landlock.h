/* SPDX-License-Identifier: ISC
   Landlock domains (landlock(7)), and the small classic filter that closes what such a domain does
   not see. The structures and rights are written out, since the headers of older systems lack the
   network's. */
#ifndef RK_LANDLOCK_H
#define RK_LANDLOCK_H

#include <stdint.h>

/* The ABI in which a feature came. */
enum {
  RK_LANDLOCK_REFER = 2,    /* Linux 5.19: links and renames between directories */
  RK_LANDLOCK_TRUNCATE = 3, /* Linux 6.2 */
  RK_LANDLOCK_NET = 4,      /* Linux 6.7: TCP bind and connect */
  RK_LANDLOCK_IOCTL = 5     /* Linux 6.10: ioctl(2) on devices */
};

/* Rights over files. */
#define RK_LANDLOCK_READ 0xdULL        /* execute, read a file, list a directory */
#define RK_LANDLOCK_ON_FILES 0xc007ULL /* those that can be given to what is no directory */

/* Rights over TCP ports. */
#define RK_LANDLOCK_BIND 1ULL
#define RK_LANDLOCK_CONNECT 2ULL

/* The kernel's Landlock ABI, 1 or more; or -1 with errno: ENOSYS if it is not compiled in,
   EOPNOTSUPP if it is switched off. */
int rk_landlock_abi(void);

/* All rights over files that a kernel of that ABI knows. */
uint64_t rk_landlock_files(int abi);

/* A new ruleset which forbids these rights, 0: none of that kind. The fd is close-on-exec and the
   caller's; or -1 with errno. */
int rk_landlock_ruleset(uint64_t files, uint64_t net);

/* Allow rights on a file, or on all that lies below a directory. fd may be O_PATH and stays the
   caller's. 0, or -1 with errno. */
int rk_landlock_path(int ruleset, uint64_t rights, int fd);

/* Allow rights on a TCP port, in host byte order; with 0 bind allows the ephemeral ports. 0, or -1
   with errno. */
int rk_landlock_port(int ruleset, uint64_t rights, uint16_t port);

/* Put this thread, and all that it executes and forks, under the ruleset, for ever. 0, or -1 with
   errno: EPERM without CAP_SYS_ADMIN in the user namespace and without no_new_privs, E2BIG below 16
   domains. */
int rk_landlock_enter(int ruleset);

/* Refuse, for ever, the calls by which a TCP socket connects unseen by Landlock: MSG_FASTOPEN
   (EOPNOTSUPP), io_uring and the socket calls of a foreign ABI whose flags cannot be read (ENOSYS).
   0, or -1 with errno, EPERM as above.
   These are two filters, one for each ABI. So a process that rk-confine has confined has two more
   than before, and none gets rid of one (seccomp(2)), whereas rk-pidns and rk-enter install one
   (rk/tty.h): the field Seccomp_filters of proc_pid_status(5) tells them apart. */
enum { RK_CONFINE_FILTERS = 2 };
int rk_confine_calls(void);

/* Have connect(2) and bind(2), of every ABI, wait for the answer of whoever holds the returned
   listener (seccomp_unotify(2)); it is close-on-exec and the caller's. -1 with errno: EPERM as
   above, EBUSY: this process has such a filter already. Not safe by itself: beside a Landlock
   domain. */
int rk_trap_calls(void);

/* Is a call that was trapped so a bind? 1, or 0: connect. */
int rk_trap_is_bind(uint32_t arch, int nr);

#endif
