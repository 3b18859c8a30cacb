/* SPDX-License-Identifier: ISC
   The relay's allow-list, as plain BPF: everything else kills the process, and rk-portd reports SIGSYS. Busiest calls
   first, since the list is walked (about 1 ns an entry). */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "relay.h"

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#error "name this architecture's AUDIT_ARCH (linux/audit.h)"
#endif

/* The sanitizers' own run time needs more. This is a switch of the build: no program can ask for it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

#define NR offsetof(struct seccomp_data, nr)
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n)) /* low half, little-endian: all three architectures */
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define YES BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define NO BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), YES
#define EITHER(name, arg, a, b) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 5), LOAD(ARG(arg)), \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (a), 1, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (b), 0, 1), YES, NO
#define WITHOUT(name, arg, bits) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(ARG(arg)), \
  BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), YES, NO

static struct sock_filter filter[] = {
  LOAD(offsetof(struct seccomp_data, arch)),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), NO,
  LOAD(NR), /* x32 has other numbers under the same arch: none of them is below */
  ALLOW(recvfrom), ALLOW(sendto), ALLOW(splice),
#ifdef SYS_epoll_wait
  ALLOW(epoll_wait),
#endif
  ALLOW(epoll_pwait), ALLOW(recvmmsg), ALLOW(sendmsg), ALLOW(setsockopt), ALLOW(accept4),
  EITHER(socket, 0, AF_INET, AF_INET6),
  ALLOW(bind), ALLOW(connect), ALLOW(epoll_ctl), ALLOW(shutdown), ALLOW(close), ALLOW(recvmsg), ALLOW(sendmmsg),
  ALLOW(write), ALLOW(read), ALLOW(pread64), ALLOW(getsockopt), ALLOW(getsockname), ALLOW(listen), ALLOW(pipe2),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 7), LOAD(ARG(1)),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETPIPE_SZ, 3, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_GETPIPE_SZ, 2, 0),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_GETFL, 1, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETFL, 0, 1), YES, NO,
  WITHOUT(mmap, 2, PROT_EXEC),
  ALLOW(sched_yield), ALLOW(munmap), ALLOW(madvise), ALLOW(writev), ALLOW(clock_gettime), ALLOW(restart_syscall), ALLOW(rt_sigreturn),
  ALLOW(exit_group),
#ifdef SANITIZED
  ALLOW(mprotect), ALLOW(mremap), ALLOW(brk), ALLOW(futex), ALLOW(getpid), ALLOW(gettid), ALLOW(tgkill), ALLOW(rt_sigprocmask),
  ALLOW(rt_sigaction), ALLOW(sigaltstack), ALLOW(openat), ALLOW(readlinkat), ALLOW(fstat), ALLOW(newfstatat), ALLOW(lseek),
  ALLOW(ioctl), ALLOW(getrandom), ALLOW(sched_getaffinity), ALLOW(getrlimit), ALLOW(prlimit64),
#ifdef SYS_readlink
  ALLOW(readlink), ALLOW(open), ALLOW(stat),
#endif
#endif
  NO
};

int seccomp_install(void)
{
  struct sock_fprog program = { .len = sizeof filter / sizeof *filter, .filter = filter };

  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
