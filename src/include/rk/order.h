/* SPDX-License-Identifier: ISC
   Links in the wrong order: what a link finds, and what to write instead. */
#ifndef RK_ORDER_H
#define RK_ORDER_H

/* Is name (the last part of a path) that of a link, as package/targets marks them? */
int rk_order_is_link(char const *name);

/* Is no id mapped in this process's user namespace yet, as between rk-userns and rk-idmap? Also 0
   where /proc is missing. user_namespaces(7): every id is then the overflow id. */
int rk_order_unmapped(void);

/* Dies (100) if that is so and the link that calls it needs root inside. */
void rk_order_need_ids(void);

/* Die of a call that failed with errno: what, after "unable to". EPERM without CAP_SYS_ADMIN is
   100: rk-userns and rk-idmap are not before this link. With it, under a seccomp filter, it is the
   finding U2 of rk-host-settings(7). All else is 111. */
void rk_order_die(char const *what) __attribute__((noreturn));

#endif
