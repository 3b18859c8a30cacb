/* SPDX-License-Identifier: ISC
   Why there is no user namespace, or no good one. */
#ifndef USERNS_WHY_H
#define USERNS_WHY_H

/* unshare(CLONE_NEWUSER) failed with this errno: find out which setting of the host it was, say so
   and die (102, or 111). */
void userns_die(int e) __attribute__((noreturn));

/* In the new namespace: die (102) if it came without capabilities, or with a profile that will
   refuse their use. */
void userns_check(void);

#endif
