/* SPDX-License-Identifier: ISC
   rk-t-turn WAY FD PORT: make the TCP socket FD, which listens or is connected, connect to
   127.0.0.1:PORT in this way. Prints "ok", the name of the error, or "absent" where the kernel has
   no such way. rk-t-turn: lists the ways. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#ifndef MSG_FASTOPEN
#define MSG_FASTOPEN 0x20000000
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

/* What a 32-bit call points to must lie below 4 GiB. */
struct low {
  struct sockaddr_in to;
  struct sockaddr unspec;
  uint32_t args[6];
  char byte;
};

static struct low *low;
static int fd;

static int unspec(void)
{
  return connect(fd, &low->unspec, sizeof low->unspec);
}

static int to(void)
{
  return connect(fd, (struct sockaddr *)&low->to, sizeof low->to);
}

static int by_unspec(void)
{
  unspec();
  return to();
}

static int by_shutdown(void)
{
  shutdown(fd, SHUT_RDWR);
  return to();
}

static int by_accepted(void)
{
  fd = accept(fd, NULL, NULL);
  return by_unspec();
}

static int by_sendto(void)
{
  unspec();
  return (int)sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&low->to, sizeof low->to);
}

static struct msghdr message(void)
{
  static struct iovec iov = {.iov_base = "x", .iov_len = 1};

  return (struct msghdr){
    .msg_name = &low->to,
    .msg_namelen = sizeof low->to,
    .msg_iov = &iov,
    .msg_iovlen = 1,
  };
}

static int by_sendmsg(void)
{
  struct msghdr m = message();

  shutdown(fd, SHUT_RDWR);
  return (int)sendmsg(fd, &m, MSG_FASTOPEN);
}

static int by_sendmmsg(void)
{
  struct mmsghdr m = {.msg_hdr = message()};

  unspec();
  return sendmmsg(fd, &m, 1, MSG_FASTOPEN);
}

static int by_option(void)
{
  int on = 1;

  unspec();
  setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof on);
  if (to() == -1)
    return -1;
  return (int)write(fd, "x", 1);
}

static int by_uring(void)
{
  struct io_uring_params p = {0};
  struct io_uring_sqe *sqe;
  char *sq, *cq;
  int ring = (int)syscall(SYS_io_uring_setup, 1, &p);

  if (ring == -1)
    return -1;
  sq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, (off_t)IORING_OFF_SQ_RING);
  cq = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, (off_t)IORING_OFF_CQ_RING);
  sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, (off_t)IORING_OFF_SQES);
  if (sq == MAP_FAILED || cq == MAP_FAILED || (void *)sqe == MAP_FAILED)
    return -1;
  unspec();
  sqe->opcode = IORING_OP_CONNECT;
  sqe->fd = fd;
  sqe->addr = (uintptr_t)&low->to;
  sqe->off = sizeof low->to;
  *(uint32_t *)(void *)(sq + p.sq_off.array) = 0;
  *(uint32_t *)(void *)(sq + p.sq_off.tail) = 1;
  if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == -1)
    return -1;
  errno = -((struct io_uring_cqe *)(void *)(cq + p.cq_off.cqes))->res;
  return errno ? -1 : 0;
}

#ifdef __x86_64__
static int call32(int nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
  long r;

  __asm__ volatile("push %%rbp\n\tmov %[f], %%ebp\n\tint $0x80\n\tpop %%rbp"
                   : "=a"(r)
                   : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "r"(f)
                   : "memory", "r8", "r9", "r10", "r11");
  if ((int)r >= 0)
    return (int)r;
  errno = -(int)r;
  return -1;
}

#define LOW(member) ((uint32_t)(uintptr_t)&low->member)

static int by_connect32(void)
{
  unspec();
  return call32(362, (uint32_t)fd, LOW(to), sizeof low->to, 0, 0, 0);
}

static int by_socketcall32(void)
{
  unspec();
  low->args[0] = (uint32_t)fd;
  low->args[1] = LOW(to);
  low->args[2] = sizeof low->to;
  return call32(102, 3 /* SYS_CONNECT, <linux/net.h> */, LOW(args), 0, 0, 0, 0);
}

static int by_sendto32(void)
{
  unspec();
  return call32(369, (uint32_t)fd, LOW(byte), 1, MSG_FASTOPEN, LOW(to), sizeof low->to);
}

static int by_x32(void)
{
  unspec();
  return (int)syscall(0x40000000 + SYS_connect, fd, &low->to, sizeof low->to);
}
#endif

static struct {
  char const *name;
  int (*turn)(void);
} const ways[] = {
  {.name = "unspec", .turn = by_unspec},       {.name = "shutdown", .turn = by_shutdown},
  {.name = "accepted", .turn = by_accepted},   {.name = "sendto", .turn = by_sendto},
  {.name = "sendmsg", .turn = by_sendmsg},     {.name = "sendmmsg", .turn = by_sendmmsg},
  {.name = "option", .turn = by_option},       {.name = "uring", .turn = by_uring},
#ifdef __x86_64__
  {.name = "connect32", .turn = by_connect32}, {.name = "socketcall32", .turn = by_socketcall32},
  {.name = "sendto32", .turn = by_sendto32},   {.name = "x32", .turn = by_x32},
#endif
};

static char const *result(int r)
{
  if (r != -1)
    return "ok";
  switch (errno) {
    case EACCES: return "EACCES";
    case EOPNOTSUPP: return "EOPNOTSUPP";
    case ENOSYS: return "absent";
    default: return strerror(errno);
  }
}

int main(int argc, char **argv)
{
  low = mmap((void *)0x10000000, sizeof *low, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
             -1, 0);
  if (low == MAP_FAILED)
    return 111;
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
    if (argc < 4) {
      puts(ways[i].name);
    } else if (!strcmp(argv[1], ways[i].name)) {
      fd = atoi(argv[2]);
      low->to.sin_family = AF_INET;
      low->to.sin_port = htons((uint16_t)atoi(argv[3]));
      low->to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      puts(result(ways[i].turn()));
    }
  }
  return 0;
}
