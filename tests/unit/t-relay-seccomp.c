/* SPDX-License-Identifier: ISC
   rk-relay's filter: what it needs is allowed, everything else kills. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../../src/rk-relay/relay.h"
#include "tap.h"

enum { SYS_NONE = -1 };

/* The signal that ended a child which made this call under the filter, 0 if it lived. */
static int fate_of(int six, long nr, long a, long b, long c, long d)
{
  int status;
  pid_t child = fork();

  if (!child) {
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 || seccomp_install(six, 0) == -1)
      syscall(SYS_exit_group, 1);
    if (nr != SYS_NONE)
      syscall(nr, a, b, c, d, 0L, 0L);
    syscall(SYS_exit_group, 0);
  }
  if (waitpid(child, &status, 0) == -1)
    return -1;
  return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? -1 : 0;
}

static int fate(long nr, long a, long b, long c)
{
  return fate_of(0, nr, a, b, c, 0);
}

int main(void)
{
  is_num(fate(SYS_NONE, 0, 0, 0), 0, "the filter can be installed and left");
  is_num(fate(SYS_socket, AF_INET6, SOCK_STREAM, 0), 0, "an IPv6 socket");
  is_num(fate(SYS_socket, AF_INET, SOCK_DGRAM, 0), 0, "an IPv4 socket");
  is_num(fate(SYS_fcntl, 0, F_SETFL, 0), 0, "fcntl: flags");
  is_num(fate(SYS_fcntl, 0, F_GETPIPE_SZ, 0), 0, "fcntl: a pipe's size");
  is_num(fate(SYS_splice, -1, 0, -1), 0, "splice");
  is_num(fate(SYS_mmap, 0, 4096, PROT_READ), 0, "memory");
  is_num(fate(SYS_socket, AF_UNIX, SOCK_STREAM, 0), SIGSYS, "no unix socket");
  is_num(fate(SYS_socket, AF_NETLINK, SOCK_RAW, 0), SIGSYS, "no further netlink socket");
  is_num(fate(SYS_socket, AF_PACKET, SOCK_RAW, 0), SIGSYS, "no packet socket");
  is_num(fate(SYS_fcntl, 0, F_DUPFD, 100), SIGSYS, "fcntl: nothing else");
  is_num(fate(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC), SIGSYS, "no executable memory");
  is_num(fate(SYS_execve, 0, 0, 0), SIGSYS, "no execve");
  is_num(fate(SYS_clone, SIGCHLD, 0, 0), SIGSYS, "no fork");
  is_num(fate(SYS_ptrace, 0, 0, 0), SIGSYS, "no ptrace");
  is_num(fate(SYS_setns, -1, 0, 0), SIGSYS, "no setns");
  is_num(fate(SYS_kill, 1, 0, 0), SIGSYS, "no kill");
  is_num(fate(SYS_openat2, -1, 0, 0), SIGSYS, "no file");
  is_num(fate(SYS_prctl, PR_SET_DUMPABLE, 1, 0), SIGSYS, "it cannot become dumpable again");
  is_num(fate(SYS_connect, -1, 0, sizeof(struct sockaddr_in)), 0, "connect: an address of IPv4");
  is_num(fate(SYS_connect, -1, 0, sizeof(struct sockaddr_in6)), SIGSYS,
         "connect: none of IPv6, so not by a socket of IPv6");
  is_num(fate(SYS_connect, -1, 0, 24), SIGSYS,
         "connect: nor the shortest that such a socket takes");
  is_num(fate(SYS_bind, -1, 0, sizeof(struct sockaddr_in)), 0, "bind: an address of IPv4");
  is_num(fate(SYS_bind, -1, 0, sizeof(struct sockaddr_in6)), SIGSYS, "bind: none of IPv6");
  is_num(fate_of(1, SYS_connect, -1, 0, sizeof(struct sockaddr_in6), 0), 0,
         "with a destination of IPv6, connect to it");
  is_num(fate_of(1, SYS_bind, -1, 0, sizeof(struct sockaddr_in6), 0), 0, "... and bind");
  is_num(fate(SYS_sendto, -1, 0, 0), 0, "sendto");
  is_num(fate_of(0, SYS_sendto, -1, 0, 0, MSG_FASTOPEN), SIGSYS,
         "sendto cannot connect (MSG_FASTOPEN)");
  is_num(fate(SYS_sendmsg, -1, 0, MSG_FASTOPEN), SIGSYS, "... nor sendmsg");
  is_num(fate(SYS_sendmmsg, -1, 0, 0), SIGSYS, "... and no sendmmsg");
  is_num(fate(SYS_setsockopt, -1, SOL_SOCKET, SO_MARK), 0, "setsockopt: a mark");
  is_num(fate(SYS_setsockopt, -1, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */), SIGSYS,
         "setsockopt: no fast open");
  is_num(fate(SYS_setsockopt, -1, IPPROTO_IPV6, 1 /* IPV6_ADDRFORM */), SIGSYS,
         "setsockopt: an IPv6 socket stays one");
  is_num(fate(SYS_setsockopt, -1, SOL_SOCKET, SO_BINDTODEVICE), SIGSYS, "setsockopt: nothing else");
  return tap_done();
}
