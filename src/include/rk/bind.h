/* SPDX-License-Identifier: ISC */
#ifndef RK_BIND_H
#define RK_BIND_H

#include <sys/socket.h>

/* A new socket (TCP, else UDP) bound to *sa, which is AF_INET or AF_INET6; a TCP socket listens,
   with the longest queue that net.core.somaxconn allows. v6only: for IPV6_V6ONLY (ipv6(7)). The fd
   is close-on-exec, non-blocking, and the caller's; or -1 with errno.

   SO_REUSEADDR is set on TCP sockets: a program that starts again can bind while connections of the
   old one go on; two listeners still exclude each other (tcp(7); inet_csk_bind_conflict). On UDP it
   would let anybody share the port. */
int rk_bind(struct sockaddr_storage const *sa, int v6only, int tcp);

/* Likewise, for what arrives by this interface only (SO_BINDTODEVICE of socket(7), for everybody
   since Linux 5.7); "": by any. errno ENODEV: there is none of that name. shared: a UDP socket has
   SO_REUSEADDR as well; those that have it all get a copy of what is sent to a group. */
int rk_bind_to(struct sockaddr_storage const *sa, int v6only, int tcp, char const *ifname,
               int shared);

/* How long a queue rk_bind asks for: the kernel cuts it to net.core.somaxconn (listen(2)). */
enum { RK_BACKLOG = 65535 };

#endif
