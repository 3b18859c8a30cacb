/* SPDX-License-Identifier: ISC
   The session keyring (keyrings(7)): what its holder may do with keys comes along through fork,
   execve and a new user namespace. */
#ifndef RK_KEYRING_H
#define RK_KEYRING_H

/* Leave the session keyring for a new, empty one without a name; both this process and what it
   becomes. 0 also where no process after this one could reach a key: a kernel without keys
   (ENOSYS), or a seccomp filter over keyctl(2) (EPERM, as containers have). Else -1 with errno:
   EDQUOT if the user has kernel.keys.maxkeys keys; those of ended processes count for some
   milliseconds (RCU), for which it waits. */
int rk_keyring_new(void);

/* The same, or die: 102 with U9 for EDQUOT, else 111. */
void rk_keyring_new_or_die(void);

#endif
