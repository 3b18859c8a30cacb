/* SPDX-License-Identifier: ISC
   The file capability CAP_NET_BIND_SERVICE of rk-run, which is rk-portd's to use. */
#ifndef RUN_PRIVILEGE_H
#define RUN_PRIVILEGE_H

/* To be called first. Give up all that this program's file has given it but CAP_NET_BIND_SERVICE,
   which is not effective here. Returns an O_PATH fd of the directory from which rk-portd may be
   executed with it: there only root or this file's owner can put a program. -1: there is no such
   capability, or (with a warning) no such directory. */
int privilege_take(void);

/* In a child that executes rk-portd: let it have that capability. 0, or -1 with errno: EPERM if
   the securebit NO_CAP_AMBIENT_RAISE is set. */
int privilege_hand_on(void);

#endif
