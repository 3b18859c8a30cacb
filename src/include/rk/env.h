/* SPDX-License-Identifier: ISC
   The environment without malloc: setenv(3) and unsetenv(3) would bring 9 KB of allocator into
   every link. */
#ifndef RK_ENV_H
#define RK_ENV_H

/* Remove every NAME=... from environ. */
void rk_env_unset(char const *name);

/* Let string ("NAME=value", the caller's, kept) stand for the variable NAME if it is set. 1, or 0:
   it is not set. */
int rk_env_replace(char *string);

#endif
