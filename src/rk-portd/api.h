/* SPDX-License-Identifier: ISC
   What the forwarders share that ask a network driver by its socket in the state directory. */
#ifndef RK_PORTD_API_H
#define RK_PORTD_API_H

#include <sys/types.h>

#include "forward.h"

/* Send the request, read until the other side ends. Length of the answer, which is terminated, or
   -1 with errno (ENOENT, ECONNREFUSED: nobody listens there, ETIMEDOUT: no whole answer). */
ssize_t api_call(struct forward const *f, struct rk_text const *request, char *answer, size_t size);

/* The address inside: that of the port file, else the fact net/ip. Root inside can write that file,
   and what it says goes into a request: -1 with *why if it is no IPv4 address. */
int api_inside_address(struct forward const *f, struct published const *p, char *ip, size_t size,
                       struct rk_text *why);

/* As stale, up and down of struct forwarder: each driver makes its socket anew. */
int api_stale(struct forward *f);
enum forwarded api_up(struct forward *f, struct rk_text *why);
void api_down(struct forward *f);

#endif
