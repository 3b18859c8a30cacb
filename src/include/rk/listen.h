/* SPDX-License-Identifier: ISC
   The host's sockets that rk-listen hands to a chain, as its later links know them. They are told
   by two variables:
     RK_LISTEN_FDS   FD:COOKIE,... each socket, with its SO_COOKIE (socket(7)), a number that the
                     kernel gives once
     RK_LISTEN_OPEN  they can still be made to connect: rk-confine must come before the program, and
                     takes it off */
#ifndef RK_LISTEN_H
#define RK_LISTEN_H

#include <stdint.h>

/* The socket's cookie, 0: it is none. */
uint64_t rk_socket_cookie(int fd);

/* Is fd one of the sockets of RK_LISTEN_FDS? */
int rk_listen_made(int fd);

/* For the link that prog, no link, follows: dies (100) while RK_LISTEN_OPEN is set, and removes
   RK_LISTEN_FDS. */
void rk_listen_end(char const *prog);

#endif
