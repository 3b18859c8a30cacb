/* SPDX-License-Identifier: ISC */
#include <rk/tty.h>

#include <errno.h>
#include <stddef.h>
#include <unistd.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include <skalibs/strerr.h>

#include <rk/exit.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C /* asm-generic/ioctls.h; musl has it on some architectures only */
#endif

/* Every way of the kernel's into ioctl(2): seccomp(2) warns of a filter that knows one
   architecture's numbers only. x86 has three (x32 has bit 30 set, and other numbers from 512 on;
   kernels before 5.4 took these without the bit, and 16 with it), ARM two. */
enum {
  X32_BIT = 0x40000000,
  IOCTL_X86_64 = 16,
  IOCTL_X32 = 514,
  IOCTL_I386 = 54,
  IOCTL_ARM = 54,
  IOCTL_OTHER = SYS_ioctl /* what this is built for, and its 32-bit sister of the same number:
                             riscv, s390, powerpc */
};

/* The kernel takes an unsigned int of the second argument, so the upper half of the register says
   nothing. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define COMMAND (offsetof(struct seccomp_data, args[1]) + 4)
#else
#define COMMAND offsetof(struct seccomp_data, args[1])
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (offset))
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static struct sock_filter const filter[] = {
  /* 0 */ LOAD(offsetof(struct seccomp_data, arch)),
  /* 1 */ IF(AUDIT_ARCH_X86_64, 4, 0),
  /* 2 */ IF(AUDIT_ARCH_I386, 7, 0),
  /* 3 */ IF(AUDIT_ARCH_ARM, 6, 0),
  /* 4 */ LOAD(offsetof(struct seccomp_data, nr)),
  /* 5 */ IF(IOCTL_OTHER, 7, 6),
  /* 6 */ LOAD(offsetof(struct seccomp_data, nr)),
  /* 7 */ BPF_STMT(BPF_ALU | BPF_AND | BPF_K, ~(unsigned int)X32_BIT),
  /* 8 */ IF(IOCTL_X86_64, 4, 0),
  /* 9 */ IF(IOCTL_X32, 3, 2),
  /* 10 */ LOAD(offsetof(struct seccomp_data, nr)),
  /* 11 */ IF(IOCTL_I386, 1, 0),
  /* 12 */ ALLOW,
  /* 13 */ LOAD(COMMAND),
  /* 14 */ IF(TIOCSTI, 2, 0),
  /* 15 */ IF(TIOCLINUX, 1, 0),
  /* 16 */ ALLOW,
  /* 17 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};
_Static_assert((int)IOCTL_I386 == (int)IOCTL_ARM, "one comparison for both");

int rk_tty_no_input(void)
{
  struct sock_fprog const program = {
    .len = sizeof filter / sizeof *filter,
    .filter = (struct sock_filter *)(unsigned long)filter,
  };

  /* Without SPEC_ALLOW kernels before 5.16 switch speculative stores off for what is filtered,
     which is slow (4.17 has the flag). */
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) == 0)
    return 0;
  if (errno != EINVAL)
    return -1;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : -1;
}

void rk_tty_no_input_or_die(void)
{
  if (rk_tty_no_input() == -1)
    strerr_diefusys(RK_EXIT_SYS,
                    "close the terminal's TIOCSTI and TIOCLINUX (option -T leaves them open)");
}
