/* SPDX-License-Identifier: ISC
   The relay's allow-list, as plain BPF: everything else kills the process, and rk-portd reports
   SIGSYS. Busiest calls first, since the list is walked (about 1 ns an entry). */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
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

#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef IPV6_TRANSPARENT
#define IPV6_TRANSPARENT 75
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif

/* The sanitizers' own run time needs more. This is a switch of the build: no program can ask for
   it. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#endif

#define NR offsetof(struct seccomp_data, nr)
/* low half, little-endian: all three architectures */
#define ARG(n) (offsetof(struct seccomp_data, args) + 8 * (n))
#define LOAD(what) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (what))
#define YES BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define NO BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), YES
#define EITHER(name, arg, a, b) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 5), LOAD(ARG(arg)), \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (a), 1, 0), \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (b), 0, 1), YES, NO
#define WITHOUT(name, arg, bits) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(ARG(arg)), \
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 1, 0), YES, NO

/* connect and bind of IPv4 addresses only: 16 bytes are too short for a socket of IPv6, and the
   host's TCP sockets are such (rk-portd/bind.c). AF_UNSPEC passes, and makes an unconnected socket
   of one that can never be connected or bound again. A relay with a destination of IPv6 needs the
   longer ones. */
#define SHORT(name) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(ARG(2)), \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, sizeof(struct sockaddr_in), 0, 1), YES, NO

/* Of setsockopt the level and the option, side by side: what is used, so that nothing else can be
   made of a socket of the host's network. A level or an option that does not fit 16 bits looks like
   another pair, but the kernel knows none such. */
#define OPTION(level, name) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(level) << 16 | (name), 0, 1), YES
#define OPTIONS(n) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, 6 + 2 * (n)), LOAD(ARG(1)), \
    BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 16), BPF_STMT(BPF_MISC | BPF_TAX, 0), LOAD(ARG(2)), \
    BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0)

static struct sock_filter filter[] = {
  LOAD(offsetof(struct seccomp_data, arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), NO,
  LOAD(NR), /* x32 has other numbers under the same arch: none of them is below */
  /* MSG_FASTOPEN is connect by another name (tcp(7)), and the first segment carries data. */
  ALLOW(recvfrom), WITHOUT(sendto, 3, MSG_FASTOPEN), ALLOW(splice),
#ifdef SYS_epoll_wait
  ALLOW(epoll_wait),
#endif
  ALLOW(epoll_pwait), ALLOW(recvmmsg), WITHOUT(sendmsg, 2, MSG_FASTOPEN), ALLOW(accept4),
  EITHER(socket, 0, AF_INET, AF_INET6), SHORT(connect), SHORT(bind), ALLOW(epoll_ctl),
  ALLOW(shutdown), ALLOW(close), ALLOW(recvmsg), ALLOW(write), ALLOW(read), ALLOW(pread64),
  ALLOW(getsockopt), ALLOW(getsockname), ALLOW(listen), ALLOW(pipe2),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 7), LOAD(ARG(1)),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETPIPE_SZ, 3, 0),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_GETPIPE_SZ, 2, 0),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_GETFL, 1, 0),
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, F_SETFL, 0, 1), YES, NO, OPTIONS(17),
  OPTION(SOL_SOCKET, SO_REUSEADDR), OPTION(SOL_SOCKET, SO_LINGER), OPTION(SOL_SOCKET, SO_MARK),
  OPTION(SOL_SOCKET, SO_KEEPALIVE), OPTION(SOL_SOCKET, SO_RCVBUF), OPTION(SOL_SOCKET, SO_SNDBUF),
  OPTION(IPPROTO_TCP, TCP_NODELAY), OPTION(IPPROTO_TCP, TCP_KEEPIDLE),
  OPTION(IPPROTO_TCP, TCP_KEEPINTVL), OPTION(IPPROTO_IP, IP_TRANSPARENT),
  OPTION(IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), OPTION(IPPROTO_IP, IP_PKTINFO),
  OPTION(IPPROTO_IP, IP_RECVERR), OPTION(IPPROTO_IPV6, IPV6_TRANSPARENT),
  OPTION(IPPROTO_IPV6, IPV6_RECVPKTINFO), OPTION(IPPROTO_IPV6, IPV6_RECVERR),
  OPTION(IPPROTO_UDP, UDP_GRO), NO, WITHOUT(mmap, 2, PROT_EXEC), ALLOW(sched_yield), ALLOW(munmap),
  ALLOW(madvise), ALLOW(writev), ALLOW(clock_gettime), ALLOW(restart_syscall), ALLOW(rt_sigreturn),
  ALLOW(exit_group),
#ifdef SANITIZED
  ALLOW(mprotect), ALLOW(mremap), ALLOW(brk), ALLOW(futex), ALLOW(getpid), ALLOW(gettid),
  ALLOW(tgkill), ALLOW(rt_sigprocmask), ALLOW(rt_sigaction), ALLOW(sigaltstack), ALLOW(openat),
  ALLOW(readlinkat), ALLOW(fstat), ALLOW(newfstatat), ALLOW(lseek), ALLOW(ioctl), ALLOW(getrandom),
  ALLOW(sched_getaffinity), ALLOW(getrlimit), ALLOW(prlimit64),
#ifdef SYS_readlink
  ALLOW(readlink), ALLOW(open), ALLOW(stat),
#endif
#endif
  NO};

/* Both lengths. The place is found by what SHORT has put there. */
static void widen(void)
{
  struct sock_filter const narrow[] = {SHORT(connect)};

  for (size_t i = 0; i + 3 < sizeof filter / sizeof *filter; i++) {
    if (filter[i].k != SYS_connect && filter[i].k != SYS_bind)
      continue;
    if (filter[i + 2].code != narrow[2].code || filter[i + 2].k != narrow[2].k)
      continue;
    filter[i + 2] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0);
  }
}

int seccomp_install(int six)
{
  struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};

  if (six)
    widen();

  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
