/* SPDX-License-Identifier: ISC
   Does anybody listen there? One question of sock_diag(7). It needs no privilege, takes about 1 us,
   and is about the network namespace in which the socket was opened. */
#ifndef RK_DIAG_H
#define RK_DIAG_H

#include <sys/socket.h>

/* Is there a socket that a new connection (protocol IPPROTO_TCP) or a datagram (IPPROTO_UDP) to
   dest, an address and a port of AF_INET or AF_INET6, would reach? Sockets bound to every address
   count; what the packet filter does is not seen. fd: rk_nl_open(NETLINK_SOCK_DIAG). 1 or 0, or -1
   with errno. A kernel without tcp_diag or udp_diag answers 0 as well (ENOENT): to know, ask it
   about a socket that is surely there. */
int rk_diag_listens(int fd, int protocol, struct sockaddr const *dest);

#endif
