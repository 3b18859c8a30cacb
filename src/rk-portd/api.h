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

/* How a driver is asked for the kth port of a range, inside being the address inside, and what it
   is sent to withdraw that. */
struct api_words {
  enum forwarded (*add)(struct forward const *f, struct published *p, uint32_t k,
                        char const *inside, struct rk_text *why);
  void (*del)(struct rk_text *request, struct published const *p, uint32_t k);
};

/* All ports of the range or none, after a try whether they can be bound: the driver does not say
   why not. As attach of struct forwarder. */
enum forwarded api_attach(struct forward *f, struct published *p, struct api_words const *words,
                          char const *inside, struct rk_text *why);

/* Those that were added. A driver that is gone has no ports any more; one that does not answer is
   not asked again. */
void api_detach(struct forward *f, struct published *p, struct api_words const *words);

/* As stale, up and down of struct forwarder: each driver makes its socket anew. */
int api_stale(struct forward *f);
enum forwarded api_up(struct forward *f, struct rk_text *why);
void api_down(struct forward *f);

#endif
