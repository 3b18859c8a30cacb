/* SPDX-License-Identifier: ISC
   Reading the files of DIR/ports.status, one for each file of DIR/ports, in which rk-portd says
   what became of that port: lines KEY=VALUE (rk-ports(5)). */
#ifndef RK_PORTSTATUS_H
#define RK_PORTSTATUS_H

#include <stddef.h>
#include <sys/types.h>

enum { RK_PORTSTATUS_MAX = 4096 }; /* no such file is longer */

enum rk_portstate {
  RK_PORTSTATE_NONE, /* there is no state=..., or one that this version does not know */
  RK_PORTSTATE_WAITING,
  RK_PORTSTATE_LISTENING,
  RK_PORTSTATE_ERROR /* the key error says why */
};

/* The whole file of a name relative to the directory statusfd (-1: there is none yet), terminated.
   Its length, or -1 with errno: ENOENT (rk-portd has not seen the port file, or that is gone), or
   that of open(2) and read(2). */
ssize_t rk_portstatus_read(int statusfd, char const *name, char *buf, size_t size);

/* The value of the first line KEY=..., copied to buf, cut to size - 1 bytes, terminated. Its length
   in buf, or -1 with errno ENOENT. */
ssize_t rk_portstatus_value(char const *text, char const *key, char *buf, size_t size);

enum rk_portstate rk_portstatus_state(char const *text);

#endif
