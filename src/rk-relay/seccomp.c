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

#include <rk/fail.h>

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

enum { ROOM = 256 };

/* The program as it is made. Instructions, jf and jt: seccomp(2), linux/filter.h. */
struct filter {
  unsigned short n;
  unsigned short from; /* the first instruction of the block that is being made */
  struct sock_filter code[ROOM];
};

static void add(struct filter *f, struct sock_filter instruction)
{
  if (f->n < ROOM)
    f->code[f->n] = instruction;
  f->n++;
}

static void statement(struct filter *f, int code, size_t k)
{
  add(f, (struct sock_filter){
           .code = (uint16_t)code,
           .k = (uint32_t)k,
         });
}

static void load(struct filter *f, size_t offset)
{
  statement(f, BPF_LD | BPF_W | BPF_ABS, offset);
}

/* low half, little-endian: all three architectures */
static void load_argument(struct filter *f, unsigned int n)
{
  load(f, offsetof(struct seccomp_data, args) + 8 * n);
}

static void allow(struct filter *f)
{
  statement(f, BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

static void forbid(struct filter *f)
{
  statement(f, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
}

/* Go on with the next instruction if what is loaded is (JEQ) or has a bit of (JSET) k, else skip
   one. */
static void only_if(struct filter *f, int test, uint32_t k)
{
  add(f, (struct sock_filter){
           .code = (uint16_t)(BPF_JMP | BPF_K | test),
           .jf = 1,
           .k = k,
         });
}

/* What follows, until end(), is for this system call only. It loads what it likes, and must have
   returned before its end. */
static void begin(struct filter *f, long nr)
{
  f->from = f->n;
  only_if(f, BPF_JEQ, (uint32_t)nr);
}

static void end(struct filter *f)
{
  f->code[f->from].jf = (uint8_t)(f->n - f->from - 1);
}

static void call(struct filter *f, long nr)
{
  begin(f, nr);
  allow(f);
  end(f);
}

static void calls(struct filter *f, short const *nr, size_t n)
{
  for (size_t i = 0; i < n; i++)
    call(f, nr[i]);
}
#define CALLS(f, array) calls(f, array, sizeof(array) / sizeof *(array))

/* Allowed with one of these values of an argument. */
static void one_of(struct filter *f, long nr, unsigned int arg, uint32_t const *value, size_t n)
{
  begin(f, nr);
  load_argument(f, arg);
  for (size_t i = 0; i < n; i++) {
    only_if(f, BPF_JEQ, value[i]);
    allow(f);
  }
  forbid(f);
  end(f);
}
#define ONE_OF(f, nr, arg, array) one_of(f, nr, arg, array, sizeof(array) / sizeof *(array))

/* Allowed without these bits in an argument. */
static void without(struct filter *f, long nr, unsigned int arg, uint32_t bits)
{
  begin(f, nr);
  load_argument(f, arg);
  only_if(f, BPF_JSET, bits);
  forbid(f);
  allow(f);
  end(f);
}

/* Of setsockopt the level and the option, side by side: what is used, so that nothing else can be
   made of a socket of the host's network. A level or an option that does not fit 16 bits looks like
   another pair, but the kernel knows none such. */
struct option {
  uint16_t level;
  uint16_t name;
};
static struct option const options[] = {
  {SOL_SOCKET, SO_REUSEADDR},
  {SOL_SOCKET, SO_LINGER},
  {SOL_SOCKET, SO_MARK},
  {SOL_SOCKET, SO_KEEPALIVE},
  {SOL_SOCKET, SO_OOBINLINE},
  {SOL_SOCKET, SO_RCVBUF},
  {SOL_SOCKET, SO_SNDBUF},
  {IPPROTO_TCP, TCP_NODELAY},
  {IPPROTO_TCP, TCP_KEEPIDLE},
  {IPPROTO_TCP, TCP_KEEPINTVL},
  {IPPROTO_IP, IP_TRANSPARENT},
  {IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT},
  {IPPROTO_IP, IP_PKTINFO},
  {IPPROTO_IP, IP_RECVERR},
  {IPPROTO_IPV6, IPV6_TRANSPARENT},
  {IPPROTO_IPV6, IPV6_RECVPKTINFO},
  {IPPROTO_IPV6, IPV6_RECVERR},
  {IPPROTO_UDP, UDP_GRO},
};

static void socket_options(struct filter *f)
{
  begin(f, SYS_setsockopt);
  load_argument(f, 1);
  statement(f, BPF_ALU | BPF_LSH | BPF_K, 16);
  statement(f, BPF_MISC | BPF_TAX, 0);
  load_argument(f, 2);
  statement(f, BPF_ALU | BPF_OR | BPF_X, 0);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    only_if(f, BPF_JEQ, (uint32_t)options[i].level << 16 | options[i].name);
    allow(f);
  }
  forbid(f);
  end(f);
}

/* connect and bind of IPv4 addresses only: 16 bytes are too short for a socket of IPv6, and the
   host's TCP sockets are such (rk-portd/bind.c). AF_UNSPEC passes, and makes an unconnected socket
   of one that can never be connected or bound again. A relay with a destination of IPv6 needs the
   longer ones. */
static void short_addresses(struct filter *f, long nr, int six)
{
  uint32_t const lengths[] = {sizeof(struct sockaddr_in)};

  if (six)
    call(f, nr);
  else
    ONE_OF(f, nr, 2, lengths);
}

static short const waiting[] = {
#ifdef SYS_epoll_wait
  SYS_epoll_wait,
#endif
  SYS_epoll_pwait,
  SYS_recvmmsg,
};

static short const connections[] = {
  SYS_epoll_ctl, SYS_shutdown,   SYS_close,       SYS_recvmsg, SYS_write, SYS_read,
  SYS_pread64,   SYS_getsockopt, SYS_getsockname, SYS_listen,  SYS_pipe2,
};

static short const rest[] = {
  SYS_sched_yield,  SYS_munmap,         SYS_madvise,
  SYS_writev,       SYS_clock_gettime,  SYS_restart_syscall,
  SYS_rt_sigreturn, SYS_exit_group,
#ifdef SANITIZED
  SYS_mprotect,     SYS_mremap,         SYS_brk,
  SYS_futex,        SYS_getpid,         SYS_gettid,
  SYS_tgkill,       SYS_rt_sigprocmask, SYS_rt_sigaction,
  SYS_sigaltstack,  SYS_openat,         SYS_readlinkat,
  SYS_fstat,        SYS_newfstatat,     SYS_lseek,
  SYS_ioctl,        SYS_getrandom,      SYS_sched_getaffinity,
  SYS_getrlimit,    SYS_prlimit64,
#ifdef SYS_readlink
  SYS_readlink,     SYS_open,           SYS_stat,
#endif
#endif
};

static void make(struct filter *f, int six, int sockets)
{
  uint32_t const families[] = {AF_INET, AF_INET6, sockets ? AF_UNIX : AF_INET};
  uint32_t const fcntls[] = {F_SETPIPE_SZ, F_GETPIPE_SZ, F_GETFL, F_SETFL};

  load(f, offsetof(struct seccomp_data, arch));
  add(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0));
  forbid(f);
  /* x32 has other numbers under the same arch: none of them is below */
  load(f, offsetof(struct seccomp_data, nr));
  call(f, SYS_recvfrom);
  /* MSG_FASTOPEN is connect by another name (tcp(7)), and the first segment carries data. */
  without(f, SYS_sendto, 3, MSG_FASTOPEN);
  call(f, SYS_splice);
  CALLS(f, waiting);
  without(f, SYS_sendmsg, 2, MSG_FASTOPEN);
  call(f, SYS_accept4);
  ONE_OF(f, SYS_socket, 0, families);
  short_addresses(f, SYS_connect, six);
  short_addresses(f, SYS_bind, six);
  CALLS(f, connections);
  ONE_OF(f, SYS_fcntl, 1, fcntls);
  socket_options(f);
  without(f, SYS_mmap, 2, PROT_EXEC);
  CALLS(f, rest);
  forbid(f);
}

int seccomp_install(int six, int sockets)
{
  struct filter f = {.n = 0};
  struct sock_fprog program = {.filter = f.code};

  make(&f, six, sockets);
  if (f.n > ROOM)
    return rk_fail(E2BIG);
  program.len = f.n;
  return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
