/* SPDX-License-Identifier: ISC
   The control socket of rk-outside: the chain's requests and their replies (rk/ctl.h). */
#ifndef OUTSIDE_CTL_H
#define OUTSIDE_CTL_H

#include <stddef.h>
#include <sys/types.h>

#include <rk/ctl.h>

#include "chain.h"

/* Room for any reply. */
union ctl_reply {
  struct rk_reply head;
  struct rk_reply_idmap idmap;
  struct rk_reply_net net;
};

/* A handler serves one kind of request. The message has the exact size of its struct, and fd came
   with it if the table (ctl.c) says so, else it is -1; the handler owns it. reply is all zero but
   for the version. Returns how many bytes of reply to send; 0: none now, the handler sees to it
   that ctl_send is called later; -1: no rk link makes such a request. */
typedef ssize_t ctl_handler(struct chain *chain, void const *request, int fd,
                            union ctl_reply *reply);

ctl_handler req_idmap;         /* req_idmap.c */
ctl_handler req_net;           /* req_net.c */
ctl_handler req_net_await;     /* req_net.c */
ctl_handler req_program_netns; /* req_net.c */
ctl_handler req_net_verify;    /* req_net.c */
ctl_handler req_ready;         /* req_ready.c */
ctl_handler req_confine;       /* req_ready.c */
ctl_handler req_bypass;        /* bypass.c */

/* ctl.c: serve the control socket in chain->control.fd from now on. 0, or -1 with errno of
   rk_loop_add. */
int ctl_serve(struct chain *chain);

/* ctl_send.c: send a reply. A chain that was killed meanwhile reads nothing, which is no failure.
   If the reply cannot be sent for another reason, a warning says so and the control socket is
   closed: the link would wait for ever otherwise. */
void ctl_send(struct chain *chain, void const *reply, size_t len);

/* ctl_send.c: close the control socket, if it is open. */
void ctl_close(struct chain *chain);

/* ctl_send.c: what went wrong, in the head of a reply: an errno, and a text for people, which is
   cut to the room there is. */
void ctl_error(struct rk_reply *head, int error, char const *text);

#endif
