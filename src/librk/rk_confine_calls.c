/* SPDX-License-Identifier: ISC
   The filter beside a Landlock domain. Landlock judges connect(2) and bind(2) where the kernel runs
   them, whatever the ABI of the caller. What it does not see: a connection opened by MSG_FASTOPEN
   (sendto(2), sendmsg(2), sendmmsg(2)), and what io_uring does where its hooks are newer than the
   domain's. */
#include <rk/landlock.h>

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <sys/syscall.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425 /* on all architectures but alpha */
#endif

enum { FASTOPEN = 0x20000000 /* MSG_FASTOPEN, <linux/socket.h> */, X32 = 0x40000000 };

/* The low half of an argument, where the flags are. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#else
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n) + 4)
#endif
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ERROR(e) RETURN(SECCOMP_RET_ERRNO | (e))
/* Each of these tests the call's number and falls through where it is another. */
#define REFUSE(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), ERROR(ENOSYS)
#define NO_FASTOPEN(nr, arg) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4), LOAD(ARG(arg)), \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, FASTOPEN, 0, 1), ERROR(EOPNOTSUPP), \
    RETURN(SECCOMP_RET_ALLOW)
#define COUNT(a) (sizeof(a) / sizeof *(a))

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define NATIVE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define NATIVE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define NATIVE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE AUDIT_ARCH_RISCV64
#else
#error "name this architecture's AUDIT_ARCH (linux/audit.h)"
#endif

static struct sock_filter const native[] = {
  LOAD(offsetof(struct seccomp_data, arch)),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 1, 0),
  RETURN(SECCOMP_RET_ALLOW),
  LOAD(offsetof(struct seccomp_data, nr)),
#if defined(__x86_64__)
  /* x32 has numbers of its own for the three */
  BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32, 0, 1),
  ERROR(ENOSYS),
#endif
  REFUSE(SYS_io_uring_setup),
#ifdef SYS_socketcall
  REFUSE(SYS_socketcall), /* its arguments are in memory */
#endif
  NO_FASTOPEN(SYS_sendto, 3),
  NO_FASTOPEN(SYS_sendmsg, 2),
  NO_FASTOPEN(SYS_sendmmsg, 3),
  RETURN(SECCOMP_RET_ALLOW),
};

/* The 32-bit programs that the kernel runs beside the native ones. */
#if defined(__x86_64__)
#define FOREIGN AUDIT_ARCH_I386
enum { F_SOCKETCALL = 102, F_SENDTO = 369, F_SENDMSG = 370, F_SENDMMSG = 345 };
enum { F_BIND = 361, F_CONNECT = 362, F_SETSOCKOPT = 366 };
#elif defined(__aarch64__)
#define FOREIGN AUDIT_ARCH_ARM
enum { F_SOCKETCALL = 102, F_SENDTO = 290, F_SENDMSG = 296, F_SENDMMSG = 374 };
enum { F_BIND = 282, F_CONNECT = 283, F_SETSOCKOPT = 294 };
#endif

static struct sock_filter const foreign[] = {
  LOAD(offsetof(struct seccomp_data, arch)),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 0, 1),
  RETURN(SECCOMP_RET_ALLOW),
#ifdef FOREIGN
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FOREIGN, 1, 0),
#endif
  ERROR(ENOSYS), /* an ABI that we do not know */
#ifdef FOREIGN
  LOAD(offsetof(struct seccomp_data, nr)),
  REFUSE(SYS_io_uring_setup),
  REFUSE(F_SOCKETCALL),
  NO_FASTOPEN(F_SENDTO, 3),
  NO_FASTOPEN(F_SENDMSG, 2),
  NO_FASTOPEN(F_SENDMMSG, 3),
  RETURN(SECCOMP_RET_ALLOW),
#endif
};

/* Who binds a socket to an interface first keeps it there: rk-portd could not stop it any more
   (setsockopt(2) of SO_BINDTODEVICE is EPERM for a second, sock_bindtoindex of the kernel). */
enum { BINDTODEVICE = 25, BINDTOIFINDEX = 62, LEVEL_SOCKET = 1 };
#define NO_DEVICE(nr) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 7), LOAD(ARG(1)), \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, LEVEL_SOCKET, 0, 3), LOAD(ARG(2)), \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BINDTODEVICE, 2, 0), \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, BINDTOIFINDEX, 1, 0), RETURN(SECCOMP_RET_ALLOW), \
    ERROR(EPERM)
#define TRAP(nr) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), RETURN(SECCOMP_RET_USER_NOTIF)

/* What the filters above refuse is refused: of all filters' answers the strictest counts. */
static struct sock_filter const trap[] = {
  LOAD(offsetof(struct seccomp_data, arch)),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE, 0, 14),
  LOAD(offsetof(struct seccomp_data, nr)),
  TRAP(SYS_bind),
  TRAP(SYS_connect),
  NO_DEVICE(SYS_setsockopt),
  RETURN(SECCOMP_RET_ALLOW),
#ifdef FOREIGN
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FOREIGN, 1, 0),
  RETURN(SECCOMP_RET_ALLOW),
  LOAD(offsetof(struct seccomp_data, nr)),
  TRAP(F_BIND),
  TRAP(F_CONNECT),
  NO_DEVICE(F_SETSOCKOPT),
#endif
  RETURN(SECCOMP_RET_ALLOW),
};

/* Once received, a call ends by a fatal signal only: else Go's SIGURG would restart one that was
   half made. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5) /* Linux 5.19 */
#endif

int rk_trap_calls(void)
{
  struct sock_fprog const prog = {
    .len = (unsigned short)COUNT(trap),
    .filter = (struct sock_filter *)(uintptr_t)trap,
  };

  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                      SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
                      &prog);
}

int rk_trap_is_bind(uint32_t arch, int nr)
{
#ifdef FOREIGN
  if (arch == FOREIGN)
    return nr == F_BIND;
#endif
  return arch == NATIVE && nr == SYS_bind;
}

static int install(struct sock_filter const *code, size_t len)
{
  struct sock_fprog const prog = {
    .len = (unsigned short)len,
    .filter = (struct sock_filter *)(uintptr_t)code,
  };

  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog, 0, 0);
}

int rk_confine_calls(void)
{
  _Static_assert(RK_CONFINE_FILTERS == 2, "as many as are installed here");
  if (install(native, COUNT(native)) == -1)
    return -1;
  return install(foreign, COUNT(foreign));
}
