/* SPDX-License-Identifier: ISC
   The list of rk-bypassd: what it reads of the chain may be made to deceive it. No program is
   executed, no process made or signalled, no file written. */
#include "bypassd.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <rk/fail.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#else
#error "name this architecture's AUDIT_ARCH (linux/audit.h)"
#endif

/* The sanitizers' own run time needs more. This is a switch of the build. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

static int const ALLOWED[] = {
  SYS_ioctl,
#ifdef SYS_epoll_wait
  SYS_epoll_wait,
#endif
  SYS_epoll_pwait,
  SYS_epoll_ctl,
  SYS_close,
  SYS_getsockopt,
  SYS_setsockopt,
  434 /* pidfd_open */,
  438 /* pidfd_getfd */,
  SYS_process_vm_readv,
  SYS_connect,
  SYS_bind,
  SYS_socket,
  SYS_getsockname,
  SYS_recvmsg,
  SYS_sendto,
  SYS_sendmsg,
  SYS_read,
  SYS_ppoll,
#ifdef SYS_poll
  SYS_poll,
#endif
#ifdef SYS_fstat
  SYS_fstat,
#endif
#ifdef SYS_newfstatat
  SYS_newfstatat,
#endif
#ifdef SYS_fcntl64
  SYS_fcntl64,
  SYS_fstat64,
  SYS_fstatat64,
#endif
  SYS_fcntl,
  SYS_statx,
  SYS_readlinkat,
  SYS_getdents64,
  SYS_flock,
  SYS_lseek,
  SYS_write,
  SYS_writev,
  SYS_clock_gettime,
  SYS_munmap,
  SYS_madvise,
  SYS_brk,
  SYS_getrandom, /* glibc's malloc */
  SYS_restart_syscall,
  SYS_rt_sigreturn,
  SYS_exit_group,
#ifdef SANITIZED
  SYS_mprotect,
  SYS_mremap,
  SYS_futex,
  SYS_getpid,
  SYS_gettid,
  SYS_rt_sigprocmask,
  SYS_rt_sigaction,
  SYS_sigaltstack,
  SYS_prlimit64,
#ifdef SYS_readlink
  SYS_readlink,
#endif
#endif
};
enum { CALLS = sizeof ALLOWED / sizeof *ALLOWED, ROOM = 2 * CALLS + 16 };

struct filter {
  size_t n;
  struct sock_filter code[ROOM];
};

static void add(struct filter *f, unsigned int code, uint32_t k, unsigned int yes, unsigned int no)
{
  f->code[f->n] = (struct sock_filter){
    .code = (uint16_t)code,
    .jt = (uint8_t)yes,
    .jf = (uint8_t)no,
    .k = k,
  };
  f->n++;
}

/* Allowed without these bits in an argument; little-endian as rk-relay's. */
static void without(struct filter *f, int nr, unsigned int arg, uint32_t bits)
{
  add(f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 0, 4);
  add(f, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, args) + 8 * arg, 0, 0);
  add(f, BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
  add(f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
  add(f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

int seccomp_install(void)
{
  struct filter f = {.n = 0};
  struct sock_fprog program = {.filter = f.code};

  add(&f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
  add(&f, BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0);
  add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
  add(&f, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
  for (size_t i = 0; i < CALLS; i++) {
    add(&f, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)ALLOWED[i], 0, 1);
    add(&f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
  }
  without(&f, SYS_openat, 2, O_WRONLY | O_RDWR | O_CREAT | O_TRUNC);
  without(&f, SYS_mmap, 2, PROT_EXEC);
  add(&f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
  program.len = (unsigned short)f.n;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
    return -1;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
